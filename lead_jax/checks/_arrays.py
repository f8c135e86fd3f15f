"""Whatever holds numbers, as an array of NumPy: torch's, masked, of any library."""

import warnings
from typing import Any

import numpy as np

from lead_jax.checks._errors import InputError
from lead_jax.checks._texts import one_line, shown


def plain_array(value: Any, name: str) -> np.ndarray:
  """Returns a value as an array of NumPy.

  Tensors of torch are taken wherever they lie, with gradients and in any precision.

  Args:
    value: An array of any library, or nested sequences of numbers.
    name: What the message calls it.

  Raises:
    InputError: If it is nothing that has rows, is masked, or cannot be converted.
  """
  if value is None or isinstance(value, str | bytes | dict | set):
    raise InputError(f"{name} must be an array of numbers, got {_kind(value)}")
  if isinstance(value, np.ma.MaskedArray):
    refuse_masked(value, name)
    value = value.data
  if type(value).__module__.partition(".")[0] == "torch":
    value = _of_torch(value)
  if callable(getattr(value, "toarray", None)):
    raise InputError(f"{name} are a sparse matrix: give {name}.toarray()")
  try:
    # Ragged lists and numbers that overflow are said by a warning in some versions.
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      return np.asarray(value)
  except Exception as error:  # whatever a stranger's `__array__` raises
    raise InputError(
      f"{name} cannot be made an array ({one_line(error, most=120)}): give one of NumPy or "
      "JAX"
    ) from error


def refuse_masked(array: Any, name: str) -> None:
  """Refuses an array some of whose values are masked: NumPy would use what is below.

  Args:
    array: Anything; only a NumPy masked array can be refused.
    name: What the message calls it.

  Raises:
    InputError: If a value is masked.
  """
  if np.ma.is_masked(array):
    count = int(np.ma.getmaskarray(array).sum())
    raise InputError(
      f"{name} is a masked array with {count} masked values: remove those samples, or fill "
      "the values in (`.filled(...)`)"
    )


def _of_torch(value: Any) -> Any:
  """A tensor without its gradient, on the host, in a type that NumPy has."""
  for method in ("detach", "cpu"):
    if callable(getattr(value, method, None)):
      value = getattr(value, method)()
  if str(getattr(value, "dtype", "")) == "torch.bfloat16":
    value = value.float()
  return value


def _kind(value: Any) -> str:
  return (
    "None" if value is None else f"{type(value).__name__} {shown(value, most=40)!r}"
  )
