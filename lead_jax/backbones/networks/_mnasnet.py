"""MNASNet at depth multiplier 1, as torchvision has it.

Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile" (CVPR 2019),
https://arxiv.org/abs/1807.11626.

The ranking papers' zoo lists "MNASNet-A1". What public code for it loads is torchvision's
`mnasnet1_0` (https://github.com/mgholamikn/ETran, README: mnasnet1.0_top1_73.512-
f206786ef8.pth), which is the paper's B1 by torchvision's own words: other widths than A1,
and no squeeze-and-excitation. That network is the one here.
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

# Channels, size of the depthwise kernel, stride of the first block, expansion, blocks.
_STACKS = (
  (24, 3, 2, 3, 3),
  (40, 5, 2, 3, 3),
  (80, 5, 2, 6, 3),
  (96, 3, 1, 6, 2),
  (192, 5, 2, 6, 4),
  (320, 3, 1, 6, 1),
)


class InvertedResidual(nn.Module):
  """Widens, filters each channel by itself, narrows; without a last activation."""

  width: int
  size: int
  stride: int
  expansion: int
  shortcut: bool
  dtype: Dtype

  @nn.compact
  def __call__(self, x: Images) -> Images:
    dtype, inner, pad = self.dtype, self.expansion * x.shape[-1], self.size // 2
    y = Conv(inner, 1, dtype=dtype, name="layers.0")(x)
    y = BatchNorm("relu", dtype=dtype, name="layers.1")(y)
    y = Conv(
      inner, self.size, self.stride, pad, groups=inner, dtype=dtype, name="layers.3"
    )(y)
    y = BatchNorm("relu", dtype=dtype, name="layers.4")(y)
    y = Conv(self.width, 1, dtype=dtype, name="layers.6")(y)
    return BatchNorm(dtype=dtype, name="layers.7")(y, x if self.shortcut else None)


class MnasNet(nn.Module):
  """The network at depth multiplier 1.

  Attributes:
    num_logits: Outputs of the source classifier; 0 for a network without one.
    dtype: Of products and what goes from layer to layer.
  """

  num_logits: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    dtype = self.dtype
    x = Conv(32, 3, 2, 1, dtype=dtype, name="layers.0")(images)
    x = BatchNorm("relu", dtype=dtype, name="layers.1")(x)
    x = Conv(32, 3, 1, 1, groups=32, dtype=dtype, name="layers.3")(x)
    x = BatchNorm("relu", dtype=dtype, name="layers.4")(x)
    x = Conv(16, 1, dtype=dtype, name="layers.6")(x)
    x = BatchNorm(dtype=dtype, name="layers.7")(x)
    for place, (width, size, first, expansion, count) in enumerate(_STACKS, start=8):
      for index in range(count):
        stride = 1 if index else first
        block = InvertedResidual(
          width,
          size,
          stride,
          expansion,
          shortcut=index > 0,
          dtype=dtype,
          name=f"layers.{place}.{index}",
        )
        x = block(x)
    x = Conv(1280, 1, dtype=dtype, name="layers.14")(x)
    x = BatchNorm("relu", dtype=dtype, name="layers.15")(x)
    return outputs(x, self.num_logits, "classifier.1", dtype)
