"""Values as JSON can hold them, there and back."""

import math
from collections.abc import Mapping
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
