"""Running a file's nodes: what each asks for is looked at before it runs."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lead_jax.backbones._onnx_operators._allowance import Allowance
from lead_jax.backbones._onnx_operators._demand import FREE, demand
from lead_jax.backbones._onnx_operators._node import (
  Branch,
  ChannelsLast,
  Node,
  Value,
  channels_first,
  channels_last,
  is_static,
  namespace,
  static,
)
from lead_jax.backbones._onnx_operators._operators import OPERATORS
from lead_jax.checks import InputError, one_line

# Attributes that count: what is below 1 in them fails in the compiler, far from its node.
_COUNTS = {"dilations", "group", "kernel_shape", "strides"}


class MixedImages(InputError):
  """A step puts several images into one row."""


@dataclasses.dataclass(frozen=True)
class Run:
  """One walk over nodes.

  Attributes:
    source: The file, for messages.
    allowance: What is counted down.
    images: How many images are given.
    image: Bytes of one.
    apart: Whether they must not be mixed.
  """

  source: str
  allowance: Allowance
  images: int = 1
  image: int = 0
  apart: bool = False

  def walk(self, nodes: Iterable[Node], values: dict[str, Value]) -> None:
    """Runs nodes in order; adds what they compute to the values."""
    for node in nodes:
      given = [self.value(values, name, node) for name in node.inputs]
      if is_choice(node):
        branch = self.branch(node, given[0])
        self.walk(branch.nodes, values)
        results = tuple(self.value(values, name, node) for name in branch.outputs)
      else:
        results = self.apply(node, given)
      values.update(zip(node.outputs, results, strict=False))

  def value(self, values: dict[str, Value], name: str, node: Node) -> Value:
    """Returns a value that a node reads.

    Raises:
      InputError: If nothing computes it.
    """
    if name not in values:
      raise InputError(unknown_value(self.source, node, name))
    return values[name]

  def branch(self, node: Node, condition: Value) -> Branch:
    """Returns which branch of an `If` is taken.

    Raises:
      InputError: If the image decides, or the node is damaged.
    """
    try:
      known = static(node, channels_first(condition), "its condition")
      taken = bool(known.astype(bool).item())
    except InputError as error:
      raise InputError(f"{self.source}: {error.marked}") from error
    except (TypeError, ValueError):
      raise InputError(
        f"{self.source}: {node} has a condition that is not one truth value; the file is "
        "damaged, export it again"
      ) from None
    branch = node.get("then_branch" if taken else "else_branch")
    if condition is None or not isinstance(branch, Branch):
      raise InputError(
        f"{self.source}: {node} has no condition, or no branch for it; the file is "
        "damaged, export it again"
      )
    return branch

  def apply(self, node: Node, values: list[Value]) -> tuple[Value, ...]:
    """Runs one node, once what it asks for is known to be allowed.

    Raises:
      InputError: If it is not, or the node cannot run on the values.
    """
    reason = unsupported(node, set())
    if reason is not None:
      raise InputError(
        f"{self.source}: uses {reason} (node '{node.name}'), which is not supported; "
        "export or simplify the model without it"
      )
    try:
      with np.errstate(all="ignore"):  # inf and nan are values that a file may ask for
        spent = self._spend(node, values)
        results = _apply(node, values)
    except InputError as error:
      if error.marked.startswith(f"{self.source}: "):
        raise
      raise InputError(f"{self.source}: {error.marked}") from error
    except (
      ArithmeticError,
      AssertionError,
      AttributeError,
      LookupError,
      MemoryError,
      NameError,  # an axis that is text is JAX's name of an axis
      NotImplementedError,
      TypeError,
      ValueError,
    ) as error:
      raise InputError(self._cannot(node, values, error)) from error
    if spent is not None:
      made = sum(r.nbytes for r in results if isinstance(r, np.ndarray))
      self.allowance.spend(max(0, made - spent), node)
    if self.apart and node.op_type in ("Flatten", "Reshape"):
      self._check_apart(node, values[0], results[0])
    return results

  def _cannot(self, node: Node, values: list[Value], error: Exception) -> str:
    shapes = ", ".join(
      str(list(v.shape)) for v in map(channels_first, values) if v is not None
    )
    hint = ""
    if node.op_type == "Reshape":
      hint = (
        "; if a batch size is written into it, export the model with one that may vary"
      )
    return (
      f"{self.source}: {node} cannot run on arrays of shapes {shapes}: "
      f"{one_line(error, most=200)}{hint}"
    )

  def _spend(self, node: Node, values: list[Value]) -> int | None:
    """Counts what a node asks for; returns what was counted for constants."""
    pointwise = OPERATORS[node.op_type].layout == "pointwise"
    made, products = demand(node, values, pointwise=pointwise)
    if not is_static(*values):
      per = self.images
      self.allowance.check_value(4 * made / per, products / per, self.image, node)
      return None
    if node.op_type in FREE:
      return None
    self.allowance.spend(4 * made, node, products)
    return 4 * made

  def _check_apart(self, node: Node, before: Value, after: Value) -> None:
    """Refuses rows of images that have become rows of something else."""
    before = channels_first(before)
    if before.shape[:1] == (self.images,) and (
      not after.ndim or after.shape[0] % self.images
    ):
      raise MixedImages(
        f"{self.source}: {node} turns {list(before.shape)} into {list(after.shape)}: a "
        "batch of 1 is written into it; export the model with a batch axis that may vary"
      )


def unknown_value(source: str, node: Node, name: str) -> str:
  """Returns what is said of a value that nothing computes."""
  return (
    f"{source}: {node} reads '{name}', which nothing before it computes; the file is "
    "broken, export it again"
  )


def is_choice(node: Node) -> bool:
  """Returns whether a node is an `If`."""
  return node.op_type == "If" and bool(node.inputs)


def unsupported(node: Node, used: set[str]) -> str | None:
  """Returns why a node cannot be run, or None.

  Args:
    node: The step.
    used: Names of values that are needed.
  """
  if is_choice(node):
    return None
  operator = OPERATORS.get(node.op_type)
  if operator is None:
    return node.op_type
  if operator.outputs is not None:
    for index, name in enumerate(node.outputs[operator.outputs :], operator.outputs):
      if name in used:
        return f"{node.op_type} with its output number {index + 1}"
  for name in _COUNTS & set(node.attributes):
    value = node.attributes[name]
    counts = value if isinstance(value, Iterable) else [value]
    if not all(isinstance(count, int) and count > 0 for count in counts):
      return f"{node.op_type} with {name} that are not all positive whole numbers"
  try:
    refused = operator.refuse(node) if operator.refuse else None
  except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
    refused = "attributes of another type than its own"
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
