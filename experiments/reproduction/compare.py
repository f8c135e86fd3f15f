"""Our figures beside the published ones, as rows and as text."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from experiments.reproduction.measure import (
  Cell,
  Ready,
  Truth,
  measured,
  seconds_of,
)
from experiments.reproduction.tables import BESIDE, METRICS, SECONDS, Table
from lead_jax import literature
from lead_jax.evaluation import (
  kendall,
  relative_accuracy_at_k,
  weighted_kendall,
  weighted_pearson,
)
from lead_jax.results import Report

Measure = Callable[[Sequence[float], Sequence[float]], float]

MEASURES: Mapping[str, Measure] = {
  "weighted_kendall": weighted_kendall,
  "kendall": kendall,
  "weighted_pearson": weighted_pearson,
  "rel_1": lambda scores, truth: relative_accuracy_at_k(scores, truth, k=1),
  "rel_3": lambda scores, truth: relative_accuracy_at_k(scores, truth, k=3),
}


class Row(NamedTuple):
  """One figure of a table.

  Attributes:
    table: Number.
    zoo: Of the models.
    method: Name in the paper; of those beside, ours.
    metric: Name here.
    column: Data set, or a group of them.
    per_class: Samples a class; None for all.
    measure: Name.
    ours: None where there is none.
    published: None where the paper has none.
    models: How many models ours is of.
    datasets: How many data sets ours is the mean of.
    of_datasets: How many the published one is the mean of.
    reason: Why there is none of ours.
  """

  table: str
  zoo: str
  method: str
  metric: str
  column: str
  per_class: int | None
  measure: str
  ours: float | None
  published: float | None
  models: int
  datasets: int
  of_datasets: int
  reason: str


def methods_of(table: Table) -> dict[str, str]:
  """Returns the table's methods, by name in the paper, then those beside."""
  return {m: METRICS[m] for m in table.methods} | {m: m for m in BESIDE}


def rows_of(
  table: Table, reports: Mapping[str, Report], truth: Truth, missing: Mapping[str, str]
) -> list[Row]:
  """Returns a table's figures, for whole data sets.

  Args:
    table: Of the paper.
    reports: By data set.
    truth: Accuracies by data set, by model.
    missing: Why a data set has no report; one that is in neither was not asked for.
  """
  printed = {
    (cell.method, cell.dataset, cell.measure): cell.value
    for cell in literature.published_results(table.number)
  }
  rows = []
  for measure in table.measures:
    for method, metric in methods_of(table).items():
      for dataset in table.datasets:
        report = reports.get(dataset)
        if report is None and dataset not in missing:
          continue
        if report is None:
          cell = Cell(None, 0, missing[dataset])
        elif measure == SECONDS:
          cell = seconds_of(report, metric)
        else:
          cell = measured(report, truth[dataset], metric, MEASURES[measure])
        rows.append(
          Row(
            table.number,
            table.zoos[0],
            method,
            metric,
            dataset,
            None,
            measure,
            cell.value,
            printed.get((method, dataset, measure)),
            cell.models,
            1,
            1,
            cell.reason,
          )
        )
  return rows


def as_csv(rows: Sequence[Row]) -> str:
  """Returns a line a figure."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(Row._fields)
  for row in rows:
    writer.writerow("" if value is None else value for value in row)
  return text.getvalue()


def as_text(table: Table, rows: Sequence[Row]) -> str:
  """Returns the tables of a table: one a zoo, measure and size, ours above the paper's."""
  blocks = []
  for zoo in dict.fromkeys(row.zoo for row in rows):
    for measure in table.measures:
      for size in dict.fromkeys(row.per_class for row in rows):
        mine = [
          r for r in rows if (r.zoo, r.measure, r.per_class) == (zoo, measure, size)
        ]
        if mine:
          blocks.append(_block(table, zoo, measure, size, mine))
  return "\n\n".join(blocks) + "\n"


