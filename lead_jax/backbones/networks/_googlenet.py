"""GoogLeNet (Inception v1) with batch normalisation, as torchvision has it.

Szegedy et al., "Going Deeper with Convolutions" (CVPR 2015),
https://arxiv.org/abs/1409.4842. torchvision's weights were trained with 3x3 convolutions
where the paper has 5x5 (https://github.com/pytorch/vision/issues/906), and with pooling
windows that may hang over the end. The auxiliary classifiers play no part in evaluation;
torchvision's input transformation belongs to preprocessing.
"""

import flax.linen as nn
import jax.numpy as jnp

from lead_jax.backbones.networks._layers import (
  ConvUnit,
  Dtype,
  Images,
  Outputs,
  max_pool,
  outputs,
)

# Channels of the four branches: 1x1; reduction and 3x3; the same again; after pooling.
_FIRST = {
  "inception3a": (64, 96, 128, 16, 32, 32),
  "inception3b": (128, 128, 192, 32, 96, 64),
}
_SECOND = {
  "inception4a": (192, 96, 208, 16, 48, 64),
  "inception4b": (160, 112, 224, 24, 64, 64),
  "inception4c": (128, 128, 256, 24, 64, 64),
  "inception4d": (112, 144, 288, 32, 64, 64),
  "inception4e": (256, 160, 320, 32, 128, 128),
}
_THIRD = {
  "inception5a": (256, 160, 320, 32, 128, 128),
  "inception5b": (384, 192, 384, 48, 128, 128),
}


class Inception(nn.Module):
  """Four branches side by side."""

  widths: tuple[int, int, int, int, int, int]
  dtype: Dtype

  @nn.compact
  def __call__(self, x: Images) -> Images:
    one, reduced, three, reduced_again, three_again, pooled = self.widths
    dtype = self.dtype
    branches = [ConvUnit(one, 1, dtype=dtype, name="branch1")(x)]
    for name, inner, width in (
      ("branch2", reduced, three),
      ("branch3", reduced_again, three_again),
    ):
      y = ConvUnit(inner, 1, dtype=dtype, name=f"{name}.0")(x)
      branches.append(ConvUnit(width, 3, 1, 1, dtype=dtype, name=f"{name}.1")(y))
    y = max_pool(x, 3, 1, 1)
    branches.append(ConvUnit(pooled, 1, dtype=dtype, name="branch4.1")(y))
    return jnp.concatenate(branches, axis=-1)


class GoogLeNet(nn.Module):
  """The network without its auxiliary classifiers.

  Attributes:
    num_logits: Outputs of the source classifier; 0 for a network without one.
    dtype: Of products and what goes from layer to layer.
  """

  num_logits: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    dtype = self.dtype
    x = ConvUnit(64, 7, 2, 3, dtype=dtype, name="conv1")(images)
    x = max_pool(x, 3, 2, ceil=True)
    x = ConvUnit(64, 1, dtype=dtype, name="conv2")(x)
    x = ConvUnit(192, 3, 1, 1, dtype=dtype, name="conv3")(x)
    x = max_pool(x, 3, 2, ceil=True)
    for name, widths in _FIRST.items():
      x = Inception(widths, dtype, name=name)(x)
    x = max_pool(x, 3, 2, ceil=True)
    for name, widths in _SECOND.items():
      x = Inception(widths, dtype, name=name)(x)
    x = max_pool(x, 2, 2, ceil=True)
    for name, widths in _THIRD.items():
      x = Inception(widths, dtype, name=name)(x)
    return outputs(x, self.num_logits, "fc", dtype)
