"""The table of agreement: every row on every case, and the page that shows it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from experiments.agreement import gaussian, geometry, lead, moments, probabilities
from experiments.agreement.base import CASES, Apart, Case, Row, load_case

_PARTS = (lead, moments, gaussian, probabilities, geometry)
ROWS: tuple[Row, ...] = tuple(row for part in _PARTS for row in part.ROWS)
APART: tuple[Apart, ...] = tuple(entry for part in _PARTS for entry in part.APART)

_HEAD = """# Agreement with public implementations

Written by `python -m experiments.check_oracles`; do not edit. Every number of ours beside
the one that a public implementation returned for the same input, in float64. Which code,
commit and call a key stands for, and how the inputs were made, is in
[tests/fixtures/oracles/README.md](../tests/fixtures/oracles/README.md). The difference is
relative to the larger of the two (absolute where both are below the tolerance's floor);
where an entry holds several numbers, the row shows the one that differs most.
"""


class Comparison(NamedTuple):
  """One row on one case: the pair of numbers that differs most of those compared."""

  row: Row
  case: str
  ours: float
  theirs: float
  difference: float
  agrees: bool


def compare_row(row: Row, case: Case) -> Comparison:
  """Computes ours, in the precision that JAX is in."""
  stored = case.scores[row.key] if row.key in case.scores else case.extras[row.key]
  theirs = np.atleast_1d(np.asarray(row.theirs(stored), np.float64)).ravel()
  ours = np.atleast_1d(np.asarray(row.ours(case), np.float64)).ravel()
  if ours.shape != theirs.shape:
    raise ValueError(f"{row.key}: {ours.size} numbers beside {theirs.size}")
  gap = np.abs(ours - theirs)
  larger = np.maximum(np.abs(ours), np.abs(theirs))
  relative = np.where(gap <= row.absolute, 0.0, gap / np.where(larger > 0, larger, 1.0))
  worst = int(np.argmax(np.where(np.isnan(relative), np.inf, relative)))
  difference = float(relative[worst])
  return Comparison(
    row,
    case.name,
    float(ours[worst]),
    float(theirs[worst]),
    difference,
    bool(difference <= row.tolerance),
  )


def compare() -> Iterator[Comparison]:
  """Compares every row on every case that has its key."""
  for row in ROWS:
    for name in CASES:
      case = load_case(name)
      if name in row.cases and (row.key in case.scores or row.key in case.extras):
        yield compare_row(row, case)


def line(comparison: Comparison) -> str:
  """Returns a comparison as one line."""
  row = comparison.row
  return (
    f"{row.key} on {comparison.case}: ours {comparison.ours:.10g} by {row.call}, theirs "
    f"{comparison.theirs:.10g}, difference {comparison.difference:.2g}, tolerance "
    f"{row.tolerance:g}"
  )


def markdown(comparisons: list[Comparison]) -> str:
  """Returns the page."""
  agree = sum(comparison.agrees for comparison in comparisons)
  lines = [_HEAD, f"{agree} of {len(comparisons)} agree within their tolerance.\n"]
  lines += [
    "| metric | key | case | ours | theirs | difference | tolerance |",
    "|---|---|---|---|---|---|---|",
  ]
  for row, case, ours, theirs, difference, agrees in comparisons:
    mark = "" if agrees else " **apart**"
    lines.append(
      f"| {row.metric} | `{row.key}` | {case} | {ours:.10g} | {theirs:.10g} | "
      f"{difference:.1e}{mark} | {row.tolerance:g} |"
    )
  lines += ["", "## How ours was called", "", "| key | call | note |", "|---|---|---|"]
  calls = dict.fromkeys((c.row.key, c.row.call, c.row.note) for c in comparisons)
  for key, call, note in calls:
    lines.append(f"| `{key}` | `{call}` | {note} |")
  lines += ["", "## What ours is not meant to equal", "", "| key | why |", "|---|---|"]
  lines += [f"| `{entry.key}` | {entry.why} |" for entry in APART]
  return "\n".join(lines) + "\n"