def whole_text(
  table: Table,
  rows: Sequence[Row],
  ready: Ready,
  *,
  split: str,
  preprocessing: str,
  rehearsed: bool,
) -> str:
  """Returns the figures with what they are of, and everything that sets them apart.

  Args:
    table: Of the paper.
    rows: Its figures.
    ready: What could be had.
    split: Which images were scored.
    preprocessing: `papers` or `own`.
    rehearsed: Whether weights and images were made up.
  """
  lines = [f"LEAD, Table {table.number}: {table.title}"]
  if rehearsed:
    lines.append(
      "REHEARSAL: weights are random, images made up; no figure means anything"
    )
  elif ready.unlike:
    lines.append("NOT THE PUBLISHED WEIGHTS AND DATA in every part, see below")
  how = {
    "papers": "all networks see 224 pixels, bicubic, as in the papers' public code",
    "own": "each network sees its images as its own authors evaluate it",
  }
  lines += [
    f"{len(ready.cards)} models, {len(ready.read)} data sets (split: {split}); "
    f"{how[preprocessing]}",
    "",
    as_text(table, rows),
  ]
  if ready.missing:
    lines += [f"could not be had: {line}" for line in ready.missing.values()]
  if ready.unlike and not rehearsed:
    lines += [f"not as published: {line}" for line in ready.unlike]
  if ready.unverified:
    names = ", ".join(ready.unverified)
    lines.append(f"not verified, no digest of the files is published: {names}")
  return "\n".join(lines) + "\n"


def _block(
  table: Table, zoo: str, measure: str, size: int | None, rows: Sequence[Row]
) -> str:
  shape = ".3g" if measure == SECONDS else ".3f"
  columns = list(dict.fromkeys(row.column for row in rows))
  # A table of groups prints its own averages.
  average = measure != SECONDS and size is None and len(columns) > 1
  most = max(row.models for row in rows)
  head = f"{zoo}, {measure}" + (f", {size} samples a class" if size else "")
  width = max(len(row.method) for row in rows)
  header = [*columns, *(["mean"] if average else [])]
  widths = [max(len(name), 7) + 1 for name in header]
  lines = [head, " " * (width + 11) + _cells(header, widths)]
  for method in dict.fromkeys(row.method for row in rows):
    cells = {row.column: row for row in rows if row.method == method}
    ours = [cells[c].ours for c in columns]
    theirs = [cells[c].published for c in columns]
    if average:
      ours.append(_mean(ours))
      theirs.append(_mean(theirs))
    shown = [_number(value, shape) for value in ours]
    for i, column in enumerate(columns):
      if cells[column].ours is not None and cells[column].models < most:
        shown[i] += "*"
      if cells[column].ours is not None and _partial(cells[column]):
        shown[i] += "†"
    lines.append(f"{method:{width}}  {'ours':9}" + _cells(shown, widths))
    if any(value is not None for value in theirs):
      shown = [_number(value, shape) for value in theirs]
      lines.append(f"{'':{width}}  {'published':9}" + _cells(shown, widths))
  lines.append(f"ours: of {most} models" + _fewer(rows, most))
  for row in {row.column: row for row in rows if _partial(row)}.values():
    lines.append(
      f"† {row.column}: mean of {row.datasets} data sets, published of {row.of_datasets}"
    )
  lines += _reasons(rows)
  return "\n".join(lines)


def _partial(row: Row) -> bool:
  return 0 < row.datasets < row.of_datasets


def _fewer(rows: Sequence[Row], most: int) -> str:
  fewest = min((row.models for row in rows if row.ours is not None), default=most)
  return f"; *: of fewer, at least {fewest}" if fewest < most else ""


def _reasons(rows: Sequence[Row]) -> list[str]:
  """Why figures are missing; what holds for all methods, or many columns, is said once."""
  lines = []
  columns: dict[tuple[str, str], list[str]] = {}
  for column in dict.fromkeys(row.column for row in rows):
    mine = [row for row in rows if row.column == column]
    missing = [row for row in mine if row.ours is None]
    if len(missing) == len(mine) and len({row.reason for row in mine}) == 1:
      lines.append(f"– {column}: {mine[0].reason}")
    else:
      for row in missing:
        # The last clause is the one that left no figure.
        columns.setdefault((row.method, row.reason.rsplit("; ")[-1]), []).append(column)
  for (method, reason), names in columns.items():
    lines.append(f"– {method} ({', '.join(names)}): {reason}")
  return lines


def _mean(values: Sequence[float | None]) -> float | None:
  known = [value for value in values if value is not None]
  return sum(known) / len(known) if len(known) == len(values) else None


def _number(value: float | None, shape: str) -> str:
  if value is None or math.isnan(value):
    return "–"
  # Thousands of seconds whole, not as powers of ten.
  return f"{value:.0f}" if abs(value) >= 1000 else f"{value:{shape}}"


def _cells(cells: Sequence[str], widths: Sequence[int]) -> str:
  return "".join(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))
