"""How rankings move when features are multiplied by a number.

A network's features have no scale of their own: the next layer's weights take it up. Under
one number for all models no ranking should move; and one that moves when each model's own
scale is taken away was, in part, a ranking by scale.
"""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.sensitivity.bench import Bench, known_models, scaled_by
from experiments.sensitivity.rankings import Ranking, agreement, ranking_of
from lead_jax.data import Dataset
from lead_jax.evaluation import kendall
from lead_jax.results import json_values

AS_IT_IS = "as it is"
UNIT_RMS = "unit rms"


class Record(NamedTuple):
  """One metric on one data set under one condition.

  Attributes:
    dataset: Name.
    condition: `as it is`, `x 100` and the like, `unit rms`.
    metric: Name.
    tau: Weighted Kendall tau with the truth; NaN where there is no valid ranking.
    kept: Kendall tau-b with the metric's ranking as it is: 1 where nothing moved; NaN
      where one of the two is no valid ranking.
    status: `ok`, or why there is no valid ranking.
  """

  dataset: str
  condition: str
  metric: str
  tau: float
  kept: float
  status: str


class Measured(NamedTuple):
  """Everything that was measured.

  Attributes:
    records: One a data set, condition and metric.
    conditions: The first is `as it is`.
    scales: By data set, by model, the root mean square of its features.
  """

  records: list[Record]
  conditions: list[str]
  scales: dict[str, dict[str, float]]


def root_mean_square(features: np.ndarray) -> float:
  """Returns the scale of a model's features."""
  return float(np.sqrt(np.mean(np.square(features, dtype=np.float64))))


def measure(
  bench: Bench,
  datasets: Sequence[Dataset],
  truth: Mapping[str, Mapping[str, float]],
  *,
  factors: Sequence[float],
) -> Measured:
  """Scores all data sets under all conditions.

  Args:
    bench: Models and metrics.
    datasets: Each named as in `truth`.
    truth: By data set, by model, the true accuracy.
    factors: By which all models' features are multiplied, one condition each.
  """
  factor_of = {f"x {factor:g}": _always(factor) for factor in factors}
  factor_of[UNIT_RMS] = lambda features: 1 / (root_mean_square(features) or 1.0)
  records: list[Record] = []
  scales = {}
  for dataset in datasets:
    name = dataset.name
    known = known_models(bench, name, truth[name])
    report, outputs = bench.whole(dataset)
    scales[name] = {ready.name: root_mean_square(ready.features) for ready in outputs}
    variants = [scaled_by(dataset, factor, c) for c, factor in factor_of.items()]
    reports = {AS_IT_IS: report, **bench.altered(outputs, variants)}
    for metric in bench.metrics:
      rankings = {c: ranking_of(r, metric, known) for c, r in reports.items()}
      for condition, ranking in rankings.items():
        tau = agreement(ranking, known)
        kept = _kept(rankings[AS_IT_IS], ranking)
        status = ranking.reason or "ok"
        records.append(Record(name, condition, metric, tau, kept, status))
  return Measured(records, [AS_IT_IS, *factor_of], scales)


def _always(factor: float) -> Callable[[np.ndarray], float]:
  return lambda _: factor


def _kept(before: Ranking, after: Ranking) -> float:
  if before.reason or after.reason:
    return math.nan
  return kendall([before.scores[m] for m in after.scores], list(after.scores.values()))


class Line(NamedTuple):
  """A metric's means over data sets.

  Attributes:
    tau: By condition.
    kept: By condition but the first.
  """

  tau: dict[str, float]
  kept: dict[str, float]


def means(measured: Measured, datasets: Sequence[str]) -> dict[str, Line]:
  """Averages over data sets, by metric; NaN where one of them has no valid ranking."""
  found = {}
  for metric in dict.fromkeys(record.metric for record in measured.records):
    of = {
      c: [
        r
        for r in measured.records
        if (r.metric, r.condition) == (metric, c) and r.dataset in datasets
      ]
      for c in measured.conditions
    }
    found[metric] = Line(
      {c: float(np.mean([r.tau for r in records])) for c, records in of.items()},
      {
        c: float(np.mean([r.kept for r in records]))
        for c, records in of.items()
        if c != AS_IT_IS
      },
    )
  return found


def as_csv(measured: Measured) -> str:
  """Returns one line a data set, condition and metric."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(Record._fields)
  for record in measured.records:
    writer.writerow("" if v != v else v for v in record)
  return text.getvalue()


def as_json(measured: Measured, config: dict[str, Any]) -> dict[str, Any]:
  """Returns everything, with None in place of what is no number."""
  mean = means(measured, list(measured.scales))
  return json_values(
    {
      "config": config,
      "conditions": measured.conditions,
      "root_mean_square": measured.scales,
      "means": {metric: line._asdict() for metric, line in mean.items()},
      "records": [record._asdict() for record in measured.records],
    }
  )


def as_text(measured: Measured) -> str:
  """Returns the table of means, one of each data set, and what to know of them."""
  datasets = list(measured.scales)
  text = []
  if len(datasets) > 1:
    text += [*_block(measured, f"mean of {len(datasets)}", datasets), ""]
  for name in datasets:
    text += [*_block(measured, name, [name]), ""]
  text += [
    "tau: weighted Kendall (SciPy's) with the true accuracies, the features as they are,"
    " times a number, and with",
    "each model's divided by their root mean square. kept: Kendall tau-b with the"
    " metric's own ranking as it is;",
    "1 where nothing moved. –: no valid ranking (see below).",
  ]
  for name, scales in measured.scales.items():
    low, high = min(scales.values()), max(scales.values())
    text.append(
      f"{name}: root mean squares of the features from {low:.3g} to {high:.3g}."
    )
  text += [
    f"{r.metric}, {r.dataset}, {r.condition}: {r.status}"
    for r in measured.records
    if r.status != "ok"
  ]
  return "\n".join(text) + "\n"


def _block(measured: Measured, title: str, datasets: Sequence[str]) -> list[str]:
  """One table: a line a metric."""
  conditions = measured.conditions
  head = [title, *(f"tau {c}" for c in conditions)]
  lines = [[*head, *(f"kept {c}" for c in conditions[1:])]]
  for metric, line in means(measured, datasets).items():
    values = [*line.tau.values(), *line.kept.values()]
    lines.append([metric, *("–" if math.isnan(v) else f"{v:.3f}" for v in values)])
  widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
  return [
    "  ".join(
      cell.rjust(width) if i else cell.ljust(width)
      for i, (cell, width) in enumerate(zip(line, widths, strict=True))
    )
    for line in lines
  ]
