"""DenseNet-BC: every layer sees what all layers before it in its block have made.

Huang et al., "Densely Connected Convolutional Networks" (CVPR 2017),
https://arxiv.org/abs/1608.06993. The feature is averaged after the last normalisation and
its ReLU.
"""

import flax.linen as nn
import jax.numpy as jnp

from lead_jax.backbones.networks._layers import (
  BatchNorm,
  Conv,
  Dtype,
  Images,
  Outputs,
  average_pool,
  max_pool,
  outputs,
)

_BOTTLENECK = 4  # channels of the 1x1 convolution, in units of the growth


class DenseLayer(nn.Module):
  """What one layer adds: a 1x1 and a 3x3 convolution, each after its normalisation."""

  growth: int
  dtype: Dtype

  @nn.compact
  def __call__(self, x: Images) -> Images:
    dtype = self.dtype
    y = BatchNorm("relu", dtype=dtype, name="norm1")(x)
    y = Conv(_BOTTLENECK * self.growth, 1, dtype=dtype, name="conv1")(y)
    y = BatchNorm("relu", dtype=dtype, name="norm2")(y)
    return Conv(self.growth, 3, 1, 1, dtype=dtype, name="conv2")(y)


class DenseNet(nn.Module):
  """Four dense blocks; a transition between two halves channels and sides.

  Attributes:
    growth: Channels that a layer adds.
    depths: Layers of each block.
    width: Channels before the first block.
    num_logits: Outputs of the source classifier; 0 for a network without one.
    dtype: Of products and what goes from layer to layer.
  """

  growth: int
  depths: tuple[int, int, int, int]
  width: int
  num_logits: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    dtype = self.dtype
    x = Conv(self.width, 7, 2, 3, dtype=dtype, name="features.conv0")(images)
    x = BatchNorm("relu", dtype=dtype, name="features.norm0")(x)
    x = max_pool(x, 3, 2, 1)
    for block, depth in enumerate(self.depths, start=1):
      if block > 1:
        name = f"features.transition{block - 1}"
        x = BatchNorm("relu", dtype=dtype, name=f"{name}.norm")(x)
        x = Conv(x.shape[-1] // 2, 1, dtype=dtype, name=f"{name}.conv")(x)
        x = average_pool(x, 2, 2)
      for index in range(1, depth + 1):
        name = f"features.denseblock{block}.denselayer{index}"
        # One copy per layer, of what its normalisation reads in full anyway. A buffer of
        # the final width, written in place, and a concatenation of all pieces for each
        # layer were no faster on a CPU.
        x = jnp.concatenate([x, DenseLayer(self.growth, dtype, name=name)(x)], axis=-1)
    x = BatchNorm("relu", dtype=dtype, name="features.norm5")(x)
    return outputs(x, self.num_logits, "classifier", dtype)
