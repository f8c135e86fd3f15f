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
  normal, mean, inverse = _standardise(wide, axes, node.get("epsilon", 1e-5))
  y = normal.astype(x.dtype) * _lead(scale, x.ndim)
  if bias is not None:
    y = y + _lead(bias, x.ndim)
  return y, mean, inverse


def instance_normalization(
  node: Node, x: jax.Array, scale: Value, bias: Value
) -> jax.Array:
  axes = tuple(range(2, x.ndim))
  sizes = (1, -1) + (1,) * len(axes)
  normal, _, _ = _standardise(x, axes, node.get("epsilon", 1e-5))
  return normal * scale.reshape(sizes) + bias.reshape(sizes)


def group_normalization(
  node: Node, x: jax.Array, scale: Value, bias: Value
) -> jax.Array:
  groups = node.get("num_groups")
  blocks = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
  axes = tuple(range(2, blocks.ndim))
  normal, _, _ = _standardise(blocks, axes, node.get("epsilon", 1e-5))
  sizes = (1, -1) + (1,) * (x.ndim - 2)
  return normal.reshape(x.shape) * scale.reshape(sizes) + bias.reshape(sizes)


def group_normalization_refuse(node: Node) -> str | None:
  if node.opset < 21:
    return "before opset 21 its scale and bias count groups, which was an error of ONNX"
  return None


def _standardise(x, axes, epsilon):
  mean = x.mean(axes, keepdims=True)
  centred = x - mean
  inverse = lax.rsqrt((centred * centred).mean(axes, keepdims=True) + epsilon)
  return centred * inverse, mean, inverse


def _lead(value, rank):
  return value.reshape((1,) * (rank - value.ndim) + value.shape)
