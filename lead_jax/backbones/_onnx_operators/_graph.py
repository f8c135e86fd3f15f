"""From the nodes of a file to a pure JAX function and its parameters.

What the file holds is sorted once, when it is loaded: nodes that the wanted outputs do
not need are dropped, everything that follows from constants alone is computed in NumPy,
an `If` whose condition is known gives way to its branch, and of the constants left, those
that training would change become parameters. The function then only walks the remaining
nodes; under `jit` that walk is the trace.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._allowance import Allowance
from lead_jax.backbones._onnx_operators._node import (
  Branch,
  Node,
  Value,
  channels_first,
)
from lead_jax.backbones._onnx_operators._operators import OPERATORS
from lead_jax.backbones._onnx_operators._run import (
  Run,
  is_choice,
  unknown_value,
  unsupported,
)
from lead_jax.checks import InputError


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
    allowance: What a run may ask for.
  """

  nodes: tuple[Node, ...]
  inputs: tuple[str, ...]
  constants: Mapping[str, np.ndarray]
  parameters: Mapping[str, str]
  initial: Mapping[str, np.ndarray]
  source: str
  allowance: Allowance

  def run(
    self,
    params: Mapping[str, Any],
    inputs: Sequence[Any],
    outputs: Iterable[str],
    *,
    apart: bool = False,
  ) -> list[Any]:
    """Computes outputs of the network.

    Args:
      params: Name -> array, with the names of `initial`.
      inputs: Arrays in the order of `inputs`; the first axis of the first one counts
        images. NumPy arrays count as known before the run, as a shape given as an input
        must be.
      outputs: Names of the values wanted.
      apart: Whether a step that puts several images into one row is an error.

    Returns:
      Arrays, in the order of `outputs`.

    Raises:
      InputError: If the arrays do not fit the network, or it asks for too much.
      MixedImages: If images are mixed that are to be kept apart.
    """
    values: dict[str, Value] = {"": None, **self.constants}
    for name, parameter in self.parameters.items():
      values[name] = params[parameter]
    values.update(zip(self.inputs, inputs, strict=True))
    sizes = np.shape(inputs[0]) if inputs else ()
    images = max(1, sizes[0]) if sizes else 1
    image = 4 * math.prod(sizes[1:])
    Run(self.source, self.allowance.fresh(), images, image, apart).walk(
      self.nodes, values
    )
    return [channels_first(values[name]) for name in outputs]

  def steps(self) -> Iterator[Node]:
    """Yields the nodes, with those of branches."""
    return _all_nodes(self.nodes)


def build(
  nodes: Sequence[Node],
  initialisers: Mapping[str, np.ndarray],
  inputs: Sequence[str],
  outputs: Sequence[str],
  source: str,
  allowance: Allowance,
) -> Graph:
  """Sorts a file's nodes and constants into a graph for the wanted outputs.

  Args:
    nodes: As the file lists them.
    initialisers: The file's arrays, by name.
    inputs: Names of the values that the caller gives.
    outputs: Names of the values wanted; each exists.
    source: The file, for messages.
    allowance: What the file may ask for.

  Raises:
    InputError: If operators are not supported; it names all of them. If the file asks
      for too much.
  """
  nodes = _needed(nodes, outputs)
  constants, origin, remaining = _folded(nodes, initialisers, Run(source, allowance))
  remaining = _needed(remaining, outputs)
  _refuse_unsupported(remaining, outputs, source)
  computed = {"", *constants, *inputs}
  for node in remaining:
    for name in node.inputs:
      if name not in computed:
        raise InputError(unknown_value(source, node, name))
    computed.update(node.outputs)
  steps = list(_all_nodes(remaining))
  allowance.check_steps(len(steps))
  parameters = {}
  for node in steps:
    fixed = OPERATORS[node.op_type].fixed if node.op_type in OPERATORS else ()
    for position, name in enumerate(node.inputs):
      if name in constants and position not in fixed and _trainable(constants[name]):
        parameters[name] = origin[name]
  if len(set(parameters.values())) < len(parameters):  # one weight in two precisions
    parameters = {name: name for name in parameters}
  used = {name for node in steps for name in node.inputs} | set(outputs)
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
    allowance=allowance,
  )


def _folded(
  nodes: Sequence[Node], initialisers: Mapping[str, np.ndarray], run: Run
) -> tuple[dict[str, np.ndarray], dict[str, str], list[Node]]:
  """Computes what follows from constants; returns those, their origins, and the rest."""
  constants, origin = dict(initialisers), {name: name for name in initialisers}
  remaining = []
  left = list(reversed(nodes))
  while left:
    node = left.pop()
    known = all(name in constants or not name for name in node.inputs)
    if is_choice(node) and (known or node.inputs[0] in constants):
      branch = run.branch(node, constants.get(node.inputs[0]))
      left += reversed(_taken(branch, node))
      continue
    if not known or unsupported(node, set()) is not None:
      remaining.append(node)  # refused later, if it is needed
      continue
    arguments = [constants[name] if name else None for name in node.inputs]
    results = run.apply(node, arguments)
    for name, value in zip(node.outputs, results, strict=False):
      constants[name] = np.asarray(channels_first(value))
      # A half-precision weight behind a Cast keeps the weight's own name.
      alone = node.op_type in ("Cast", "Identity")
      origin[name] = origin.get(node.inputs[0], name) if alone else name
  return constants, origin, remaining


def _taken(branch: Branch, node: Node) -> list[Node]:
  """The steps that stand for an `If` once its branch is known."""
  named = [
    Node("Identity", node.name, (inner,), (outer,), {}, node.opset)
    for inner, outer in zip(branch.outputs, node.outputs, strict=False)
    if outer
  ]
  return [*branch.nodes, *named]


def _all_nodes(nodes: Iterable[Node]) -> Iterator[Node]:
  """Nodes with those of branches."""
  for node in nodes:
    yield node
    for value in node.attributes.values():
      if isinstance(value, Branch):
        yield from _all_nodes(value.nodes)


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
    reason = unsupported(node, used)
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
