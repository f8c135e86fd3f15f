"""Operators of onnxruntime's own domain that its optimiser puts into files."""

import functools
import operator

import jax
import jax.numpy as jnp

from lead_jax.backbones._onnx_operators._node import Node, Value, aligned
from lead_jax.backbones._onnx_operators._normalisation import standardise
from lead_jax.backbones._onnx_operators._windows import conv


def fused_matmul(node: Node, a: Value, b: Value) -> jax.Array:
  a, b = jnp.asarray(a), jnp.asarray(b)
  a = jnp.swapaxes(a, -1, -2) if node.get("transA", 0) else a
  b = jnp.swapaxes(b, -1, -2) if node.get("transB", 0) else b
  return node.get("alpha", 1.0) * jnp.matmul(a, b)


def fused_matmul_refuse(node: Node) -> str | None:
  if node.get("transBatchA", 0) or node.get("transBatchB", 0):
    return "transBatchA or transBatchB"
  return None


def bias_gelu(node: Node, x: Value, bias: Value) -> jax.Array:
  return jax.nn.gelu(_sum(x, bias), approximate=False)


def fast_gelu(node: Node, x: Value, bias: Value = None) -> jax.Array:
  return jax.nn.gelu(_sum(x, bias), approximate=True)


def quick_gelu(node: Node, x: Value) -> jax.Array:
  return x * jax.nn.sigmoid(node.get("alpha", 1.702) * x)


def skip_layer_normalization(
  node: Node, x: Value, skip: Value, scale: Value, shift: Value = None,
  bias: Value = None,
) -> tuple[jax.Array, ...]:  # fmt: skip
  """The sum of two arrays, normalised along its last axis, and the sum itself."""
  total = _sum(x, skip, bias)
  normal, mean, inverse = standardise(total, (-1,), node.get("epsilon", 1e-12))
  normal, scale = aligned(normal, scale)
  return _sum(normal * scale, shift), mean, inverse, total


def _sum(*values):
  given = (jnp.asarray(v) for v in values if v is not None)
  return functools.reduce(operator.add, aligned(*given))


_ACTIVATIONS = {
  "": lambda x: x,
  "Relu": jax.nn.relu,
  "Sigmoid": jax.nn.sigmoid,
  "Tanh": jnp.tanh,
}


def fused_conv(node: Node, x: Value, w: Value, bias: Value = None, added: Value = None):
  """A convolution, a residual added to it, and an activation."""
  y = jnp.moveaxis(conv(node, x, w, bias).array, -1, 1)
  return _ACTIVATIONS[node.get("activation", "")](_sum(y, added))


def fused_conv_refuse(node: Node) -> str | None:
  activation = node.get("activation", "")
  return None if activation in _ACTIVATIONS else f"activation={activation!r}"
