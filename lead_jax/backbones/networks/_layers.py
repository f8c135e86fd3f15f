"""The layers that the published networks are made of, in evaluation mode.

Names, shapes and semantics are torch's, images and kernels channels-last. A network
computes its products in one type, `dtype`, and holds what goes from layer to layer in it;
batch normalisation, sums over space and the outputs are float32 whatever that is.

Batch normalisation uses the running statistics it came with, so that the feature of an
image depends on that image alone. It is an affine map of each channel; what follows it (a
sum with the shortcut, an activation, the rounding to `dtype`) belongs to the same layer
here, so that XLA makes one pass over memory of it.
"""

import math
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from lead_jax.backbones._convolution import convolve

Dtype = Any
Images = Float[Array, "n h w c"]
Outputs = dict[str, jax.Array]
# Zeros at each border (of rows and of columns), or TensorFlow's rule: output size
# ceil(size / stride), the odd zero at the end.
Padding = int | tuple[int, int] | Literal["SAME"]
Activation = Literal["none", "relu", "relu6"]

# Weights come from files: what `init` is asked for is shapes alone.
_ZEROS = nn.initializers.zeros


class Conv(nn.Module):
  """A convolution without bias; `weight` is float32[rows, columns, C / groups, M].

  Attributes:
    width: Output channels M.
    size: Rows and columns of the kernel, or one number for both.
    stride: Step along both axes.
    padding: See `Padding`.
    groups: Blocks of channels that see each other.
    dtype: Of the products and the result.
  """

  width: int
  size: int | tuple[int, int]
  stride: int = 1
  padding: Padding = 0
  groups: int = 1
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Images) -> Images:
    size = _pair(self.size)
    shape = (*size, x.shape[-1] // self.groups, self.width)
    kernel = self.param("weight", _ZEROS, shape, jnp.float32)
    return convolve(
      x.astype(self.dtype),
      kernel.astype(self.dtype),
      strides=_pair(self.stride),
      padding=_borders(x.shape[1:3], size, self.stride, self.padding),
      groups=self.groups,
    )


class BatchNorm(nn.Module):
  """`activation((x - mean) / sqrt(var + epsilon) * weight + bias + shortcut)`.

  Computed in float32; the running mean and variance are in the collection `batch_stats`.
  """

  activation: Activation = "none"
  epsilon: float = 1e-5
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Images, shortcut: Images | None = None) -> Images:
    shape = (x.shape[-1],)
    weight = self.param("weight", nn.initializers.ones, shape, jnp.float32)
    bias = self.param("bias", _ZEROS, shape, jnp.float32)
    mean = self.variable("batch_stats", "running_mean", jnp.zeros, shape, jnp.float32)
    var = self.variable("batch_stats", "running_var", jnp.ones, shape, jnp.float32)
    scale = weight * lax.rsqrt(var.value + np.float32(self.epsilon))
    shift = bias - mean.value * scale
    y = x.astype(jnp.float32) * scale[None, None, None] + shift[None, None, None]
    if shortcut is not None:
      y = y + shortcut.astype(jnp.float32)
    if self.activation != "none":
      y = jnp.maximum(y, 0.0)
    if self.activation == "relu6":
      y = jnp.minimum(y, 6.0)
    return y.astype(self.dtype)


class ConvUnit(nn.Module):
  """Convolution `conv`, normalisation `bn` and ReLU: what Inception is made of.

  Attributes:
    averaged: Whether 3x3 windows are averaged after the convolution.
    width, size, stride, padding, dtype: Of the convolution.
  """

  width: int
  size: int | tuple[int, int]
  stride: int = 1
  padding: Padding = 0
  averaged: bool = False
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Images) -> Images:
    conv = Conv(
      self.width, self.size, self.stride, self.padding, dtype=self.dtype, name="conv"
    )
    y = conv(x)
    if self.averaged:
      y = average_pool(y, 3, 1, 1)
    return BatchNorm("relu", 1e-3, dtype=self.dtype, name="bn")(y)


class Dense(nn.Module):
  """`x @ weight + bias` with `weight` float32[D, M]; the result is float32."""

  width: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n m"]:
    shape = (x.shape[-1], self.width)
    weight = self.param("weight", _ZEROS, shape, jnp.float32)
    bias = self.param("bias", _ZEROS, (self.width,), jnp.float32)
    y = jnp.matmul(
      x.astype(self.dtype),
      weight.astype(self.dtype),
      preferred_element_type=jnp.float32,
    )
    return y + bias[None]


def outputs(x: Images, num_logits: int, classifier: str, dtype: Dtype) -> Outputs:
  """Features, averaged over space, and logits if any; for use in a compact method.

  Args:
    x: What the last layer before pooling gives.
    num_logits: Outputs of the source classifier; 0 for a network without one.
    classifier: Name of that layer.
    dtype: Of its products.
  """
  features = x.astype(jnp.float32).mean(axis=(1, 2))
  if not num_logits:
    return {"features": features}
  logits = Dense(num_logits, dtype=dtype, name=classifier)(features)
  return {"features": features, "logits": logits}


def max_pool(
  x: Images, size: int, stride: int, padding: Padding = 0, *, ceil: bool = False
) -> Images:
  """The largest value of each window; padding never wins.

  Args:
    x: Images.
    size: Rows and columns of the window.
    stride: Step along both axes.
    padding: See `Padding`.
    ceil: Whether a last window that hangs over the end is kept, provided that it starts
      within the image (torch's `ceil_mode`).
  """
  borders = _borders(x.shape[1:3], (size, size), stride, padding)
  if ceil:
    borders = tuple(
      (before, _overhang(length, size, stride, before, after))
      for length, (before, after) in zip(x.shape[1:3], borders, strict=True)
    )
  return _reduce(x, lax.max, -np.inf, size, stride, borders)


def average_pool(x: Images, size: int, stride: int, padding: Padding = 0) -> Images:
  """The mean of each window, in float32; zeros of the padding count, as in torch."""
  borders = _borders(x.shape[1:3], (size, size), stride, padding)
  total = _reduce(x.astype(jnp.float32), lax.add, 0.0, size, stride, borders)
  return (total / (size * size)).astype(x.dtype)


def _reduce(x, operation, empty, size, stride, borders):
  return lax.reduce_window(
    x,
    np.asarray(empty, x.dtype),
    operation,
    (1, size, size, 1),
    (1, stride, stride, 1),
    ((0, 0), *borders, (0, 0)),
  )


def _overhang(length: int, size: int, stride: int, before: int, after: int) -> int:
  """How far padding must reach for the windows that `ceil` keeps."""
  windows = math.ceil((length + before + after - size) / stride) + 1
  if (windows - 1) * stride >= length + before:
    windows -= 1
  return max((windows - 1) * stride + size - length - before, after)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
  return (size, size) if isinstance(size, int) else size


def _borders(
  space: tuple[int, ...], size: tuple[int, int], stride: int, padding: Padding
) -> tuple[tuple[int, int], ...]:
  """Zeros (before, after) along each axis."""
  if padding == "SAME":
    return tuple(lax.padtype_to_pads(space, size, _pair(stride), "SAME"))
  return tuple((zeros, zeros) for zeros in _pair(padding))
