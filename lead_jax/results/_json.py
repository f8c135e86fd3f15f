"""Values as JSON can hold them, there and back."""

import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any


def json_values(value: Any) -> Any:
  """Returns what JSON can hold: no tuples; NaN as None, infinity by name."""
  if isinstance(value, Mapping):
    return {str(k): json_values(v) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [json_values(v) for v in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
  return value


def number_from_json(value: Any) -> float:
  """Returns the number that `json_values` wrote.

  Raises:
    ValueError: If it is none.
  """
  if value is None:
    return math.nan
  if isinstance(value, bool) or not isinstance(value, int | float | str):
    raise ValueError(f"{value!r} is not a number")
  if isinstance(value, str) and value not in ("inf", "-inf"):
    raise ValueError(f"{value!r} is not a number")
  return float(value)


def fits(value: Any, hint: Any) -> bool:
  """Returns whether a JSON value is of a type.

  Args:
    value: The value.
    hint: Of plain types, `Mapping[str, X]`, `Sequence[X]`, unions of these, and `Any`.
  """
  if hint is Any:
    return True
  origin, parts = typing.get_origin(hint), typing.get_args(hint)
  if origin in (typing.Union, types.UnionType):
    return any(fits(value, part) for part in parts)
  if origin is Mapping:
    return isinstance(value, Mapping) and all(fits(v, parts[1]) for v in value.values())
  if origin is Sequence:
    return isinstance(value, list | tuple) and all(fits(v, parts[0]) for v in value)
  if hint is float:
    return isinstance(value, int | float) and not isinstance(value, bool)
  return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
