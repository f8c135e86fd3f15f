"""Reductions over axes, running sums, and the softmax family."""

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import (
  Node,
  Value,
  channels_first,
  integers,
  namespace,
  unwrap,
)


def reduction(function):
  """Returns a reduction operator from `function(xp, x, axes)` that keeps dimensions."""

  def run(node: Node, x: Value, axes: Value = None) -> Value:
    chosen = node.get("axes")  # an attribute up to opset 12 or 17, an input since
    if axes is not None:
      chosen = integers(node, axes, "the list of axes")
    (array,), place, wrap = unwrap(x)
    if not chosen:
      if node.get("noop_with_empty_axes", 0):
        chosen = []
      else:
        chosen = list(range(array.ndim))
    axes_here = tuple(place(axis) for axis in chosen)
    reduced = wrap(function(namespace(array), array, axes_here))
    if node.get("keepdims", 1):
      return reduced
    reduced = channels_first(reduced)
    dropped = {axis % array.ndim for axis in chosen}
    return reduced.reshape(
      tuple(n for axis, n in enumerate(reduced.shape) if axis not in dropped)
    )

  return run


def total(xp, x, axes):
  return xp.sum(x, axis=axes, keepdims=True, dtype=x.dtype)


def mean(xp, x, axes):
  return xp.mean(x, axis=axes, keepdims=True, dtype=x.dtype)


def product(xp, x, axes):
  return xp.prod(x, axis=axes, keepdims=True, dtype=x.dtype)


def maximum(xp, x, axes):
  return xp.max(x, axis=axes, keepdims=True, initial=_extreme(x.dtype, "min"))


def minimum(xp, x, axes):
  return xp.min(x, axis=axes, keepdims=True, initial=_extreme(x.dtype, "max"))


def running_sum(node: Node, x: Value, axis: Value) -> Value:
  (chosen,) = integers(node, axis, "its axis")
  (array,), place, wrap = unwrap(x)
  xp, along = namespace(array), place(chosen)
  reverse = bool(node.get("reverse", 0))
  array = xp.flip(array, along) if reverse else array
  y = xp.cumsum(array, axis=along, dtype=array.dtype)
  if node.get("exclusive", 0):  # shifted: a difference would lose digits and infinities
    sizes = list(array.shape)
    sizes[along] = 1
    kept = xp.take(y, np.arange(array.shape[along] - 1), axis=along)
    y = xp.concatenate([xp.zeros(sizes, array.dtype), kept], axis=along)
  return wrap(xp.flip(y, along) if reverse else y)


def l1(xp, x, axes):
  return total(xp, xp.abs(x), axes)


def sum_square(xp, x, axes):
  return total(xp, x * x, axes)


def l2(xp, x, axes):
  return xp.sqrt(sum_square(xp, x, axes)).astype(x.dtype)


def log_sum(xp, x, axes):
  return jnp.log(total(xp, x, axes)).astype(x.dtype)


def log_sum_exp(xp, x, axes):
  return jax.nn.logsumexp(x, axis=axes, keepdims=True).astype(x.dtype)


def _extreme(dtype, end):
  """The value that a maximum (`min`) or a minimum (`max`) of nothing has."""
  if jnp.issubdtype(dtype, jnp.bool):
    return end == "max"
  if jnp.issubdtype(dtype, jnp.floating):
    return -jnp.inf if end == "min" else jnp.inf
  return getattr(jnp.iinfo(dtype), end)


def softmax(function):
  """Returns Softmax or LogSoftmax from jax.nn's function.

  Before opset 13 the axes from `axis` on are flattened into one.
  """

  def run(node: Node, x: Value) -> Value:
    x = jnp.asarray(x)
    if node.opset >= 13:
      return function(x, axis=node.get("axis", -1))
    axis = node.get("axis", 1) % x.ndim
    return function(x, axis=tuple(range(axis, x.ndim)))

  return run
