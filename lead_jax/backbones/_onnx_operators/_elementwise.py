"""Operators that treat every element by itself: arithmetic, comparisons, activations.

Those that file authors use on shapes (arithmetic, comparisons, Cast, Where) run in NumPy
on NumPy values; the activations are JAX only.
"""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import Node, aligned, namespace

# TensorProto.DataType -> the type's name; strings, complex and sub-byte types are left.
CASTS = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
}


def unary(function):
  """Returns an operator from a function of one JAX array."""
  return lambda node, x: function(jnp.asarray(x))


def unary_static(name):
  """Returns an operator from the name that NumPy and jax.numpy share."""
  return lambda node, x: getattr(namespace(x), name)(x)


def binary(name):
  """Returns a broadcasting operator from the name that both libraries share."""

  def run(node, a, b):
    a, b = aligned(a, b)
    return getattr(namespace(a, b), name)(a, b)

  return run


def variadic(function):
  """Returns an operator of any number of inputs, folded pairwise."""

  def run(node, *values):
    xp = namespace(*values)
    return functools.reduce(functools.partial(function, xp), aligned(*values))

  return run


def mean(node, *values):
  return functools.reduce(operator.add, aligned(*values)) / len(values)


def divide(node, a, b):
  a, b = aligned(a, b)
  xp = namespace(a, b)
  if jnp.issubdtype(a.dtype, jnp.floating):
    return xp.divide(a, b)
  # ONNX rounds towards zero; both libraries' `//` rounds down.
  quotient = a // b
  inexact = (a - quotient * b != 0) & ((a < 0) != (b < 0))
  return quotient + inexact.astype(quotient.dtype)


def modulo(node, a, b):
  a, b = aligned(a, b)
  xp = namespace(a, b)
  return xp.fmod(a, b) if node.get("fmod", 0) else xp.mod(a, b)


def power(node, a, b):
  a, b = aligned(a, b)
  xp, dtype = namespace(a, b), a.dtype
  if xp is np and np.issubdtype(b.dtype, np.signedinteger) and (b < 0).any():
    a = a.astype(float)  # NumPy raises integers to no negative power
  return _as_type(xp, xp.power(a, b), dtype)


def where(node, condition, a, b):
  condition, a, b = aligned(condition, a, b)
  return namespace(condition, a, b).where(condition, a, b)


def clip(node, x, low=None, high=None):
  """Clip; the bounds are attributes up to opset 10 and inputs since."""
  low = node.get("min") if low is None else low
  high = node.get("max") if high is None else high
  xp = namespace(x, *(b for b in (low, high) if not isinstance(b, float)))
  if low is not None:
    x = xp.maximum(x, xp.asarray(low, x.dtype).reshape(()))
  if high is not None:
    x = xp.minimum(x, xp.asarray(high, x.dtype).reshape(()))
  return x


def cast(node, x):
  return _as_type(namespace(x), x, jnp.dtype(CASTS[node.get("to")]))


def _as_type(xp, x, dtype):
  """Casts; a JAX array to a 64-bit type only where JAX has those enabled.

  What no integer holds becomes what onnxruntime makes of it, as NumPy does: the lowest
  int32, and of fewer bits the last ones; JAX would saturate.
  """
  if xp is np:
    return x.astype(dtype)
  floating = jnp.issubdtype(x.dtype, jnp.floating)
  if floating and dtype in ("int8", "uint8", "int16", "uint16", "int32"):
    inside = (x >= -(2.0**31)) & (x < 2.0**31)
    x = jnp.where(inside, x, -(2.0**31)).astype(jnp.int32)
  return x.astype(jax.dtypes.canonicalize_dtype(dtype))


def cast_like(node, x, like):
  return _as_type(namespace(x), x, like.dtype)


def cast_refuse(node: Node) -> str | None:
  return None if node.get("to") in CASTS else f"to={node.get('to')} is no plain number"


def leaky_relu(node, x):
  return jnp.where(x >= 0, x, node.get("alpha", 0.01) * x)


def prelu(node, x, slope):
  x, slope = aligned(x, slope)
  return jnp.where(x >= 0, x, slope * x)


def thresholded_relu(node, x):
  return jnp.where(x > node.get("alpha", 1.0), x, jnp.zeros_like(x))


def elu(node, x):
  return jax.nn.elu(x, node.get("alpha", 1.0))


def celu(node, x):
  return jax.nn.celu(x, node.get("alpha", 1.0))


def selu(node, x):
  alpha = node.get("alpha", 1.67326319217681884765625)
  gamma = node.get("gamma", 1.05070102214813232421875)
  return gamma * jax.nn.elu(x, alpha)


def hard_sigmoid(node, x):
  return jnp.clip(node.get("alpha", 0.2) * x + node.get("beta", 0.5), 0, 1)


def hard_swish(node, x):
  return x * jnp.clip(x / 6 + 0.5, 0, 1)


def gelu(node, x):
  return jax.nn.gelu(x, approximate=node.get("approximate", "none") == "tanh")


def shrink(node, x):
  bound, bias = node.get("lambd", 0.5), node.get("bias", 0.0)
  inside = jnp.where(x < -bound, x + bias, 0)
  return jnp.where(x > bound, x - bias, inside).astype(x.dtype)


def swish(node, x):
  return x * jax.nn.sigmoid(node.get("alpha", 1.0) * x)


def identity(node, x):
  return x


def dropout(node, x, *_):
  """At inference nothing is dropped; the optional mask keeps everything."""
  return (x, jnp.ones(x.shape, bool)) if node.gives(1) else x


def dropout_refuse(node: Node) -> str | None:
  if len(node.inputs) > 2 and node.inputs[2]:
    return "training_mode is an input; export the model for inference"
  return None
