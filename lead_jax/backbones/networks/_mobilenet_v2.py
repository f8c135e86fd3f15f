"""MobileNetV2: depthwise convolutions between a wide and a narrow 1x1 one.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (CVPR 2018),
https://arxiv.org/abs/1801.04381; Table 2 at width 1.
"""

import flax.linen as nn
import jax.numpy as jnp

from lead_jax.backbones.networks._layers import (
  BatchNorm,
  Conv,
  Dtype,
  Images,
  Outputs,
  outputs,
)

# Expansion, channels, blocks, stride of the first.
_STAGES = (
  (1, 16, 1, 1),
  (6, 24, 2, 2),
  (6, 32, 3, 2),
  (6, 64, 4, 2),
  (6, 96, 3, 1),
  (6, 160, 3, 2),
  (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
  """Widens, filters each channel by itself, narrows; without a last activation."""

  expansion: int
  width: int
  stride: int
  dtype: Dtype

  @nn.compact
  def __call__(self, x: Images) -> Images:
    dtype, inner = self.dtype, self.expansion * x.shape[-1]
    y, place = x, 0
    if self.expansion > 1:
      y = Conv(inner, 1, dtype=dtype, name="conv.0.0")(y)
      y = BatchNorm("relu6", dtype=dtype, name="conv.0.1")(y)
      place = 1
    y = Conv(
      inner, 3, self.stride, 1, groups=inner, dtype=dtype, name=f"conv.{place}.0"
    )(y)
    y = BatchNorm("relu6", dtype=dtype, name=f"conv.{place}.1")(y)
    y = Conv(self.width, 1, dtype=dtype, name=f"conv.{place + 1}")(y)
    shortcut = x if x.shape == y.shape else None
    return BatchNorm(dtype=dtype, name=f"conv.{place + 2}")(y, shortcut)


class MobileNetV2(nn.Module):
  """The network at width 1.

  Attributes:
    num_logits: Outputs of the source classifier; 0 for a network without one.
    dtype: Of products and what goes from layer to layer.
  """

  num_logits: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    dtype = self.dtype
    x = Conv(32, 3, 2, 1, dtype=dtype, name="features.0.0")(images)
    x = BatchNorm("relu6", dtype=dtype, name="features.0.1")(x)
    place = 1
    for expansion, width, count, first in _STAGES:
      for index in range(count):
        stride = 1 if index else first
        block = InvertedResidual(
          expansion, width, stride, dtype, name=f"features.{place}"
        )
        x = block(x)
        place += 1
    x = Conv(1280, 1, dtype=dtype, name=f"features.{place}.0")(x)
    x = BatchNorm("relu6", dtype=dtype, name=f"features.{place}.1")(x)
    return outputs(x, self.num_logits, "classifier.1", dtype)
