"""Checks of options: what is wrong is named, with its bound and the value received."""

import numbers
from collections.abc import Iterable, Sequence
from typing import Any


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
  """Returns the value if it is one of the choices; raises ValueError if not."""
  if not isinstance(value, str) or value not in choices:
    raise ValueError(f"{name} must be one of {tuple(choices)}, got {value!r}")
  return value


def whole_number(name: str, value: Any, least: int | None = None) -> int:
  """Returns the value as an int of at least `least`; raises ValueError if it is none."""
  if isinstance(value, bool) or not isinstance(value, numbers.Integral):
    raise ValueError(f"{name} must be a whole number, got {value!r}")
  number = int(value)
  if least is not None and number < least:
    raise ValueError(f"{name} must be at least {least}, got {number}")
  return number


def real_number(name: str, value: Any) -> float:
  """Returns the value as a float; raises ValueError if it is no number."""
  if isinstance(value, bool) or not isinstance(value, numbers.Real):
    raise ValueError(f"{name} must be a number, got {value!r}")
  return float(value)


def widths(name: str, value: Any) -> tuple[int, ...]:
  """Returns the value as widths of layers; raises ValueError if it is none."""
  if isinstance(value, str) or not isinstance(value, Iterable):
    raise ValueError(f"{name} must be a tuple of widths, got {value!r}")
  found = tuple(whole_number(name, width) for width in value)
  if any(width < 1 for width in found):
    raise ValueError(f"{name} must hold widths of at least 1, got {value!r}")
  return found
