"""The low-data measurements as a table for people, as CSV and as JSON."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from experiments.sensitivity.low_data import (
  ALL,
  AVERAGE,
  RANDOM,
  Cell,
  Measured,
  Record,
  Table,
)
from lead_jax.results import json_values

# Share of tied pairs above which a tau says little of a ranking.
COARSE = 0.5


def as_csv(measured: Measured) -> str:
  """Returns one line a data set, size, draw and metric."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(Record._fields)
  for record in measured.records:
    line = record._asdict()
    line["per_class"] = _size(record.per_class)
    line["tau"] = "" if math.isnan(record.tau) else repr(record.tau)
    writer.writerow(line.values())
  return text.getvalue()


def as_json(measured: Measured, table: Table, config: dict[str, Any]) -> dict[str, Any]:
  """Returns everything, with None in place of what is no number."""
  return json_values(
    {
      "config": config,
      "classes": measured.classes,
      "truth": measured.truth,
      "still": [name for name in table.cells if name in measured.still],
      "cells": {
        method: {
          _size(size): {name: cell._asdict() for name, cell in columns.items()}
          for size, columns in by_size.items()
        }
        for method, by_size in table.cells.items()
      },
      "records": [
        {**record._asdict(), "per_class": _size(record.per_class)}
        for record in measured.records
      ],
    }
  )


def as_text(measured: Measured, table: Table) -> str:
  """Returns the table of groups, that of data sets, and what to know of them."""
  groups = table.columns[: table.columns.index(AVERAGE) + 1]
  datasets = table.columns[len(groups) :]
  draws = max(cell.draws for cell in _cells(table))
  text = [*_block(measured, table, groups), ""]
  if len(datasets) > 1:
    text += [*_block(measured, table, datasets), ""]
  text += [
    "Weighted Kendall tau (SciPy's) with the true accuracies; N/K: samples a class, all:"
    " the whole data set.",
    f"Mean of {draws} draws ± their standard deviation (groups: of the mean over data"
    " sets; random: of one ranking).",
    "Every class gives N/K samples, or all that it has where it has fewer. * never looks"
    " at the samples.",
    "–: no valid ranking in any draw; ': the mean of fewer draws; ~: hardly a ranking, more"
    " than half of all pairs of models have one score (see below).",
    "Data sets: "
    + ", ".join(
      f"{name} {count} classes, {len(measured.truth[name])} models"
      for name, count in measured.classes.items()
    )
    + ".",
  ]
  for method, by_size in table.cells.items():
    for size, columns in by_size.items():
      for name in datasets:
        if reason := columns[name].reason:
          text.append(
            f"{method}, {name}, N/K = {_size(size)}: {columns[name].valid} of"
            f" {columns[name].draws} draws rank; {reason}"
          )
        elif columns[name].tied > COARSE:
          text.append(
            f"{method}, {name}, N/K = {_size(size)}: {columns[name].tied:.0%} of the pairs"
            " of models have one score"
          )
  return "\n".join(text) + "\n"


def _cells(table: Table) -> list[Cell]:
  return [
    cell
    for by_size in table.cells.values()
    for columns in by_size.values()
    for cell in columns.values()
  ]


def _block(measured: Measured, table: Table, names: Sequence[str]) -> list[str]:
  """One table: a line a method, a column a size and name."""
  places = [(size, name) for size in table.sizes for name in names]
  first = dict.fromkeys(table.sizes, names[0])
  lines = [
    ["N/K", *(_size(s) if name == first[s] else "" for s, name in places)],
    ["", *(name for _, name in places)],
  ]
  for method, by_size in table.cells.items():
    star = " *" if method in measured.still and method != RANDOM else ""
    blank = dict.fromkeys(names)
    lines.append(
      [f"{method}{star}", *(_shown(by_size.get(s, blank)[name]) for s, name in places)]
    )
  widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
  return [
    "  ".join(
      cell.ljust(width) for cell, width in zip(line, widths, strict=True)
    ).rstrip()
    for line in lines
  ]


def _shown(cell: Cell | None) -> str:
  if cell is None:
    return ""
  if math.isnan(cell.tau):
    return "–"
  spread = "" if math.isnan(cell.std) else f"±{_plain(cell.std)}"
  return f"{_plain(cell.tau)}{spread}{_marks(cell)}"


def _marks(cell: Cell) -> str:
  return ("'" if cell.valid < cell.draws else "") + ("~" if cell.tied > COARSE else "")


def _plain(value: float) -> str:
  """Two digits without the zero before the point."""
  text = f"{round(value, 2) + 0.0:.2f}"  # minus zero is zero
  return text.replace("0.", ".", 1) if abs(value) < 0.995 else text


def _size(size: int) -> str:
  return "all" if size == ALL else str(size)
