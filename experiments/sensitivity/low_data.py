"""How well metrics rank from n samples a class: measured, grouped, averaged.

LEAD's Table 3 (Hu et al., *LEAD: Exploring Logit Space Evolution for Model Selection*,
CVPR 2024): several draws of each size, the mean of their weighted Kendall tau, data sets
grouped by their number of classes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.sensitivity.bench import Bench, known_models, rows_of
from experiments.sensitivity.draws import stratified_rows
from experiments.sensitivity.rankings import (
  Ranking,
  agreement,
  random_agreement,
  ranking_of,
)
from lead_jax.data import Dataset
from lead_jax.results import Report
from lead_jax.run import static_scores

# The metrics of Table 3 and of Tables 1 and 2, the calibrated anchors and the control.
METRICS = (
  "parc",
  "logme",
  "nleep",
  "pactran_gauss",
  "sfda",
  "gbc",
  "etran",
  "ped_sfda",
  "h_score_regularized",
  "lead",
  "lead_normalised",
  "lead_held_out",
  "feature_norm",
  "knn",
  "nearest_centroid",
  "linear_probe",
)
RANDOM = "random"

# What stands for the whole data set in place of a number of samples a class.
ALL = 0

# Names of the groups by the least number of classes, the paper's two before ours.
GROUPS = ((100, "100+"), (10, "10-99"), (0, "under 10"))
AVERAGE = "Avg"


class Record(NamedTuple):
  """One metric on one draw of one data set.

  Attributes:
    dataset: Name.
    per_class: n; `ALL` for the whole data set.
    draw: From 0.
    metric: Name.
    samples: How many were drawn in all.
    tau: Weighted Kendall tau with the truth; NaN where there is no valid ranking.
    tied: Share of the pairs of models that have one score.
    status: `ok`, or why there is no valid ranking.
  """

  dataset: str
  per_class: int
  draw: int
  metric: str
  samples: int
  tau: float
  tied: float
  status: str


class Cell(NamedTuple):
  """A mean over draws.

  Attributes:
    tau: Over those draws that gave a valid ranking; NaN where none did.
    std: Over the same draws (unbiased); of a group, that of its mean over data sets,
      whose draws are independent. NaN for fewer than two.
    valid: Draws with a valid ranking; of a group, the fewest of any data set.
    draws: All of them.
    tied: Share of the pairs of models that have one score, mean over draws; of a group, the
      largest of any data set.
    reason: Why the first of the others has none.
  """

  tau: float
  std: float
  valid: int
  draws: int
  tied: float
  reason: str


class Measured(NamedTuple):
  """Everything that was measured.

  Attributes:
    records: One a data set, size, draw and metric.
    still: By method that does not look at the samples, by data set: tau and its standard
      deviation (NaN for what is not drawn).
    classes: By data set.
    truth: By data set, by model, for the models of the run.
  """

  records: list[Record]
  still: dict[str, dict[str, tuple[float, float]]]
  classes: dict[str, int]
  truth: dict[str, dict[str, float]]


def measure(
  bench: Bench,
  datasets: Iterable[Dataset],
  truth: Mapping[str, Mapping[str, float]],
  *,
  per_class: Sequence[int],
  draws: int,
) -> Measured:
  """Scores all draws of all data sets.

  Args:
    bench: Models and metrics.
    datasets: Each named as in `truth`.
    truth: By data set, by model, the true accuracy.
    per_class: Sizes.
    draws: Of each size.
  """
  records: list[Record] = []
  still: dict[str, dict[str, tuple[float, float]]] = {}
  classes = {}
  known: dict[str, dict[str, float]] = {}
  for dataset in datasets:
    name = dataset.name
    known[name] = known_models(bench, name, truth[name])
    classes[name] = len(dataset.class_names)
    report, outputs = bench.whole(dataset)
    records += _records(report, known[name], ALL, 0, len(dataset))
    for method, value in _still(report, truth, known[name], bench.seed).items():
      still.setdefault(method, {})[name] = value
    for n in per_class:
      variants = [
        rows_of(
          dataset,
          stratified_rows(dataset.labels, n, draw, dataset=name, seed=bench.seed),
          f"{n} a class, draw {draw}",
        )
        for draw in range(draws)
      ]
      found = bench.altered(outputs, variants)
      for draw, variant in enumerate(variants):
        samples = len(variant.dataset)
        records += _records(found[variant.name], known[name], n, draw, samples)
  return Measured(records, still, classes, known)


def _records(
  report: Report, truth: Mapping[str, float], per_class: int, draw: int, samples: int
) -> list[Record]:
  records = []
  for metric in report.metrics:
    ranking = ranking_of(report, metric, truth)
    records.append(
      Record(
        str(report.dataset["name"]),
        per_class,
        draw,
        metric,
        samples,
        agreement(ranking, truth),
        ranking.tied,
        ranking.reason or "ok",
      )
    )
  return records


def _still(
  report: Report,
  everywhere: Mapping[str, Mapping[str, float]],
  truth: Mapping[str, float],
  seed: int,
) -> dict[str, tuple[float, float]]:
  """Rankings that do not look at the samples, and chance."""
  found = {}
  for method, facts in static_scores(report, everywhere).items():
    scores = {model: facts.get(model, -math.inf) for model in truth}
    if len(set(scores.values())) > 1:
      found[method] = agreement(Ranking(scores, ""), truth), math.nan
  found[RANDOM] = random_agreement(truth, np.random.default_rng([seed, len(truth)]))
  return found


def cell(records: Sequence[Record]) -> Cell:
  """Averages the draws of one metric on one data set at one size."""
  taus = np.asarray([r.tau for r in records if not math.isnan(r.tau)])
  reason = next((r.status for r in records if math.isnan(r.tau)), "")
  mean = float(taus.mean()) if len(taus) else math.nan
  std = float(taus.std(ddof=1)) if len(taus) > 1 else math.nan
  tied = float(np.mean([r.tied for r in records]))
  return Cell(mean, std, len(taus), len(records), tied, reason)


def group_of(classes: int) -> str:
  """Returns the name of the group that a data set belongs to."""
  return next(name for least, name in GROUPS if classes >= least)


def grouped(cells: Mapping[str, Cell]) -> Cell:
  """Averages over data sets; no mean where one of them has none, as in the paper.

  Args:
    cells: By data set.
  """
  count = len(cells)
  std = math.sqrt(sum(c.std**2 for c in cells.values())) / count
  reasons = [f"{d}: {c.reason}" for d, c in cells.items() if c.reason]
  return Cell(
    float(np.mean([c.tau for c in cells.values()])),
    std,
    min(c.valid for c in cells.values()),
    max(c.draws for c in cells.values()),
    max(c.tied for c in cells.values()),
    "; ".join(reasons),
  )


class Table(NamedTuple):
  """The numbers of the printed table.

  Attributes:
    sizes: Numbers of samples a class, then `ALL`.
    columns: Groups that there are, `Avg`, then data sets.
    cells: By method, by size, by column. Methods that do not look at the samples have
      one size, `ALL`.
  """

  sizes: list[int]
  columns: list[str]
  cells: dict[str, dict[int, dict[str, Cell]]]


def tabulate(measured: Measured) -> Table:
  """Averages over draws, then over the data sets of a group and over all."""
  by_place: dict[tuple[str, int, str], list[Record]] = {}
  for r in measured.records:
    by_place.setdefault((r.metric, r.per_class, r.dataset), []).append(r)
  sizes = list(dict.fromkeys(r.per_class for r in measured.records if r.per_class))
  datasets = list(measured.classes)
  groups = {d: group_of(measured.classes[d]) for d in datasets}
  present = [name for _, name in GROUPS if name in groups.values()]
  cells: dict[str, dict[int, dict[str, Cell]]] = {}
  for metric in dict.fromkeys(r.metric for r in measured.records):
    cells[metric] = {
      size: _with_groups({d: cell(by_place[metric, size, d]) for d in datasets}, groups)
      for size in [*sizes, ALL]
    }
  for method, values in measured.still.items():
    if len(values) == len(datasets):
      each = {d: Cell(*values[d], 1, 1, 0.0, "") for d in datasets}
      cells[method] = {ALL: _with_groups(each, groups)}
  return Table([*sizes, ALL], [*present, AVERAGE, *datasets], cells)


def _with_groups(
  each: Mapping[str, Cell], groups: Mapping[str, str]
) -> dict[str, Cell]:
  found = {
    name: grouped({d: c for d, c in each.items() if groups[d] == name})
    for name in dict.fromkeys(groups.values())
  }
  return {**found, AVERAGE: grouped(each), **each}
