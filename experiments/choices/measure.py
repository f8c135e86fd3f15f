"""Scores of every choice on every data set, and how each ranks; nested choices."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.choices.table import Choice
from experiments.sensitivity.bench import Bench, known_models, ready_spec
from lead_jax import evaluation
from lead_jax.data import Dataset
from lead_jax.evaluation import ScoreTable, score_table
from lead_jax.run import score_model


class Nested(NamedTuple):
  """What one gets on a data set by what was best on the others.

  Attributes:
    dataset: The one that was not looked at.
    choice: The best of the family by the mean over the others.
    elsewhere: That mean.
    tau: On the data set itself.
  """

  dataset: str
  choice: str
  elsewhere: float
  tau: float


def collect(
  bench: Bench,
  choices: Sequence[Choice],
  datasets: Sequence[Dataset],
  truth: Mapping[str, Mapping[str, float]],
) -> ScoreTable:
  """Scores all models by all choices; what is in the store is not computed again.

  Args:
    bench: With models and the store.
    choices: Of unique names.
    datasets: Named as in `truth`.
    truth: By data set, by model, the true accuracy.

  Returns:
    Methods are the choices' names.
  """
  scores: dict[str, dict[str, dict[str, float]]] = {c.name: {} for c in choices}
  known = {}
  # Metrics at their defaults are scored as `lead-rank` scores them, and under its keys.
  rest = [c for c in choices if c.options or c.metric not in bench.metrics]
  wanted = [(choice.metric, choice.options) for choice in rest]
  plain = {choice.metric: choice.name for choice in choices if choice not in rest}
  for dataset in datasets:
    known[dataset.name] = known_models(bench, dataset.name, truth[dataset.name])
    report, outputs = bench.whole(dataset)
    for row in report.scores:
      if row.metric in plain:
        scores[plain[row.metric]].setdefault(dataset.name, {})[row.model] = row.score
    scorer = bench.scorer(dataset)
    for ready in sorted(outputs, key=lambda ready: ready.features.shape[1]):
      bench.lines.at(f"{dataset.name}, {ready.name}")
      _, rows = score_model(scorer, ready_spec(ready.name, ready), wanted)
      kept = sum(row.cached for row in rows)
      bench.lines.say(f"{len(rows)} scores, {kept} from the store")
      for choice, row in zip(rest, rows, strict=True):
        scores[choice.name].setdefault(dataset.name, {})[ready.name] = row.score
  return score_table(scores, known)


class NestedMean(NamedTuple):
  """What choosing by the other data sets gives on average.

  Attributes:
    mean: Over data sets.
    low: Of its 95 % interval over models; the choice is made anew in every resample.
    high: Likewise.
    difference: To choosing among the baselines in the same way; NaN for these themselves.
    difference_low: Of the paired interval.
    difference_high: Likewise.
  """

  mean: float
  low: float
  high: float
  difference: float
  difference_low: float
  difference_high: float


def nested_means(
  table: ScoreTable,
  families: Mapping[str, Sequence[str]],
  *,
  samples: int,
  seed: int,
) -> dict[str, NestedMean]:
  """Computes intervals of nested choices; empty where there are not two data sets.

  Args:
    table: All choices.
    families: By family, its choices; differences are to `baseline`, where it is there.
    samples: Resamples of the models, the same for all data sets and choices.
    seed: Of these.
  """
  number = len(table.datasets)
  if number < 2:
    return {}
  # [choices, data sets, 1 + samples]: the models as they are, then resampled.
  tau = np.asarray(evaluation.measure_table(table).values)[:, :, None]
  drawn = [
    evaluation.bootstrap_means(
      ScoreTable(
        table.methods,
        [table.datasets[d]],
        table.models,
        table.scores[:, [d]],
        table.truth[[d]],
      ),
      samples=samples,
      rng=np.random.default_rng(seed),
    )
    for d in range(number)
  ]
  tau = np.concatenate([tau, np.stack(drawn, axis=1)], axis=2)
  chosen = {}
  for family, names in families.items():
    own = tau[[table.methods.index(name) for name in names]]
    there = []
    for d in range(number):
      others = [c for c in range(number) if c != d]
      best = np.nan_to_num(own[:, others].mean(axis=1), nan=-2.0).argmax(axis=0)
      there.append(own[best, d, np.arange(own.shape[2])])
    chosen[family] = np.mean(there, axis=0)
  found = {}
  for family, values in chosen.items():
    difference = np.full_like(values, np.nan)
    if family != "baseline" and "baseline" in chosen:
      difference = values - chosen["baseline"]
    found[family] = NestedMean(*_with_interval(values), *_with_interval(difference))
  return found


def _with_interval(values: np.ndarray) -> tuple[float, float, float]:
  interval = evaluation.percentile_intervals(values[None, 1:])[0]
  return float(values[0]), float(interval[0]), float(interval[1])


def nested(table: ScoreTable, names: Sequence[str], tau: np.ndarray) -> list[Nested]:
  """Chooses among `names` on all data sets but one, and reports the one; each in turn.

  Args:
    table: Its methods and data sets name the rows and columns of `tau`.
    names: A family.
    tau: float[choices, data sets].

  Returns:
    One a data set; nothing where there are not two.
  """
  rows = [table.methods.index(name) for name in names]
  found = []
  for column, dataset in enumerate(table.datasets):
    others = [c for c in range(len(table.datasets)) if c != column]
    if not others:
      return []
    means = np.nan_to_num(tau[rows][:, others].mean(axis=1), nan=-2.0)
    best = int(np.argmax(means))
    found.append(
      Nested(dataset, names[best], float(means[best]), float(tau[rows[best], column]))
    )
  return found


class Measured(NamedTuple):
  """All that is reported.

  Attributes:
    choices: In the order of the table's methods.
    table: Scores and truth.
    tau: float[choices, data sets], weighted Kendall.
    means: float[choices].
    intervals: float[choices, 2], 95 % over models.
    differences: float[choices], to the family's reference.
    difference_intervals: float[choices, 2], paired.
    nested: By family.
    nested_means: By family.
    reasons: By choice and data set, why there is no tau.
  """

  choices: list[Choice]
  table: ScoreTable
  tau: np.ndarray
  means: np.ndarray
  intervals: np.ndarray
  differences: np.ndarray
  difference_intervals: np.ndarray
  nested: dict[str, list[Nested]]
  nested_means: dict[str, NestedMean]
  reasons: dict[str, str]


def measure(
  table: ScoreTable,
  choices: Sequence[Choice],
  references: Mapping[str, str],
  *,
  samples: int,
  seed: int,
) -> Measured:
  """Computes how each choice ranks, with paired intervals, and the nested choices.

  Args:
    table: Of `collect`.
    choices: Likewise.
    references: By family, the choice that differences are to.
    samples: Resamples of the models.
    seed: Of the resampling.
  """
  measured = evaluation.measure_table(table)
  families = list(dict.fromkeys(choice.family for choice in choices))
  differences = np.full(len(choices), np.nan)
  difference_intervals = np.full((len(choices), 2), np.nan)
  intervals = np.full((len(choices), 2), np.nan)
  for family in families:
    boot = evaluation.bootstrap_intervals(
      table,
      baseline=references[family],
      samples=samples,
      rng=np.random.default_rng(seed),
    )
    own = np.asarray([choice.family == family for choice in choices])
    differences[own] = boot.differences[own]
    difference_intervals[own] = boot.difference_intervals[own]
    intervals[own] = boot.intervals[own]
  names = {f: [c.name for c in choices if c.family == f] for f in families}
  return Measured(
    list(choices),
    table,
    np.asarray(measured.values),
    np.asarray(measured.means),
    intervals,
    differences,
    difference_intervals,
    {f: nested(table, names[f], np.asarray(measured.values)) for f in families},
    nested_means(table, names, samples=samples, seed=seed),
    {f"{name} on {dataset}": why for (name, dataset), why in measured.reasons.items()},
  )
