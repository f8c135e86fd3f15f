"""Class ids 0..K-1 from whatever a file calls its classes.

Sources name classes by folders, by strings or by any integers (skipping values, negative
ones too). Everything downstream indexes arrays by class, so ids must be dense. Integers
keep their numeric order, which a sort of their strings would not ("10" before "2").
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from lead_jax.checks._arrays import refuse_masked
from lead_jax.checks._errors import InputError


def encode_labels(
  labels: Sequence[Any] | np.ndarray,
) -> tuple[np.ndarray, tuple[str, ...]]:
  """Maps labels to dense class ids.

  Args:
    labels: [N] integers or strings, not both; N at least one.

  Returns:
    int32[N] ids in `[0, K)` and the K class names: what the labels were, as strings in
    Unicode's composed form (NFC; bytes that are no UTF-8 as `\\xe9`), in ascending order
    (numeric for integers, by code point for strings).

  Raises:
    InputError: If there are no labels, they are not one-dimensional, or one of them is
      masked or neither an integer nor a string.
  """
  refuse_masked(labels, "labels")
  if not isinstance(labels, np.ndarray):
    # numpy would turn [1, "a"] into strings and [1, None] into objects.
    labels = _array_of_one_type(list(labels))
  if labels.ndim != 1:
    raise InputError(f"labels must be one-dimensional, got shape {labels.shape}")
  if not len(labels):
    raise InputError("labels are empty: at least one is needed")
  if labels.dtype.kind == "O":
    labels = _array_of_one_type(labels.tolist())
  if labels.dtype.kind == "S":
    # Bytes that are no UTF-8 stay apart, as \xe9 and \xe8.
    labels = np.char.decode(labels, "utf-8", "backslashreplace")
  if labels.dtype.kind not in "iuUO":
    raise InputError(
      f"labels must be integers or strings, got {labels.dtype}: "
      "convert them to class numbers or names"
    )
  found, ids = np.unique(labels, return_inverse=True)
  names = found.tolist()
  if labels.dtype.kind == "U":
    # One name however Unicode spells it: composed letters, or letters and their accents.
    spelled, of_name = np.unique(
      [unicodedata.normalize("NFC", name) for name in names], return_inverse=True
    )
    names, ids = spelled.tolist(), of_name[ids]
  return ids.astype(np.int32), tuple(map(str, names))


def _array_of_one_type(labels: list[Any]) -> np.ndarray:
  """Makes an array of all-integer or all-string labels, or says which one is not."""
  wanted = str if labels and isinstance(labels[0], str) else (int, np.integer)
  for i, label in enumerate(labels):
    if isinstance(label, (bool, np.bool_)) or not isinstance(label, wanted):
      raise InputError(
        f"labels must be all integers or all strings: label {i} is {label!r}"
      )
  if wanted is str:
    return np.asarray(labels, dtype=str)
  exact = np.asarray([int(label) for label in labels], dtype=object)
  small = all(-(2**63) <= label < 2**63 for label in exact)
  return exact.astype(np.int64) if small else exact
