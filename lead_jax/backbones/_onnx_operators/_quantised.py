"""Quantised operators: integers that stand for `(q - zero point) * scale`.

Products of quantised values are computed in floating point on the integers themselves.
These lie within [-255, 255], which every floating type holds exactly, and their sums are
exact up to 2^24; beyond, a sum is off by less than 1e-7 of its size. A result near the
middle of two steps may then come out one step from onnxruntime's.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._convolution import convolve
from lead_jax.backbones._onnx_operators._node import (
  Node,
  Value,
  aligned,
  channels_first,
  channels_last,
  namespace,
)
from lead_jax.backbones._onnx_operators._windows import pool_refuse, window

# TensorProto.DataType of what QuantizeLinear can make.
_TYPES = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}


def quantise(node: Node, x: Value, scale: Value, zero: Value = None) -> Value:
  dtype = _TYPES[node.get("output_dtype", 0) or 2] if zero is None else zero.dtype
  scale, zero = _spread(node, x, scale), _spread(node, x, zero)
  return _to_steps(x.astype(scale.dtype) / scale, zero, jnp.dtype(dtype))


def quantise_refuse(node: Node) -> str | None:
  kind = node.get("output_dtype", 0)
  return None if kind in (0, *_TYPES) else f"output_dtype={kind} (8 and 16 bits only)"


def dequantise(node: Node, x: Value, scale: Value, zero: Value = None) -> Value:
  return _shifted(x, _spread(node, x, zero), scale.dtype) * _spread(node, x, scale)


def dynamic_quantise(node: Node, x: Value) -> tuple[jax.Array, ...]:
  """Chooses scale and zero point from the range of the whole array."""
  x = jnp.asarray(x)
  low, high = jnp.minimum(x.min(), 0), jnp.maximum(x.max(), 0)
  scale = jnp.where(high > low, (high - low) / 255, 1.0)
  zero = jnp.clip(jnp.round(-low / scale), 0, 255).astype(jnp.uint8)
  return _to_steps(x / scale, zero, jnp.dtype("uint8")), scale, zero


def quantised_conv(
  node: Node,
  x: Value,
  x_scale: Value,
  x_zero: Value,
  w: Value,
  w_scale: Value,
  w_zero: Value,
  y_scale: Value,
  y_zero: Value,
  bias: Value = None,
) -> jax.Array:
  y = _integer_conv(node, x, w, x_zero, w_zero)
  along = (1, -1) + (1,) * (y.ndim - 2)
  if bias is not None:
    y = y + jnp.asarray(bias).astype(y.dtype).reshape(along)
  factor = _fitted(x_scale) * w_scale / _fitted(y_scale)
  return _to_steps(y * factor.reshape(along), y_zero, y_zero.dtype)


def quantised_matmul(
  node: Node,
  a: Value,
  a_scale: Value,
  a_zero: Value,
  b: Value,
  b_scale: Value,
  b_zero: Value,
  y_scale: Value,
  y_zero: Value,
) -> jax.Array:
  y = _integer_matmul(a, b, _rows(a_zero), b_zero)
  y, rows, columns = aligned(y, _rows(a_scale), b_scale)
  return _to_steps(y * (rows * columns / _fitted(y_scale)), y_zero, y_zero.dtype)


def integer_conv(
  node: Node, x: Value, w: Value, x_zero: Value = None, w_zero: Value = None
) -> jax.Array:
  return jnp.round(_integer_conv(node, x, w, x_zero, w_zero)).astype(jnp.int32)


def integer_matmul(
  node: Node, a: Value, b: Value, a_zero: Value = None, b_zero: Value = None
) -> jax.Array:
  y = _integer_matmul(a, b, _rows(a_zero), b_zero)
  return jnp.round(y).astype(jnp.int32)


def binary(function):
  """Returns QLinearAdd or QLinearMul from the function of the numbers meant."""

  def run(node, a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero=None):
    x, y = aligned(
      dequantise(node, a, a_scale, a_zero), dequantise(node, b, b_scale, b_zero)
    )
    return _to_steps(function(x, y) / _fitted(y_scale), y_zero, a.dtype)

  return run


def unary(function):
  """Returns an operator from the function of the numbers meant and of the node."""

  def run(node, x, x_scale, x_zero, y_scale, y_zero=None):
    y = function(node, dequantise(node, x, x_scale, x_zero))
    return _to_steps(channels_first(y) / _fitted(y_scale), y_zero, x.dtype)

  return run


def concat(node: Node, y_scale: Value, y_zero: Value, *values: Value) -> jax.Array:
  """Joins values that have each a scale and a zero point, in those of the result."""
  parts = [
    _to_steps(
      dequantise(node, *values[i : i + 3]) / _fitted(y_scale), y_zero, y_zero.dtype
    )
    for i in range(0, len(values), 3)
  ]
  return jnp.concatenate(parts, axis=node.get("axis"))


def no_channels_last(node: Node) -> str | None:
  return "channels_last=1" if node.get("channels_last", 0) else pool_refuse(node)


def global_average_pool(
  node: Node, x: Value, x_scale: Value, x_zero: Value, y_scale: Value, y_zero: Value
) -> jax.Array:
  last = bool(node.get("channels_last", 0))
  axes = tuple(range(1, x.ndim - 1) if last else range(2, x.ndim))
  mean = _shifted(x, _fitted(x_zero), x_scale.dtype).mean(axes, keepdims=True)
  return _to_steps(mean * _fitted(x_scale / y_scale), y_zero, x.dtype)


def gemm(
  node: Node,
  a: Value,
  a_scale: Value,
  a_zero: Value,
  b: Value,
  b_scale: Value,
  b_zero: Value,
  c: Value = None,
  y_scale: Value = None,
  y_zero: Value = None,
) -> jax.Array:
  """QGemm: without `y_scale` the result is in floating point."""
  a = a.T if node.get("transA", 0) else a
  b = b.T if node.get("transB", 0) else b
  y = _integer_matmul(a, b, a_zero, b_zero)
  if c is not None:
    y, c = aligned(y, jnp.asarray(c).astype(y.dtype))
    y = y + c
  y, scale = aligned(y, node.get("alpha", 1.0) * _fitted(a_scale) * b_scale)
  y = y * scale
  return y if y_scale is None else _to_steps(y / _fitted(y_scale), y_zero, a.dtype)


def _integer_conv(node, x, w, x_zero, w_zero):
  if w_zero is not None and w_zero.size > 1:
    w_zero = w_zero.reshape((-1,) + (1,) * (w.ndim - 1))
  image = channels_last(_shifted(x, x_zero, np.dtype(np.float32)))
  kernel = jnp.asarray(_shifted(w, w_zero, np.dtype(np.float32)))
  strides, dilations, padding = window(node, image.shape[1:-1], kernel.shape[2:])
  y = convolve(
    image,
    kernel,
    strides=strides,
    padding=padding,
    dilations=dilations,
    groups=node.get("group", 1),
    kernel_layout="OIHW",
  )
  return jnp.moveaxis(y, -1, 1)


def _integer_matmul(a, b, a_zero, b_zero):
  single = np.dtype(np.float32)
  return jnp.matmul(
    jnp.asarray(_shifted(a, a_zero, single)), jnp.asarray(_shifted(b, b_zero, single))
  )


def _fitted(value):
  """One number as a scalar, whether the file has it as one or as a list of one."""
  return value if value is None or value.size > 1 else value.reshape(())


def _rows(value):
  """One number per row of a matrix, as a column."""
  value = _fitted(value)
  return value if value is None or value.ndim != 1 else value.reshape(-1, 1)


def _shifted(x, zero, dtype):
  """The integers less their zero point, exact, as floating point."""
  if not jnp.issubdtype(x.dtype, jnp.integer):
    return x.astype(dtype)
  x = x.astype(np.int32)
  if zero is not None:
    x, zero = aligned(x, _fitted(zero).astype(np.int32))
    x = x - zero
  return x.astype(dtype)


def _to_steps(x, zero, dtype):
  """Rounds to the nearest step, halves to the even one, and saturates."""
  xp, limits = namespace(x, zero), jnp.iinfo(dtype)
  steps = xp.round(x)
  if zero is not None:
    steps = steps + _fitted(zero).astype(steps.dtype)
  return xp.clip(steps, limits.min, limits.max).astype(dtype)


def _spread(node, x, value):
  """Brings a scale or zero point (one, one per slice, per block) to the rank of `x`."""
  if value is None or value.size == 1:
    return None if value is None else value.reshape(())
  axis, block = node.get("axis", 1) % x.ndim, node.get("block_size", 0)
  if value.ndim == 1 and not block:
    sizes = [1] * x.ndim
    sizes[axis] = -1
    return value.reshape(sizes)
  xp, length = namespace(value), x.shape[axis]
  index = np.arange(length) // (block or -(-length // value.shape[axis]))
  return xp.take(value, index, axis=axis)
