"""The table of the sweep as a page, and its summary."""

import collections
from collections.abc import Sequence

from experiments.precision.sweep import Found

_HEAD = """# float32 beside float64

Written by `python -m experiments.check_precision`; do not edit. Every metric on features
that are hard to compute with, as float32 holds them, in both precisions. A row *holds*
where the difference (relative to the score, or to one where that is larger) is within the
tolerance of the metric; where it is not, float32 must not call the score `ok`: the row has
its *status*.
"""


def summary(found: Sequence[Found]) -> str:
  """Returns a line: how many hold, how many have a status, how many are out."""
  kinds = collections.Counter(_verdict(row) for row in found)
  return ", ".join(f"{kinds[kind]} {kind}" for kind in ("hold", "status", "OUT"))


def page(found: Sequence[Found]) -> str:
  """Returns the page, in Markdown."""
  head = "| case | metric | float32 | float64 | difference | tolerance | verdict |"
  lines = [_HEAD, f"{summary(found)}.", "", head, "|---" * 7 + "|"]
  for row in found:
    verdict = _verdict(row)
    if verdict == "status":
      verdict += f": {row.note}".replace("|", "/")
    cells = (
      row.case,
      f"`{row.metric}`",
      f"{row.float32:.6g}",
      f"{row.float64:.6g}",
      f"{row.difference:.0e}",
      f"{row.tolerance:g}",
      verdict,
    )
    lines.append(f"| {' | '.join(cells)} |")
  return "\n".join(lines) + "\n"


def _verdict(row: Found) -> str:
  if row.difference <= row.tolerance:
    return "hold"
  return "status" if row.holds else "OUT"
