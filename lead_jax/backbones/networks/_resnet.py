"""ResNet with the stride in the 3x3 convolution ("V1.5"), of several origins.

He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016),
https://arxiv.org/abs/1512.03385. Other than in the paper, a bottleneck that halves the
image does so in its 3x3 convolution, not in the 1x1 before it.

The published ResNet-50 of different origins differ in their borders alone:

- `torch` (torchvision and all checkpoints made with it): a 3x3 window at stride 2 has one
  zero on either side, the 7x7 one three.
- `simclr` (https://github.com/google-research/simclr, `resnet.py`): convolutions as in
  torch (`fixed_padding`), but the max pooling after the first one is TensorFlow's `SAME`:
  where the image has an even size, its windows reach one pixel beyond the end instead of
  one before the beginning.
- `haiku` (BYOL, https://github.com/google-deepmind/deepmind-research, `byol/utils/
  networks.py`, on `hk.nets.ResNet`): `SAME` everywhere; at stride 2 on an even size a 3x3
  window has its zero at the end only, the 7x7 one two before and three after.

At stride 1 all three are the same.
"""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp

from lead_jax.backbones.networks._layers import (
  BatchNorm,
  Conv,
  Dtype,
  Images,
  Outputs,
  Padding,
  max_pool,
  outputs,
)

Origin = Literal["torch", "simclr", "haiku"]


class BasicBlock(nn.Module):
  """Two 3x3 convolutions beside a shortcut."""

  width: int
  stride: int
  same: bool
  dtype: Dtype

  @nn.compact
  def __call__(self, x: Images) -> Images:
    pad: Padding = "SAME" if self.same else 1
    dtype = self.dtype
    y = Conv(self.width, 3, self.stride, pad, dtype=dtype, name="conv1")(x)
    y = BatchNorm("relu", dtype=dtype, name="bn1")(y)
    y = Conv(self.width, 3, 1, pad, dtype=dtype, name="conv2")(y)
    if x.shape != y.shape:
      x = _project(x, self.width, self.stride, dtype)
    return BatchNorm("relu", dtype=dtype, name="bn2")(y, x)


class Bottleneck(nn.Module):
  """A 3x3 convolution of few channels between two 1x1 ones, beside a shortcut."""

  width: int
  stride: int
  same: bool
  dtype: Dtype

  @nn.compact
  def __call__(self, x: Images) -> Images:
    pad: Padding = "SAME" if self.same else 1
    dtype = self.dtype
    y = Conv(self.width, 1, dtype=dtype, name="conv1")(x)
    y = BatchNorm("relu", dtype=dtype, name="bn1")(y)
    y = Conv(self.width, 3, self.stride, pad, dtype=dtype, name="conv2")(y)
    y = BatchNorm("relu", dtype=dtype, name="bn2")(y)
    y = Conv(4 * self.width, 1, dtype=dtype, name="conv3")(y)
    if x.shape != y.shape:
      x = _project(x, 4 * self.width, self.stride, dtype)
    return BatchNorm("relu", dtype=dtype, name="bn3")(y, x)


def _project(x: Images, width: int, stride: int, dtype: Dtype) -> Images:
  """The shortcut where the shape changes; for use in a compact method."""
  x = Conv(width, 1, stride, dtype=dtype, name="downsample.0")(x)
  return BatchNorm(dtype=dtype, name="downsample.1")(x)


class ResNet(nn.Module):
  """Four groups of blocks of 64, 128, 256 and 512 channels.

  Attributes:
    depths: Blocks of each group.
    bottleneck: Whether they are bottlenecks, which give four times their channels.
    num_logits: Outputs of the source classifier; 0 for a network without one.
    origin: Whose borders; see above.
    dtype: Of products and what goes from layer to layer.
  """

  depths: tuple[int, int, int, int]
  bottleneck: bool
  num_logits: int
  origin: Origin = "torch"
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    same = self.origin == "haiku"
    block = Bottleneck if self.bottleneck else BasicBlock
    pad: Padding = "SAME" if same else 3
    x = Conv(64, 7, 2, pad, dtype=self.dtype, name="conv1")(images)
    x = BatchNorm("relu", dtype=self.dtype, name="bn1")(x)
    x = max_pool(x, 3, 2, 1 if self.origin == "torch" else "SAME")
    for group, depth in enumerate(self.depths):
      for index in range(depth):
        stride = 2 if group and not index else 1
        name = f"layer{group + 1}.{index}"
        x = block(64 << group, stride, same, self.dtype, name=name)(x)
    return outputs(x, self.num_logits, "fc", self.dtype)
