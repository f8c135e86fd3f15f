"""Operators that normalise: by running statistics, by sample, by position."""

import jax
import jax.numpy as jnp
from jax import lax

from lead_jax.backbones._onnx_operators._node import Node, Value, unwrap


def batch_normalization(
  node: Node, x: Value, scale: Value, bias: Value, mean: Value, variance: Value
) -> Value:
  """At inference: one multiplication and one addition per channel."""
  (array,), place, wrap = unwrap(x)
  factor = scale * lax.rsqrt(jnp.asarray(variance + node.get("epsilon", 1e-5)))
  offset = bias - mean * factor
  sizes = [1] * array.ndim
  sizes[place(1)] = -1
  y = array * factor.reshape(sizes) + offset.reshape(sizes)
  return wrap(y.astype(array.dtype))


def batch_normalization_refuse(node: Node) -> str | None:
  if node.get("training_mode", 0):
    return "training_mode=1; export the model for inference"
  if not node.get("spatial", 1):
    return "spatial=0 (statistics for each position)"
  return None


def layer_normalization(
  node: Node, x: jax.Array, scale: Value, bias: Value = None
) -> tuple[jax.Array, ...]:
  axes = tuple(range(node.get("axis", -1) % x.ndim, x.ndim))
  wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
  normal, mean, inverse = standardise(wide, axes, node.get("epsilon", 1e-5))
  y = normal.astype(x.dtype) * _lead(scale, x.ndim)
  if bias is not None:
    y = y + _lead(bias, x.ndim)
  return y, mean, inverse


def instance_normalization(
  node: Node, x: jax.Array, scale: Value, bias: Value
) -> jax.Array:
  axes = tuple(range(2, x.ndim))
  sizes = (1, -1) + (1,) * len(axes)
  normal, _, _ = standardise(x, axes, node.get("epsilon", 1e-5))
  return normal * scale.reshape(sizes) + bias.reshape(sizes)


def group_normalization(
  node: Node, x: jax.Array, scale: Value, bias: Value
) -> jax.Array:
  groups = node.get("num_groups")
  blocks = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
  axes = tuple(range(2, blocks.ndim))
  normal, _, _ = standardise(blocks, axes, node.get("epsilon", 1e-5))
  sizes = (1, -1) + (1,) * (x.ndim - 2)
  if node.opset < 21:  # scale and bias count groups
    scale, bias = (jnp.repeat(v, x.shape[1] // groups) for v in (scale, bias))
  return normal.reshape(x.shape) * scale.reshape(sizes) + bias.reshape(sizes)


def rms_normalization(node: Node, x: jax.Array, scale: Value) -> jax.Array:
  """Divides by the root of the mean square, without centring."""
  axes = tuple(range(node.get("axis", -1) % x.ndim, x.ndim))
  wide = jnp.asarray(x).astype(jnp.promote_types(x.dtype, jnp.float32))
  mean = (wide * wide).mean(axes, keepdims=True)
  normal = wide * lax.rsqrt(mean + node.get("epsilon", 1e-5))
  return normal.astype(x.dtype) * _lead(scale, x.ndim)


def mean_variance_normalization(node: Node, x: jax.Array) -> jax.Array:
  axes = tuple(node.get("axes", (0, 2, 3)))
  x = jnp.asarray(x)
  centred = x - x.mean(axes, keepdims=True)
  deviation = jnp.sqrt((centred * centred).mean(axes, keepdims=True))
  return centred / (deviation + 1e-9)


def lp_normalization(node: Node, x: jax.Array) -> jax.Array:
  """Divides by the norm along one axis; what has norm zero stays zero."""
  axis, x = node.get("axis", -1), jnp.asarray(x)
  if node.get("p", 2) == 1:
    norm = jnp.abs(x).sum(axis, keepdims=True)
  else:
    norm = jnp.sqrt((x * x).sum(axis, keepdims=True))
  return jnp.where(norm > 0, x / jnp.where(norm > 0, norm, 1), 0)


def standardise(x, axes, epsilon):
  """Returns `x` less its mean, over its deviation; the mean; the inverse deviation."""
  mean = x.mean(axes, keepdims=True)
  centred = x - mean
  inverse = lax.rsqrt((centred * centred).mean(axes, keepdims=True) + epsilon)
  return centred * inverse, mean, inverse


def _lead(value, rank):
  return value.reshape((1,) * (rank - value.ndim) + value.shape)
