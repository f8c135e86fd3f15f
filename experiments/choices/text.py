"""The result as a table for people, as CSV, and as JSON values."""

import csv
import io
import math
from typing import Any

import numpy as np

from experiments.choices.measure import Measured


def as_csv(measured: Measured) -> str:
  """Returns one line a choice."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  head = ["family", "choice", "metric", "tau", "low", "high", "difference"]
  head += ["difference_low", "difference_high"]
  writer.writerow([*head, *(f"tau:{name}" for name in measured.table.datasets)])
  for row, choice in enumerate(measured.choices):
    writer.writerow(
      [choice.family, choice.name, choice.metric, measured.means[row]]
      + [*measured.intervals[row], measured.differences[row]]
      + [*measured.difference_intervals[row], *measured.tau[row]]
    )
  return text.getvalue()


def as_json(measured: Measured, config: dict[str, Any]) -> dict[str, Any]:
  """Returns everything, with None in place of what is no number."""
  plain = lambda value: float(value) if math.isfinite(value) else None
  return {
    "config": config,
    "datasets": list(measured.table.datasets),
    "choices": [
      {
        **choice._asdict(),
        "options": {k: _plain(v) for k, v in choice.options.items()},
        "tau": plain(measured.means[row]),
        "interval": list(map(plain, measured.intervals[row])),
        "difference": plain(measured.differences[row]),
        "difference_interval": list(map(plain, measured.difference_intervals[row])),
        "by_dataset": list(map(plain, measured.tau[row])),
      }
      for row, choice in enumerate(measured.choices)
    ],
    "nested": {
      family: [
        {**one._asdict(), "elsewhere": plain(one.elsewhere), "tau": plain(one.tau)}
        for one in found
      ]
      for family, found in measured.nested.items()
    },
    "nested_means": {
      family: {name: plain(value) for name, value in mean._asdict().items()}
      for family, mean in measured.nested_means.items()
    },
    "reasons": measured.reasons,
  }


def _plain(value: Any) -> Any:
  return list(value) if isinstance(value, tuple) else value


def as_text(measured: Measured, references: dict[str, str]) -> str:
  """Returns one block a family, the best first, and what nested choices give."""
  blocks = []
  for family, reference in references.items():
    rows = [r for r, c in enumerate(measured.choices) if c.family == family]
    rows.sort(key=lambda r: -np.nan_to_num(measured.means[r], nan=-2))
    if not rows:
      continue
    lines = [
      [family, "tau", "95 %", f"- {reference}", "95 %", *measured.table.datasets]
    ]
    for r in rows:
      lines.append(
        [
          measured.choices[r].name,
          _number(measured.means[r]),
          _interval(measured.intervals[r]),
          _number(measured.differences[r], "+"),
          _interval(measured.difference_intervals[r], "+"),
          *map(_number, measured.tau[r]),
        ]
      )
    blocks.append(_aligned(lines))
  lines = [["chosen on the other data sets", "among", "elsewhere", "there", "choice"]]
  for family, found in measured.nested.items():
    count = sum(choice.family == family for choice in measured.choices)
    for one in found:
      lines.append(
        [
          one.dataset,
          f"{count} {family}",
          _number(one.elsewhere),
          _number(one.tau),
          one.choice,
        ]
      )
    if family in measured.nested_means:
      mean = measured.nested_means[family]
      said = f"95 % {_interval(np.asarray([mean.low, mean.high]))}"
      if not math.isnan(mean.difference):
        bounds = np.asarray([mean.difference_low, mean.difference_high])
        said += (
          f"; less the baselines' {_number(mean.difference, '+')}, "
          f"95 % {_interval(bounds, '+')}"
        )
      lines.append(["mean", f"{count} {family}", "", _number(mean.mean), said])
  blocks.append(_aligned(lines))
  blocks.append(
    "tau: weighted Kendall (SciPy's), mean over data sets; 95 %: bootstrap over models, "
    "one choice at a time.\nA nested choice looks at other data sets alone, but at the "
    "same models; its intervals choose anew in every resample.\n"
    + "".join(f"{what}: no tau: {why}\n" for what, why in measured.reasons.items())
  )
  return "\n".join(blocks)


def _aligned(lines: list[list[str]]) -> str:
  widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
  return "".join(
    "  ".join(
      cell.ljust(width) if i == 0 else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(line, widths, strict=True))
    ).rstrip()
    + "\n"
    for line in lines
  )


def _number(value: float, sign: str = "") -> str:
  return "–" if math.isnan(value) else f"{value:{sign}.3f}"


def _interval(bounds: np.ndarray, sign: str = "") -> str:
  low, high = bounds
  return "–" if math.isnan(low) else f"{low:{sign}.2f} … {high:{sign}.2f}"
