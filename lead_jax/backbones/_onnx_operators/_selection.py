"""Operators that find, order or pick elements."""

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import Node, Value, integers, namespace


def extreme(name):
  """Returns ArgMax or ArgMin from the name that both libraries share."""

  def run(node: Node, x: Value) -> Value:
    xp, axis = namespace(x), node.get("axis", 0)
    if node.get("select_last_index", 0):
      found = getattr(xp, name)(xp.flip(x, axis), axis=axis, keepdims=True)
      found = x.shape[axis] - 1 - found
    else:
      found = getattr(xp, name)(x, axis=axis, keepdims=True)
    if not node.get("keepdims", 1):
      found = found.squeeze(axis)
    return found.astype(np.int64 if xp is np else jnp.int32)

  return run


def hardmax(node: Node, x: Value) -> jax.Array:
  """One at the first maximum; before opset 13 of the flattened axes from `axis` on."""
  x = jnp.asarray(x)
  if node.opset >= 13:
    axis = node.get("axis", -1)
    index = jnp.argmax(x, axis=axis)
    return jax.nn.one_hot(index, x.shape[axis], axis=axis, dtype=x.dtype)
  axis = node.get("axis", 1) % x.ndim
  flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
  hot = jax.nn.one_hot(jnp.argmax(flat, axis=1), flat.shape[1], dtype=x.dtype)
  return hot.reshape(x.shape)


def top_k(node: Node, x: Value, count: Value = None) -> tuple[Value, Value]:
  """The K greatest or least; of equal ones the first comes first."""
  k = node.get("k") if count is None else integers(node, count, "its K")[0]
  xp, axis = namespace(x), node.get("axis", -1)
  order = xp.argsort(_ascending(x, node.get("largest", 1)), axis=axis, stable=True)
  index = xp.take(order, np.arange(k), axis=axis)
  values = xp.take_along_axis(x, index, axis=axis)
  return values, index.astype(np.int64 if xp is np else jnp.int32)


def _ascending(x, largest):
  if not largest:
    return x
  return -x if jnp.issubdtype(x.dtype, jnp.floating) else ~x


def triangle(node: Node, x: Value, diagonal: Value = None) -> Value:
  """Trilu: the upper or the lower triangle of the last two axes."""
  k = 0 if diagonal is None else integers(node, diagonal, "its diagonal")[0]
  rows, columns = x.shape[-2:]
  upper = bool(node.get("upper", 1))
  keep = np.tri(rows, columns, k - 1 if upper else k, dtype=bool) != upper
  return namespace(x).where(keep, x, np.zeros((), x.dtype))


def gather_elements(node: Node, x: Value, indices: Value) -> Value:
  axis, xp = node.get("axis", 0), namespace(x, indices)
  index = xp.where(indices < 0, indices + x.shape[axis], indices)
  return x[_grid(xp, index, axis % x.ndim)]


def scatter_elements(node: Node, x: Value, indices: Value, updates: Value) -> jax.Array:
  axis, xp = node.get("axis", 0), namespace(indices)
  index = xp.where(indices < 0, indices + x.shape[axis], indices)
  target = jnp.asarray(x).at[_grid(xp, index, axis % x.ndim)]
  methods = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}
  return getattr(target, methods[node.get("reduction", "none")])(updates)


def _grid(xp, index, axis):
  places = list(np.indices(index.shape, sparse=True))
  places[axis] = index
  return tuple(places)
