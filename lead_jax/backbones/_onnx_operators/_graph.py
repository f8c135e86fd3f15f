"""From the nodes of a file to a pure JAX function and its parameters.

What the file holds is sorted once, when it is loaded: nodes that the wanted outputs do
not need are dropped, everything that follows from constants alone is computed in NumPy,
and of the constants left, those that training would change become parameters. The
function then only walks the remaining nodes; under `jit` that walk is the trace.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import (
  ChannelsLast,
  Node,
  Value,
  channels_first,
  channels_last,
  namespace,
)
from lead_jax.backbones._onnx_operators._operators import OPERATORS
from lead_jax.checks import InputError, one_line

# Attributes that count: what is below 1 in them fails in the compiler, far from its node.
_COUNTS = {"dilations", "group", "kernel_shape", "strides"}


@dataclasses.dataclass(frozen=True)
class Graph:
  """A network, ready to run.

  Attributes:
    nodes: In an order in which each finds its inputs.
    inputs: Names of the values that the caller gives.
    constants: Name -> NumPy array, fixed.
    parameters: Name of the value -> its name among the parameters.
    initial: Name among the parameters -> NumPy array, as the file has it.
    source: The file, for messages.
  """

  nodes: tuple[Node, ...]
  inputs: tuple[str, ...]
  constants: Mapping[str, np.ndarray]
  parameters: Mapping[str, str]
  initial: Mapping[str, np.ndarray]
  source: str

  def run(
    self, params: Mapping[str, Any], inputs: Sequence[Any], outputs: Iterable[str]
  ) -> list[Any]:
    """Computes outputs of the network.

    Args:
      params: Name -> array, with the names of `initial`.
      inputs: Arrays in the order of `inputs`. NumPy arrays count as known before the
        run, as a shape given as an input must be.
      outputs: Names of the values wanted.

    Returns:
      Arrays, in the order of `outputs`.

    Raises:
      InputError: If the arrays do not fit the network.
    """
    values: dict[str, Value] = {"": None, **self.constants}
    for name, parameter in self.parameters.items():
      values[name] = params[parameter]
    values.update(zip(self.inputs, inputs, strict=True))
    for node in self.nodes:
      try:
        results = _apply(node, [values[name] for name in node.inputs])
      except InputError as error:
        raise InputError(f"{self.source}: {error}") from error
      except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        shapes = ", ".join(
          str(list(v.shape)) for v in map(channels_first, map(values.get, node.inputs))
          if v is not None
        )  # fmt: skip
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
          f"{self.source}: {node} cannot run on arrays of shapes {shapes}: {first}"
        ) from error
      values.update(zip(node.outputs, results, strict=False))
    return [channels_first(values[name]) for name in outputs]


def build(
  nodes: Sequence[Node],
  initialisers: Mapping[str, np.ndarray],
  inputs: Sequence[str],
  outputs: Sequence[str],
  source: str,
) -> Graph:
  """Sorts a file's nodes and constants into a graph for the wanted outputs.

  Args:
    nodes: As the file lists them.
    initialisers: The file's arrays, by name.
    inputs: Names of the values that the caller gives.
    outputs: Names of the values wanted; each exists.
    source: The file, for messages.

  Raises:
    InputError: If operators are not supported; it names all of them.
  """
  nodes = _needed(nodes, outputs)
  _refuse_unsupported(nodes, outputs, source)
  computed = {"", *initialisers, *inputs}
  for node in nodes:
    for name in node.inputs:
      if name not in computed:
        raise InputError(
          f"{source}: {node} reads '{name}', which nothing before it computes; the file "
          "is broken, export it again"
        )
    computed.update(node.outputs)
  constants, origin = dict(initialisers), {name: name for name in initialisers}
  remaining = []
  for node in nodes:
    if not all(name in constants or not name for name in node.inputs):
      remaining.append(node)
      continue
    arguments = [constants[name] if name else None for name in node.inputs]
    with np.errstate(all="ignore"):  # inf and nan are values that a file may ask for
      try:
        results = _apply(node, arguments)
      except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InputError(
          f"{source}: {node} cannot run on its constants: {one_line(error, most=200)}"
        ) from error
    for name, value in zip(node.outputs, results, strict=False):
      constants[name] = np.asarray(channels_first(value))
      # A half-precision weight behind a Cast keeps the weight's own name.
      alone = node.op_type in ("Cast", "Identity")
      origin[name] = origin.get(node.inputs[0], name) if alone else name
  parameters = {}
  for node in remaining:
    fixed = OPERATORS[node.op_type].fixed
    for position, name in enumerate(node.inputs):
      if name in constants and position not in fixed and _trainable(constants[name]):
        parameters[name] = origin[name]
  if len(set(parameters.values())) < len(parameters):  # one weight in two precisions
    parameters = {name: name for name in parameters}
  used = {name for node in remaining for name in node.inputs} | set(outputs)
  return Graph(
    nodes=tuple(remaining),
    inputs=tuple(inputs),
    constants={
      name: value
      for name, value in constants.items()
      if name in used and name not in parameters
    },
    parameters=parameters,
    initial={label: constants[name] for name, label in parameters.items()},
    source=source,
  )


def _trainable(value: np.ndarray) -> bool:
  """A scalar constant belongs to the architecture, as do integers and masks."""
  floating = jnp.issubdtype(value.dtype, jnp.floating)
  return value.ndim > 0 and floating and not is_mask(value)


def is_mask(value: np.ndarray) -> bool:
  """Returns whether an array is what attention adds to leave positions out."""
  return value.size > 1 and bool(
    value.max() == 0
    and value.min() == -np.inf
    and ((value == 0) | np.isinf(value)).all()
  )


def _needed(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
  wanted, kept = set(outputs), []
  for node in reversed(nodes):
    if wanted & set(node.outputs):
      kept.append(node)
      wanted.update(node.inputs)
  return kept[::-1]


def _refuse_unsupported(nodes, outputs, source):
  used = {name for node in nodes for name in node.inputs} | set(outputs)
  problems: dict[str, list[str]] = {}
  for node in nodes:
    reason = _reason(node, used)
    if reason is not None:
      problems.setdefault(reason, []).append(node.name)
  if problems:
    listing = "; ".join(
      f"{reason} (node '{names[0]}'"
      + (f" and {len(names) - 1} more)" if len(names) > 1 else ")")
      for reason, names in problems.items()
    )
    raise InputError(
      f"{source}: uses ONNX operators that are not supported: {listing}; "
      "export or simplify the model without them"
    )


def _reason(node: Node, used: set[str]) -> str | None:
  operator = OPERATORS.get(node.op_type)
  if operator is None:
    return node.op_type
  if operator.outputs is not None:
    for index, name in enumerate(node.outputs[operator.outputs :], operator.outputs):
      if name in used:
        return f"{node.op_type} with its output number {index + 1}"
  for name in _COUNTS & set(node.attributes):
    if np.min(node.attributes[name], initial=1) < 1:
      return f"{node.op_type} with {name} that are not positive"
  refused = operator.refuse(node) if operator.refuse else None
  return None if refused is None else f"{node.op_type} with {refused}"


def _apply(node: Node, values: list[Value]) -> tuple[Value, ...]:
  """Runs one node, in the layout that its operator can take."""
  operator = OPERATORS[node.op_type]
  last = [v for v in values if isinstance(v, ChannelsLast)]
  wrap: Callable[[Any], Value] = lambda value: value
  if last and operator.layout == "pointwise":
    rank = last[0].array.ndim
    if all(v is None or _rank(v) <= rank for v in values):
      values = [_pointwise_last(v, rank) for v in values]
      wrap = ChannelsLast
    else:
      values = [channels_first(v) for v in values]
  elif operator.layout == "first":
    values = [channels_first(v) for v in values]
  results = operator.run(node, *values)
  results = results if isinstance(results, tuple) else (results,)
  # NumPy turns operations on 0-d arrays into scalars of its own.
  arrays = (np.asarray(r) if isinstance(r, np.generic) else r for r in results)
  return tuple(map(wrap, arrays))


def _rank(value):
  return (value.array if isinstance(value, ChannelsLast) else value).ndim


def _pointwise_last(value, rank):
  """Brings a value to the rank and the order of a channels-last array."""
  if value is None or isinstance(value, ChannelsLast):
    return None if value is None else channels_last(value)
  value = value.reshape((1,) * (rank - value.ndim) + value.shape)
  return namespace(value).moveaxis(value, 1, -1)
