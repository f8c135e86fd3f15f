"""Rows of features that are equal: perhaps copies of one image, which flatter scores."""

import hashlib
from typing import Any

import numpy as np


def equal_rows(features: Any) -> list[tuple[int, ...]]:
  """Returns groups of rows that are equal to the last bit.

  Args:
    features: [N, D]; anything else has no rows.

  Returns:
    The places of each group, ascending; groups by their first place.
  """
  array = np.asarray(features)
  if array.ndim != 2 or array.dtype.kind == "O":
    return []
  places: dict[bytes, list[int]] = {}
  for i, row in enumerate(np.ascontiguousarray(array)):
    places.setdefault(hashlib.sha256(row.tobytes()).digest(), []).append(i)
  return [tuple(group) for group in places.values() if len(group) > 1]


def equal_rows_line(name: str, features: Any) -> str:
  """Says in one line which rows of features are equal; "" where none are.

  Args:
    name: What to call the features.
    features: [N, D].
  """
  groups = equal_rows(features)
  if not groups:
    return ""
  count = sum(len(group) - 1 for group in groups)
  first = " and ".join(map(str, groups[0][:2]))
  rows = "1 row is an exact copy" if count == 1 else f"{count} rows are exact copies"
  return (
    f"{name}: {rows} of others (rows {first}): where these are one image, remove the "
    "copies, since scores that leave samples out are too high with them"
  )
