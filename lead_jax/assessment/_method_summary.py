"""What the scores of several data sets say of the methods, and with what confidence."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lead_jax import evaluation
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._costs import Cost
from lead_jax.assessment._noise import Noise
from lead_jax.evaluation import RankMeasure, ScoreTable, many_regret_at_k

RANDOM = "random"
# By the name that files use. The first is the one that methods are ranked by.
MEASURES: Mapping[str, str | RankMeasure] = {
  "tau_w": "weighted_kendall",
  "tau_eq1": "weighted_kendall_paper",
  "tau_b": "kendall",
  "rel_1": "relative_accuracy_at_1",
  "regret_1": "regret_at_1",
  "regret_3": functools.partial(many_regret_at_k, k=3),
}
# Random rankings that the row `random` is made from.
_NULL = 10_000


class Estimate(NamedTuple):
  """A mean over data sets and its 95 % intervals; NaN where there is none.

  Attributes:
    mean: Over data sets.
    low: Were other models like these ranked on these data sets.
    high: Its upper end.
    wide_low: Were other models ranked on other data sets: both are resampled.
    wide_high: Its upper end.
  """

  mean: float
  low: float
  high: float
  wide_low: float
  wide_high: float


class Standing(NamedTuple):
  """Places of one method among the methods, in the resamples.

  Attributes:
    low: The best place of its 95 % interval; NaN where it has none.
    high: The worst.
    best: Share of the resamples in which it is the best of all.
  """

  low: float
  high: float
  best: float


class Row(NamedTuple):
  """One method.

  Attributes:
    place: 1 for the largest mean tau_w; None without one, and for `random`.
    standing: Its places where models are resampled.
    wide_standing: Where data sets are too.
    method: Name.
    kind: `metric`, `static` (never looks at the target's data) or `chance`.
    measures: By name of `MEASURES`. For `random`: expectation and the central 95 %.
    difference: Of tau_w, to the baseline; paired intervals.
    to_best: Of tau_w, to the method in the first place; paired intervals.
    p: Permutation p-value of the mean tau_w.
    p_holm: Corrected for the number of methods.
    failures: Models, over all data sets, that it gave no score; they rank last.
    scored: Mean tau_w over the models alone that it gave one: not comparable with others.
    cost: Of the scoring; None for rankings that take none.
    by_dataset: tau_w on each.
    reason: Why there is no mean.
  """

  place: int | None
  standing: Standing
  wide_standing: Standing
  method: str
  kind: str
  measures: dict[str, Estimate]
  difference: Estimate
  to_best: Estimate
  p: float
  p_holm: float
  failures: int
  scored: float
  cost: Cost | None
  by_dataset: dict[str, float]
  reason: str

  @property
  def tau(self) -> float:
    """Returns the mean weighted tau."""
    return self.measures["tau_w"].mean


class Ties(NamedTuple):
  """Models of a data set that the noise of their accuracies does not allow to tell apart.

  Attributes:
    close: Pairs.
    pairs: All pairs.
    groups: Groups of practical ties, see `lead_jax.evaluation.practical_ties`.
    models: How many there are.
    deviation: Mean deviation of an accuracy, points.
  """

  close: int
  pairs: int
  groups: int
  models: int
  deviation: float


class Summary(NamedTuple):
  """All methods, the best first, and what chance and noise do.

  Attributes:
    rows: See `Row`; one of them is `random`.
    baseline: The method that differences are to.
    ceiling: Mean tau_w that the *true* ranking would reach, given the noise of the ground
      truth, with its central 95 %; None where that noise is not known.
    ties: By data set whose noise is known.
    noise: By data set, where its noise is known from.
    samples: Resamples and permutations.
    seed: Seed of every random draw.
  """

  rows: list[Row]
  baseline: str
  ceiling: tuple[float, float, float] | None
  ties: dict[str, Ties]
  noise: dict[str, str]
  samples: int
  seed: int

  @property
  def ranked(self) -> list[Row]:
    """Returns the methods that have a place, the best first."""
    return [row for row in self.rows if row.place is not None]

  def row(self, method: str) -> Row:
    """Returns a method's row; KeyError if there is none."""
    for row in self.rows:
      if row.method == method:
        return row
    raise KeyError(method)


def summarise_methods(
  collected: Collected,
  *,
  baseline: str,
  noise: Noise | None = None,
  samples: int = 2000,
  seed: int = 0,
) -> Summary:
  """Computes means, intervals, places and tests of every method.

  Args:
    collected: Scores and accuracies.
    baseline: A method of the table.
    noise: Of the true accuracies; None if nothing is known.
    samples: Resamples of the bootstrap, and random permutations.
    seed: Seed of every random draw.
  """
  table = collected.table
  methods = list(table.methods)
  rng = lambda stream: np.random.default_rng([seed, stream])
  tau = evaluation.measure_table(table)
  # One stream for all: the same resamples of models.
  drawn = {
    (name, datasets): evaluation.bootstrap_means(
      table, measure=measure, datasets=datasets, samples=samples, rng=rng(0)
    )
    for name, measure in MEASURES.items()
    for datasets in ("fixed", "random")
  }
  means = {
    name: evaluation.measure_table(table, measure=measure).means
    for name, measure in MEASURES.items()
  }
  narrow, wide = drawn["tau_w", "fixed"], drawn["tau_w", "random"]
  estimates = {
    name: _estimates(means[name], drawn[name, "fixed"], drawn[name, "random"])
    for name in MEASURES
  }
  order = np.argsort(-tau.means, kind="stable")
  ranked = [int(r) for r in order if np.isfinite(tau.means[r])]
  differences = _differences(tau.means, narrow, wide, methods.index(baseline))
  to_best = _differences(tau.means, narrow, wide, ranked[0] if ranked else 0)
  place = evaluation.bootstrap_places(tau.means, narrow)
  wide_place = evaluation.bootstrap_places(tau.means, wide)
  p = evaluation.permutation_test(table, samples=samples, rng=rng(2)).p_means
  p_holm = evaluation.holm(p)
  rows = [
    Row(
      int(place.places[r]) if r in ranked else None,
      _standing(place, r),
      _standing(wide_place, r),
      methods[r],
      "metric" if methods[r] in collected.metrics else "static",
      {name: estimates[name][r] for name in MEASURES},
      differences[r],
      to_best[r],
      float(p[r]),
      float(p_holm[r]),
      int(tau.failures[r].sum()),
      _over_scored(table, r),
      collected.costs.metrics.get(methods[r]),
      dict(zip(table.datasets, map(float, tau.values[r]), strict=True)),
      _reason(table, tau.reasons, methods[r]),
    )
    for r in [*ranked, *(r for r in range(len(methods)) if r not in ranked)]
  ]
  chance = _random_row(table, float(tau.means[methods.index(baseline)]), rows, rng(3))
  better = sum(row.place is not None and row.tau >= 0 for row in rows)
  rows.insert(better, chance)
  ceiling, ties = None, {}
  if noise is not None:
    ceiling, ties = _ceiling(table, noise, rng(4)), _ties(table, noise)
  sources = {} if noise is None else dict(noise.source)
  return Summary(rows, baseline, ceiling, ties, sources, samples, seed)


def _estimates(
  means: np.ndarray, narrow: np.ndarray, wide: np.ndarray
) -> list[Estimate]:
  inner = evaluation.percentile_intervals(narrow)
  outer = evaluation.percentile_intervals(wide)
  ends = np.concatenate([means[:, None], inner, outer], axis=1)
  return [Estimate(*map(float, row)) for row in ends]


def _differences(
  means: np.ndarray, narrow: np.ndarray, wide: np.ndarray, to: int
) -> list[Estimate]:
  return _estimates(means - means[to], narrow - narrow[to], wide - wide[to])


def _standing(found: evaluation.MethodPlaces, r: int) -> Standing:
  low, high = map(float, found.intervals[r])
  return Standing(low, high, float(found.best[r]))


def _random_row(
  table: ScoreTable, baseline: float, rows: list[Row], rng: np.random.Generator
) -> Row:
  """What a ranking by chance does, the same one on all data sets."""
  nan = float("nan")
  stream = int(rng.integers(2**32))
  measures = {}
  for name, measure in MEASURES.items():
    values = evaluation.null_means(
      table.truth, measure=measure, samples=_NULL, rng=np.random.default_rng(stream)
    )
    if not len(values):
      measures[name] = Estimate(nan, nan, nan, nan, nan)
      continue
    low, high = map(float, np.quantile(values, (0.025, 0.975)))
    # Every order is as likely as the reverse one: the mean of a tau is known.
    mean = 0.0 if name.startswith("tau") else float(values.mean())
    measures[name] = Estimate(mean, low, high, nan, nan)
  best = rows[0].tau if rows else nan
  return Row(
    None,
    Standing(nan, nan, nan),
    Standing(nan, nan, nan),
    RANDOM,
    "chance",
    measures,
    Estimate(-baseline, nan, nan, nan, nan),
    Estimate(-best, nan, nan, nan, nan),
    nan,
    nan,
    0,
    0.0,
    None,
    dict.fromkeys(table.datasets, 0.0),
    "",
  )


def _over_scored(table: ScoreTable, r: int) -> float:
  truth = np.where(np.isnan(table.scores[r]), np.nan, table.truth)
  alone = dataclasses.replace(
    table, methods=[table.methods[r]], scores=table.scores[r : r + 1], truth=truth
  )
  return float(evaluation.measure_table(alone).means[0])


def _ceiling(
  table: ScoreTable, noise: Noise, rng: np.random.Generator
) -> tuple[float, float, float] | None:
  if np.isnan(noise.deviation[table.present]).any():
    return None
  deviation = np.where(table.present, noise.deviation, 0.0)
  found = evaluation.noise_ceiling(table.truth, deviation, rng=rng)
  return found.mean, *found.interval


def _ties(table: ScoreTable, noise: Noise) -> dict[str, Ties]:
  ties = {}
  for dataset, truth, deviation in zip(
    table.datasets, table.truth, noise.deviation, strict=True
  ):
    there = ~np.isnan(truth)
    if np.isnan(deviation[there]).any():
      continue
    g, sd = truth[there], deviation[there]
    close, pairs = evaluation.close_pairs(g, sd)
    groups = int(evaluation.practical_ties(g, sd).max()) + 1
    ties[dataset] = Ties(close, pairs, groups, len(g), float(sd.mean()))
  return ties


def _reason(table: ScoreTable, reasons: dict, method: str) -> str:
  found = [(d, reasons[method, d]) for d in table.datasets if (method, d) in reasons]
  if len(found) == len(table.datasets) and len({why for _, why in found}) == 1:
    return found[0][1]
  return "; ".join(f"{dataset}: {why}" for dataset, why in found)
