"""What metrics return, as plain numbers: what a store, a report and JSON can hold."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from lead_jax.checks import InputError, shown
from lead_jax.metrics._metric import Metric, Spread, Value


def plain_value(metric: Metric, value: Value) -> Value:
  """Returns what a metric gave with plain numbers, as stores and reports hold them.

  Args:
    metric: Whose value it is.
    value: Numbers may be scalars of NumPy or JAX, details arrays of them too.

  Raises:
    InputError: If a field is not what `Value` says; names it.
  """
  where = f"metric {metric.name!r}: "
  parts, spread = value.parts, value.spread
  if not isinstance(value.status, str):
    raise InputError(f"{where}status is {shown(repr(value.status))}: give a text")
  if not isinstance(value.details, Mapping):
    raise InputError(f"{where}details are {shown(repr(value.details))}: give a mapping")
  if spread is not None and not isinstance(spread, Spread):
    raise InputError(f"{where}spread is {shown(repr(spread))}: give a Spread")
  if metric.pool is not None and not isinstance(parts, Mapping):
    raise InputError(f"{where}parts are {shown(repr(parts))}: pool= needs a mapping")
  if spread is not None:
    spread = Spread(_plain_number(f"{where}spread", spread.std), str(spread.draws))
  if parts is not None:
    parts = {
      str(name): _plain_number(f"{where}parts[{name!r}]", number)
      for name, number in parts.items()
    }
  return Value(
    score=_plain_number(f"{where}score", value.score),
    status=value.status,
    details={
      str(name): _plain_detail(f"{where}details[{name!r}]", detail)
      for name, detail in value.details.items()
    },
    spread=spread,
    parts=parts,
  )


def _plain_number(what: str, value: Any) -> float:
  """A number as Python has it; of 64 bits where it is."""
  array = np.asarray(value)
  if array.shape != () or array.dtype.kind not in "iuf" or isinstance(value, bool):
    raise InputError(f"{what} is {shown(repr(value))}: give a number")
  return value if type(value) is float else float(array)


def _plain_detail(what: str, value: Any) -> Any:
  """Numbers, texts, lists and mappings of them, as JSON holds them."""
  if value is None or type(value) in (bool, int, float, str):
    return value
  if isinstance(value, Mapping):
    return {str(name): _plain_detail(what, item) for name, item in value.items()}
  if isinstance(value, list | tuple):
    return [_plain_detail(what, item) for item in value]
  if isinstance(value, np.ndarray | np.generic | jax.Array):
    return _plain_detail(what, np.asarray(value).tolist())
  raise InputError(
    f"{what} is a {type(value).__name__}: give numbers, texts, or lists of them"
  )
