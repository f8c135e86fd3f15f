"""Matrix products."""

import jax
import jax.numpy as jnp

from lead_jax.backbones._onnx_operators._node import Node, Value, aligned


def gemm(node: Node, a: Value, b: Value, c: Value = None) -> jax.Array:
  a = jnp.asarray(a).T if node.get("transA", 0) else jnp.asarray(a)
  b = jnp.asarray(b).T if node.get("transB", 0) else jnp.asarray(b)
  y = node.get("alpha", 1.0) * (a @ b)
  if c is None:
    return y
  y, c = aligned(y, c)
  return y + node.get("beta", 1.0) * c


def matmul(node: Node, a: Value, b: Value) -> jax.Array:
  return jnp.matmul(jnp.asarray(a), jnp.asarray(b))


def einsum(node: Node, *values: Value) -> jax.Array:
  return jnp.einsum(node.get("equation"), *map(jnp.asarray, values))
