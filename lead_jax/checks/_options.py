"""Options as frozen dataclasses: each option's type, bound, default and help in one place.

  @dataclasses.dataclass(frozen=True)
  class KnnOptions(Options):
    k: int = option(1, least=1, help="Number of neighbours that vote.")
    distance: Literal["cosine", "euclidean"] = option("cosine", help="Measure of near.")

An instance holds checked values of the annotated types: whole numbers given for floats are
floats there, lists given for tuples are tuples.
"""

import contextlib
import dataclasses
import functools
import math
import numbers
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from lead_jax.checks._texts import shown


class Rule(NamedTuple):
  """What an option may be, beside its type.

  Attributes:
    help: One sentence for people.
    least: Smallest value, if any; of a tuple, of each entry.
    above: Value that it must exceed, if any.
    most: Largest value, if any.
    below: Value that it must stay under, if any.
    finite: Whether infinity is refused.
  """

  help: str = ""
  least: float | None = None
  above: float | None = None
  most: float | None = None
  below: float | None = None
  finite: bool = True

  def holds(self, value: float) -> bool:
    """Returns whether a number is within the bounds; NaN never is."""
    return (
      not math.isnan(value)
      and (math.isfinite(value) or not self.finite)
      and (self.least is None or value >= self.least)
      and (self.above is None or value > self.above)
      and (self.most is None or value <= self.most)
      and (self.below is None or value < self.below)
    )

  def bound(self, kind: type) -> str:
    """Returns the bounds in words, such as `at least 1`; empty where there are none."""
    low, high = self.above, self.below
    left, right = ("(", ")")
    if low is None and self.least is not None:
      low, left = self.least, "["
    if high is None and self.most is not None:
      high, right = self.most, "]"
    if low is not None and high is not None:
      return f"in {left}{_number(low)}, {_number(high)}{right}"
    found = []
    if low is not None:
      found = [f"{'above' if left == '(' else 'at least'} {_number(low)}"]
    if high is not None:
      found = [f"{'below' if right == ')' else 'at most'} {_number(high)}"]
    return " and ".join(found + ["finite"] * (kind is float and self.finite))


class OptionDescription(NamedTuple):
  """One option of a class of options, as documentation shows it.

  Attributes:
    name: Its name.
    kind: Its type in words: `whole number`, `'cosine' or 'euclidean'`.
    bound: Its bounds in words; empty where there are none.
    default: Its default value.
    help: One sentence for people.
  """

  name: str
  kind: str
  bound: str
  default: Any
  help: str


def option(
  default: Any,
  *,
  help: str,
  least: float | None = None,
  above: float | None = None,
  most: float | None = None,
  below: float | None = None,
  finite: bool = True,
) -> Any:
  """Declares one option of a class of `Options`; its annotation says its type.

  Args:
    default: Its default value.
    help: One sentence for people.
    least: Smallest value allowed; of a tuple, for each entry.
    above: Value that it must exceed.
    most: Largest value allowed.
    below: Value that it must stay under.
    finite: Whether a float must be finite.

  Returns:
    A field of a dataclass.
  """
  rule = Rule(help, least, above, most, below, finite)
  return dataclasses.field(default=default, metadata={"rule": rule})


@dataclasses.dataclass(frozen=True)
class Options:
  """Base of all classes of options; a class without fields has no options.

  Types are `int`, `float`, `bool`, `str`, `Literal[...]` of texts, `tuple[int, ...]` and
  the like, each perhaps with `| None`. Conditions between fields are checked by a
  `__post_init__` that calls this one first.
  """

  def __post_init__(self) -> None:
    """Checks all values and brings them to their types; raises `ValueError`."""
    for field, annotation in _fields(type(self)):
      value = _checked(field, annotation, getattr(self, field.name))
      object.__setattr__(self, field.name, value)

  @classmethod
  def check(cls, **values: Any) -> None:
    """Checks some values by themselves.

    Raises:
      ValueError: If one is not allowed; the message names it, its bound and the value.
      TypeError: If there is no option of a name.
    """
    if unknown := [name for name in values if name not in cls.names()]:
      raise TypeError(f"{cls.__name__} has no option {unknown[0]!r}")
    for field, annotation in _fields(cls):
      if field.name in values:
        _checked(field, annotation, values[field.name])

  @classmethod
  def names(cls) -> tuple[str, ...]:
    """Returns the names of all options."""
    return tuple(field.name for field, _ in _fields(cls))

  @classmethod
  def described(cls) -> list[OptionDescription]:
    """Returns all options as documentation shows them."""
    found = []
    for field, annotation in _fields(cls):
      kind, none = _without_none(annotation)
      bound = _rule(field).bound(_scalar(kind))
      if bound and get_origin(kind) is tuple:
        bound = f"each {bound}"
      words = _in_words(kind) + (" or None" if none else "")
      found.append(
        OptionDescription(field.name, words, bound, field.default, _rule(field).help)
      )
    return found

  def values(self) -> dict[str, Any]:
    """Returns all options by name."""
    return {name: getattr(self, name) for name in self.names()}


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
  """Returns the value if it is one of the choices; raises ValueError if not."""
  if not isinstance(value, str) or value not in choices:
    raise ValueError(
      f"{name} must be one of {tuple(choices)}, got {shown(repr(value))}"
    )
  return value


