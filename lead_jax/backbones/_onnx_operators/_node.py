"""What an operator's implementation is given, and the small tools that all of them use.

A value travelling through the graph is one of three things:

* a NumPy array: known before the network runs. Shapes, indices and folded constants
  stay NumPy from end to end, so `Shape -> Gather -> Concat -> Reshape` chains never
  reach the compiler and their integers stay 64 bits wide;
* a JAX array (or tracer): the real work, axes in the order the file states;
* `ChannelsLast`: a JAX array whose channel axis is held last, though the file counts it
  as axis 1. Convolutions are several times faster so on a CPU; the operators between
  two of them pass the layout on, all others get the array put back in the file's order.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import InputError

Value = Any  # np.ndarray | jax.Array | ChannelsLast | None (an input left out)


@dataclasses.dataclass(frozen=True)
class ChannelsLast:
  """An array `[N, *space, C]` standing for `[N, C, *space]`."""

  array: jax.Array


@dataclasses.dataclass(frozen=True)
class Node:
  """One step of the graph, decoded.

  Attributes:
    op_type: The operator; with its domain where that is not ONNX's own.
    name: Its name in the file, or its first output's.
    inputs: Names of values; the empty name is an input left out.
    outputs: Names of values.
    attributes: Strings decoded, tensors as NumPy arrays.
    opset: Version of the operator set that the file asks for.
  """

  op_type: str
  name: str
  inputs: tuple[str, ...]
  outputs: tuple[str, ...]
  attributes: Mapping[str, Any]
  opset: int

  def __str__(self) -> str:
    return f"{self.op_type} node '{self.name}'"

  def get(self, attribute: str, default: Any = None) -> Any:
    """Returns the attribute's value, or the default where the file leaves it out."""
    return self.attributes.get(attribute, default)

  def gives(self, index: int) -> bool:
    """Returns whether the file names output number `index`."""
    return len(self.outputs) > index and bool(self.outputs[index])


@dataclasses.dataclass(frozen=True)
class Branch:
  """What an `If` runs in one of its two cases.

  Attributes:
    nodes: Steps; the names that they compute are the network's, no others'.
    outputs: Names of the values that become the outputs of the `If`.
  """

  nodes: tuple[Node, ...]
  outputs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Operator:
  """An operator's implementation.

  Attributes:
    run: `(node, *inputs)` -> one value, or a tuple of them. A trailing or omitted
      input is None.
    refuse: Returns why a node cannot be run (an attribute's value), or None; asked when
      the file is loaded.
    layout: `first`: gets arrays in the file's order of axes. `pointwise`: element by
      element with broadcasting, so that it runs in whichever order its inputs are in.
      `aware`: gets `ChannelsLast` values as they are.
    fixed: Positions of inputs that describe the operation (a clipping bound, running
      statistics): never parameters.
    outputs: How many outputs it computes; None if as many as the node names.
  """

  run: Callable[..., Any]
  refuse: Callable[[Node], str | None] | None = None
  layout: Literal["first", "pointwise", "aware"] = "first"
  fixed: tuple[int, ...] = ()
  outputs: int | None = 1


def is_static(*values: Value) -> bool:
  """Returns whether every value given (None aside) is a NumPy array."""
  return all(isinstance(v, np.ndarray) for v in values if v is not None)


def namespace(*values: Value) -> Any:
  """Returns `numpy` for values known before the run, `jax.numpy` otherwise."""
  return np if is_static(*values) else jnp


def static(node: Node, value: Value, what: str) -> np.ndarray:
  """Returns a value that must be known before the network runs.

  Raises:
    InputError: If it depends on the images.
  """
  if isinstance(value, np.ndarray):
    return value
  if isinstance(value, jax.core.Tracer):
    raise InputError(
      f"{node}: {what} is computed from the network's input, but it must be known "
      "before the network runs; export the model with fixed shapes"
    )
  return np.asarray(value)


def integers(node: Node, value: Value, what: str) -> list[int]:
  """Returns a static value as a flat list of Python integers."""
  return [int(v) for v in static(node, value, what).reshape(-1)]


def aligned(*values: Value) -> list[Value]:
  """Returns the arrays with leading axes of size 1 added, all of the same rank."""
  rank = max(v.ndim for v in values)
  return [v.reshape((1,) * (rank - v.ndim) + v.shape) for v in values]


def channels_first(value: Value) -> Value:
  """Returns the value with its axes in the file's order."""
  if isinstance(value, ChannelsLast):
    return jnp.moveaxis(value.array, -1, 1)
  return value


def channels_last(value: Value) -> jax.Array:
  """Returns the array of `[N, C, *space]` with its channels moved last."""
  if isinstance(value, ChannelsLast):
    return value.array
  return jnp.moveaxis(jnp.asarray(value), 1, -1)


def widened(run: Callable[..., Value]) -> Callable[..., Value]:
  """Returns an operator that computes on halves in single precision.

  Sums and squares of halves leave their range (65,504) long before the result does;
  onnxruntime has them in single precision too.
  """

  def run_wide(node: Node, *values: Value) -> Value:
    narrow = _dtype(values[0])
    if not jnp.issubdtype(narrow, jnp.floating) or jnp.finfo(narrow).bits >= 32:
      return run(node, *values)
    results = run(node, *(_as_floating(v, np.float32) for v in values))
    if isinstance(results, tuple):
      return tuple(_as_floating(r, narrow) for r in results)
    return _as_floating(results, narrow)

  return run_wide


def _dtype(value: Value) -> np.dtype:
  return (value.array if isinstance(value, ChannelsLast) else value).dtype


def _as_floating(value: Value, dtype: Any) -> Value:
  if isinstance(value, ChannelsLast):
    return ChannelsLast(_as_floating(value.array, dtype))
  if value is None or not jnp.issubdtype(value.dtype, jnp.floating):
    return value
  return value.astype(dtype)


def unwrap(*values: Value) -> tuple[list[Any], Callable[[int], int], Callable]:
  """Opens values that an operator treats axis by axis, in one common layout.

  Args:
    *values: Arrays of one rank; if any is `ChannelsLast`, all become so.

  Returns:
    The plain arrays; a function from the file's axis number (negative allowed) to the
    axis of those arrays; and a function that wraps a result of the same layout again.
  """
  last = [v for v in values if isinstance(v, ChannelsLast)]
  if not last:
    rank = values[0].ndim
    return list(values), lambda axis: axis % rank, lambda array: array
  rank = last[0].array.ndim
  places = (0, rank - 1, *range(1, rank - 1))
  return (
    [channels_last(v) for v in values],
    lambda axis: places[axis % rank],
    ChannelsLast,
  )


def one_of(attribute: str, allowed: Sequence[Any], default: Any) -> Callable:
  """Returns a `refuse` that admits only these values of an attribute."""

  def refuse(node: Node) -> str | None:
    value = node.get(attribute, default)
    if value in allowed:
      return None
    return f"{attribute}={value!r} is not among {', '.join(map(repr, allowed))}"

  return refuse


def refuse_any(*checks: Callable[[Node], str | None]) -> Callable:
  """Returns a `refuse` that gives the first reason of several."""
  return lambda node: next((r for check in checks if (r := check(node))), None)
