"""Whether what was printed is what a page shows."""

import math
import re

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def differences(shown: str, printed: str) -> str:
  """Compares line by line; returns the first difference, empty where there is none.

  `…` stands for anything, any white space for any other. Numbers with a point may differ
  by rounding (a unit of the last place shown), all others may not.
  """
  ours, theirs = (text.strip().splitlines() for text in (shown, printed))
  if len(ours) != len(theirs):
    return f"shows {len(ours)} lines, {len(theirs)} were printed:\n{printed}"
  for one, other in zip(ours, theirs, strict=True):
    if not _same(one, other):
      return f"shows {one!r}, printed was {other!r}"
  return ""


def _same(shown: str, printed: str) -> bool:
  parts = [" ".join(part.split()) for part in shown.split("…")]
  numbers = [number for part in parts for number in _NUMBER.findall(part)]
  pattern = "(?:.*?)".join(_pattern(part) for part in parts)
  found = re.fullmatch(pattern, " ".join(printed.split()))
  return found is not None and all(
    _close(ours, theirs) for ours, theirs in zip(numbers, found.groups(), strict=True)
  )


def _pattern(part: str) -> str:
  between = [re.escape(text).replace(r"\ ", r"\s*") for text in _NUMBER.split(part)]
  return f"({_NUMBER.pattern})".join(between)


def _close(shown: str, printed: str) -> bool:
  if "." not in shown:
    return shown == printed
  places = len(shown.partition(".")[2])
  return math.isclose(float(shown), float(printed), abs_tol=1.01 * 10**-places)