def check_num_classes(num_classes: int) -> None:
  """Refuses fewer than two classes; raises ValueError."""
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")


@functools.cache
def _annotations(cls: type) -> Mapping[str, Any]:
  return typing.get_type_hints(cls)


def _fields(cls: type) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
  for field in dataclasses.fields(cls):
    yield field, _annotations(cls)[field.name]


def _rule(field: dataclasses.Field[Any]) -> Rule:
  rule = field.metadata.get("rule", Rule())
  assert isinstance(rule, Rule)
  return rule


def _checked(field: dataclasses.Field[Any], annotation: Any, value: Any) -> Any:
  """Returns a value of the annotated type; raises ValueError if it is not allowed."""
  kind, none = _without_none(annotation)
  if none and value is None:
    return None
  if get_origin(kind) is Literal:
    return one_of(field.name, value, get_args(kind))
  rule, or_none = _rule(field), " or None" if none else ""
  if get_origin(kind) is tuple:
    return _checked_tuple(field.name, rule, get_args(kind)[0], value)
  scalar = _scalar(kind)
  found = _converted(field.name, scalar, value)
  if found is None:
    wanted = f"{_article(scalar)}{_NAMES[scalar]}"
    raise ValueError(
      f"{field.name} must be {wanted}{or_none}, got {shown(repr(value))}"
    )
  if scalar in (int, float) and not rule.holds(found):
    bound = rule.bound(scalar) or "a number"
    raise ValueError(f"{field.name} must be {bound}{or_none}, got {shown(repr(value))}")
  if scalar is float:
    _check_range(field.name, found)
  return found


def _check_range(name: str, value: float) -> None:
  """Refuses a number that is none in 32 bits, in which mathematics computes by default.

  Raises:
    ValueError: If it is beyond them, or so small that it would be zero.
  """
  if math.isfinite(value) and value and not _SMALL <= abs(value) <= _LARGE:
    raise ValueError(
      f"{name} must be 0 or between {_SMALL:.3g} and {_LARGE:.3g} in size, as numbers of "
      f"32 bits are, got {value!r}"
    )


def _checked_tuple(name: str, rule: Rule, kind: Any, value: Any) -> tuple[Any, ...]:
  scalar = _scalar(kind)
  plural = f"{_NAMES[scalar]}s"
  entries = (
    value if isinstance(value, Iterable) and not isinstance(value, str) else None
  )
  found = (
    None if entries is None else [_converted(name, scalar, entry) for entry in entries]
  )
  if found is None or None in found:
    raise ValueError(f"{name} must be a tuple of {plural}, got {shown(repr(value))}")
  if scalar in (int, float) and not all(map(rule.holds, found)):
    raise ValueError(
      f"{name} must hold {plural}, each {rule.bound(scalar)}, got {shown(repr(value))}"
    )
  if scalar is float:
    for number in found:
      _check_range(name, number)
  return tuple(found)


# The least and the largest number of 32 bits, to a digit.
_SMALL, _LARGE = 1.2e-38, 3.4e38

_NAMES: Mapping[type, str] = {
  bool: "true or false",
  int: "whole number",
  float: "number",
  str: "text",
}
# Whole numbers stay below it: computed with are 64 bits.
_WHOLE = 2**63


def _article(scalar: type) -> str:
  return "" if scalar is bool else "a "


def _converted(name: str, scalar: type, value: Any) -> Any:
  """Returns the value as one of a type; None where it is none.

  Raises:
    ValueError: If a number does not fit 64 bits.
  """
  if scalar in (bool, str):
    return value if isinstance(value, scalar) else None
  abstract = numbers.Integral if scalar is int else numbers.Real
  fits = isinstance(value, abstract) and not isinstance(value, bool)
  if not fits:
    return None
  with contextlib.suppress(OverflowError):
    found = scalar(value)
    if scalar is float or -_WHOLE <= found < _WHOLE:
      return found
  raise ValueError(
    f"{name} must be a {_NAMES[scalar]} that fits 64 bits, got one that does not"
  )


def _without_none(annotation: Any) -> tuple[Any, bool]:
  """Returns an annotation without its `| None`, and whether it had that."""
  if get_origin(annotation) not in (Union, types.UnionType):
    return annotation, False
  kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
  if len(kinds) != 1:
    raise TypeError(f"an option has one type, perhaps with `| None`, got {annotation}")
  return kinds[0], True


def _scalar(kind: Any) -> type:
  """Returns the type of a scalar, of a choice, or of a tuple's entries."""
  if get_origin(kind) is Literal:
    return str
  if get_origin(kind) is tuple:
    kind = get_args(kind)[0]
  if kind not in _NAMES:
    raise TypeError(
      "an option is an int, float, bool, str, Literal of texts or a tuple of one of "
      f"them, got {kind}"
    )
  scalar: type = kind
  return scalar


def _in_words(kind: Any) -> str:
  if get_origin(kind) is Literal:
    return ", ".join(map(repr, get_args(kind)))
  if get_origin(kind) is tuple:
    return f"tuple of {_NAMES[_scalar(kind)]}s"
  return _NAMES[_scalar(kind)]


def _number(value: float) -> str:
  return f"{value:g}".replace("e-0", "e-").replace("e+0", "e+")
