"""Operators that move, cut, join or describe arrays without computing on them.

All of them run in NumPy on NumPy values: this is the arithmetic of shapes.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import (
  Node,
  Value,
  integers,
  namespace,
  static,
  unwrap,
)

# What ScatterND calls a reduction -> the method of JAX's indexed updates.
SCATTERS = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}
PAD_MODES = ("constant", "reflect", "edge", "wrap")


def constant(node: Node) -> np.ndarray:
  for name, dtype in (
    ("value", None),
    ("value_float", np.float32),
    ("value_floats", np.float32),
    ("value_int", np.int64),
    ("value_ints", np.int64),
  ):
    if name in node.attributes:
      return np.asarray(node.attributes[name], dtype)
  raise AssertionError("constant_refuse admits no other attribute")


def constant_refuse(node: Node) -> str | None:
  known = {"value", "value_float", "value_floats", "value_int", "value_ints"}
  if known & set(node.attributes):
    return None
  return f"{', '.join(node.attributes)} is no plain array of numbers"


def constant_of_shape(node: Node, shape: Value) -> np.ndarray:
  fill = node.get("value", np.zeros(1, np.float32))
  return np.full(integers(node, shape, "its shape"), fill.reshape(()), fill.dtype)


def shape(node: Node, x: Value) -> np.ndarray:
  return np.array(x.shape, np.int64)[node.get("start", 0) : node.get("end")]


def size(node: Node, x: Value) -> np.ndarray:
  return np.asarray(math.prod(x.shape), np.int64)


def arange(node: Node, start: Value, limit: Value, delta: Value) -> np.ndarray:
  first, last, step = (static(node, v, "its range") for v in (start, limit, delta))
  return np.arange(first.item(), last.item(), step.item(), dtype=first.dtype)


def reshape(node: Node, x: Value, target: Value) -> Value:
  sizes = integers(node, target, "its new shape")
  if not node.get("allowzero", 0):
    sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
  return x.reshape(sizes)


def flatten(node: Node, x: Value) -> Value:
  axis = node.get("axis", 1)
  axis += x.ndim if axis < 0 else 0
  return x.reshape((math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def transpose(node: Node, x: Value) -> Value:
  return namespace(x).transpose(x, node.get("perm"))


def _axes(node: Node, axes: Value) -> list[int] | None:
  """`axes` of Squeeze and Unsqueeze: an attribute up to opset 12, an input since."""
  return node.get("axes") if axes is None else integers(node, axes, "its axes")


def squeeze(node: Node, x: Value, axes: Value = None) -> Value:
  chosen = _axes(node, axes)
  return namespace(x).squeeze(x, None if chosen is None else tuple(chosen))


def unsqueeze(node: Node, x: Value, axes: Value = None) -> Value:
  return namespace(x).expand_dims(x, tuple(_axes(node, axes) or ()))


def expand(node: Node, x: Value, target: Value) -> Value:
  sizes = np.broadcast_shapes(x.shape, tuple(integers(node, target, "its new shape")))
  return namespace(x).broadcast_to(x, sizes)


def tile(node: Node, x: Value, repeats: Value) -> Value:
  return namespace(x).tile(x, tuple(integers(node, repeats, "its repeats")))


def concat(node: Node, *values: Value) -> Value:
  arrays, place, wrap = unwrap(*values)
  return wrap(namespace(*arrays).concatenate(arrays, axis=place(node.get("axis"))))


def split(node: Node, x: Value, sizes: Value = None) -> tuple[Value, ...]:
  (array,), place, wrap = unwrap(x)
  axis = place(node.get("axis", 0))
  length, parts = array.shape[axis], len(node.outputs)
  if sizes is not None:
    lengths = integers(node, sizes, "its list of lengths")
  elif node.get("split"):
    lengths = list(node.get("split"))
  else:  # equal parts, the last one smaller where the length does not divide
    part = -(-length // parts)
    lengths = [min(part, length - i * part) for i in range(parts)]
  cuts = np.cumsum(lengths)[:-1].tolist()
  return tuple(map(wrap, namespace(array).split(array, cuts, axis=axis)))


def slices(
  node: Node,
  x: Value,
  starts: Value = None,
  ends: Value = None,
  axes: Value = None,
  steps: Value = None,
) -> Value:
  """Slice; the bounds are attributes up to opset 9 and inputs since."""
  if starts is None:
    begin, stop = list(node.get("starts")), list(node.get("ends"))
    chosen = list(node.get("axes", range(len(begin))))
  else:
    begin = integers(node, starts, "its starts")
    stop = integers(node, ends, "its ends")
    chosen = list(range(len(begin)))
    if axes is not None:
      chosen = integers(node, axes, "its axes")
  step = [1] * len(begin) if steps is None else integers(node, steps, "its steps")
  (array,), place, wrap = unwrap(x)
  index = [slice(None)] * array.ndim
  for axis, first, end, stride in zip(chosen, begin, stop, step, strict=True):
    axis = place(axis)
    a, b, c = slice(first, end, stride).indices(array.shape[axis])
    # A reversed slice that begins before the first element begins there; one that runs
    # to it has no end to name.
    index[axis] = slice(max(a, 0), None if b < 0 else b, c)
  return wrap(array[tuple(index)])


def gather(node: Node, x: Value, indices: Value) -> Value:
  axis = node.get("axis", 0)
  xp = namespace(x, indices)
  indices = xp.where(indices < 0, indices + x.shape[axis], indices)
  if xp is np:
    return np.take(x, indices, axis=axis)
  return jnp.take(x, indices, axis=axis, mode="clip")


def gather_nd(node: Node, x: Value, indices: Value) -> Value:
  batch, xp = node.get("batch_dims", 0), namespace(x, indices)
  return x[_places(xp, x.shape, indices, batch)]


def scatter_nd(node: Node, x: Value, indices: Value, updates: Value) -> jax.Array:
  places = _places(namespace(indices), x.shape, indices, 0)
  target = jnp.asarray(x).at[places]
  return getattr(target, SCATTERS[node.get("reduction", "none")])(updates)


def _places(xp, sizes, indices, batch):
  """The index of [*sizes] whose last axis of `indices` counts axes after `batch`."""
  chosen = []
  for axis, index in enumerate(xp.moveaxis(indices, -1, 0), batch):
    chosen.append(xp.where(index < 0, index + sizes[axis], index))
  rest = (1,) * (indices.ndim - 1 - batch)
  ahead = np.indices(sizes[:batch])
  return (*(axis.reshape(axis.shape + rest) for axis in ahead), *chosen)


def one_hot(node: Node, indices: Value, depth: Value, values: Value) -> Value:
  (count,) = integers(node, depth, "its depth")
  xp = namespace(indices, values)
  axis = node.get("axis", -1) % (indices.ndim + 1)
  sizes = [1] * (indices.ndim + 1)
  sizes[axis] = count
  indices = xp.expand_dims(indices, axis)
  indices = xp.where(indices < 0, indices + count, indices)
  here = indices == np.arange(count, dtype=indices.dtype).reshape(sizes)
  return xp.where(here, values[1], values[0])


def pad(
  node: Node, x: Value, pads: Value = None, value: Value = None, axes: Value = None
) -> Value:
  """Pad; the amounts are attributes up to opset 10. A negative amount cuts."""
  if pads is None:
    amounts, fill = list(node.get("pads")), node.get("value", 0.0)
  else:
    amounts = integers(node, pads, "its amounts")
    fill = 0 if value is None else static(node, value, "its value").reshape(())
  (array,), place, wrap = unwrap(x)
  chosen = list(range(array.ndim))
  if axes is not None:
    chosen = integers(node, axes, "its axes")
  widths = [(0, 0)] * array.ndim
  for i, axis in enumerate(chosen):
    widths[place(axis)] = (amounts[i], amounts[i + len(chosen)])
  cuts = tuple(
    slice(max(-before, 0), n - max(-after, 0))
    for n, (before, after) in zip(array.shape, widths, strict=True)
  )
  grown = [(max(before, 0), max(after, 0)) for before, after in widths]
  xp, mode = namespace(array), node.get("mode", "constant")
  if mode == "constant":
    return wrap(xp.pad(array[cuts], grown, constant_values=fill))
  return wrap(xp.pad(array[cuts], grown, mode=mode))


def depth_to_space(node: Node, x: Value) -> jax.Array:
  n, c, h, w = x.shape
  b = node.get("blocksize")
  if node.get("mode", "DCR") == "DCR":
    x = x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
  else:
    x = x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
  return x.reshape(n, c // b**2, h * b, w * b)


def space_to_depth(node: Node, x: Value) -> jax.Array:
  n, c, h, w = x.shape
  b, mode = node.get("blocksize"), node.get("mode", "DCR")
  x = x.reshape(n, c, h // b, b, w // b, b)
  x = x.transpose(*((0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)))
  return x.reshape(n, c * b**2, h // b, w // b)
