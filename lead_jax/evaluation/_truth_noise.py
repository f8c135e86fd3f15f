"""What the noise of measured accuracies allows: ceiling and practical ties.

A fine-tuned accuracy is itself an estimate: another seed, another split of the data or
another test set would have given another. No method can be asked to agree with the part
of the ground truth that is chance.

Deviations are standard deviations of the *reported* accuracy, in its unit: of a mean over
S seeds, that of one seed over the root of S.
"""

import dataclasses
import math

import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.evaluation._many_rankings import RankMeasure
from lead_jax.evaluation._score_table import measure_named


@check_arguments()
def deviation_of_seeds(runs: np.ndarray) -> np.ndarray:
  """Estimates the deviation of mean accuracies from the runs behind them.

  The variance is pooled over models: that of five runs alone is off by a third.

  Args:
    runs: [M, S] accuracies of every seed; NaN where a run is missing.

  Returns:
    [M] deviation of each model's mean over its runs.

  Raises:
    ValueError: If no model has two runs, or one has none.
  """
  runs = np.asarray(runs, np.float64)
  if runs.ndim != 2:
    raise ValueError(f"runs must be [models, seeds], got shape {runs.shape}")
  number = (~np.isnan(runs)).sum(1)
  if not number.size or number.min() < 1 or number.max() < 2:
    raise ValueError(f"runs needs 1 run of every model and 2 of one, got {number}")
  error = runs - np.nanmean(runs, axis=1, keepdims=True)
  variance = np.nansum(error**2) / (number - 1).sum()
  deviation: np.ndarray = np.sqrt(variance / number)
  return deviation


@check_arguments()
def deviation_of_test_set(accuracies: np.ndarray, images: int) -> np.ndarray:
  """Computes the binomial deviation of accuracies in percent on `images` test images.

  All models see the same images, hard ones are hard for all, so that *differences* of
  models vary less than two independent test sets would let them: an upper bound there.

  Args:
    accuracies: Top-1 accuracies in percent.
    images: Size of the test set.

  Returns:
    Deviations in percentage points; with half an image right and half wrong added, so
    that 100 % is not without noise.

  Raises:
    ValueError: If an accuracy is outside [0, 100] or `images` below 1.
  """
  a = np.asarray(accuracies, np.float64)
  if images < 1:
    raise ValueError(f"images must be at least 1, got {images}")
  if ((a < 0) | (a > 100)).any():
    raise ValueError(f"accuracies must be in [0, 100], got {a.min()} to {a.max()}")
  share = (a / 100 * images + 0.5) / (images + 1)
  return 100 * np.sqrt(share * (1 - share) / images)


@dataclasses.dataclass(frozen=True)
class NoiseCeiling:
  """What the true ranking would reach against the noisy ground truth.

  Attributes:
    expected: [D] expected measure on each data set; NaN if it cannot be ranked.
    mean: Expected mean over data sets.
    interval: Of the mean over data sets, the central 95 % over the noise.
  """

  expected: np.ndarray
  mean: float
  interval: tuple[float, float]


@check_arguments()
def noise_ceiling(
  truth: np.ndarray,
  deviation: np.ndarray | float,
  *,
  shrink: bool = True,
  measure: str | RankMeasure = "weighted_kendall",
  samples: int = 10_000,
  rng: np.random.Generator,
) -> NoiseCeiling:
  """Estimates the expected measure of the true ranking against a noisy ground truth.

  Draws what the accuracies may really be, given those measured, ranks models by them, and
  compares with the measured ones. Those are further apart than the real ones, by the
  noise that they hold, so that they are first drawn towards their mean: the posterior of
  normal accuracies with the variance that is left over (empirical Bayes). Where models
  crowd together at the top and a few are far below, the variance is that of the few: the
  crowd is shrunk too little, and the ceiling is still too high.

  Args:
    truth: [M] or [D, M] measured accuracies; NaN where a data set lacks a model.
    deviation: Their standard deviations, broadcast against `truth`.
    shrink: Whether to shrink as above; without, the prior is flat and the ceiling higher.
    measure: A name of `RANK_MEASURES` or a function like those.
    samples: Draws.
    rng: Of the draws.

  Returns:
    The ceiling. A method above it agrees with noise.

  Raises:
    ValueError: If a deviation is negative or not finite, or `samples` below 1.

  References:
    Efron and Morris, "Stein's Estimation Rule and Its Competitors", 1973.
  """
  function = measure_named(measure)
  truths = np.atleast_2d(np.asarray(truth, np.float64))
  noise = np.broadcast_to(np.asarray(deviation, np.float64), truths.shape)
  if samples < 1:
    raise ValueError(f"samples must be at least 1, got {samples}")
  values = np.empty((len(truths), samples))
  for d, (row, sd) in enumerate(zip(truths, noise, strict=True)):
    there = ~np.isnan(row)
    _check_deviation(sd[there])
    g, s = row[there], sd[there]
    if len(g) < 2:
      values[d] = np.nan
      continue
    kept = np.ones(len(g))
    if shrink:
      # Where noise explains all of the spread, the real ranking may be any: the limit of
      # a variance that is small but not 0, which would tie all models.
      noise_variance = float((s**2).mean())
      left = max(float(g.var(ddof=1)) - noise_variance, 1e-12 * noise_variance)
      kept = np.divide(left, left + s**2, out=kept, where=left + s**2 > 0)
    # About their mean: only the order of these counts.
    centre = kept * (g - g.mean())
    drawn = centre + np.sqrt(kept) * s * rng.standard_normal((samples, len(g)))
    values[d] = function(drawn, g, np.ones(len(g), np.int64))
  expected = values.mean(1)
  if np.isnan(expected).any():
    return NoiseCeiling(expected, math.nan, (math.nan, math.nan))
  low, high = np.quantile(values.mean(0), (0.025, 0.975))
  return NoiseCeiling(expected, float(expected.mean()), (float(low), float(high)))


def _check_deviation(deviation: np.ndarray) -> None:
  if not np.isfinite(deviation).all() or (deviation < 0).any():
    raise ValueError(f"deviation must be finite and at least 0, got {deviation}")


@check_arguments()
def practical_ties(
  truth: np.ndarray, deviation: np.ndarray | float, *, level: float = 0.95
) -> np.ndarray:
  """Groups models whose accuracies differ less than noise allows to tell.

  "Cannot be told apart" is not transitive, so groups need a rule: the best model leads
  the first, with all that cannot be told from *it*; the best of the rest leads the next.
  Two members of one group, both near its leader, may be told from each other by no more
  than the whole width; neighbours of two groups may not. Not corrected for the number of
  pairs. With `-groups` in place of accuracies, a rank measure counts no order within.

  Args:
    truth: [M] measured accuracies.
    deviation: Their standard deviations, broadcast against `truth`.
    level: Confidence of the two-sided comparison of two models, in (0, 1).

  Returns:
    [M] group of each model, from 0, the best, on.

  Raises:
    ValueError: If an accuracy is not finite, a deviation negative or not finite, or the
      level outside (0, 1).
  """
  g, sd, width = _compared(truth, deviation, level)
  groups = np.full(len(g), -1)
  for number in range(len(g)):
    rest = np.flatnonzero(groups < 0)
    if not len(rest):
      break
    leader = rest[np.argmax(g[rest])]
    near = g[leader] - g[rest] <= width * np.hypot(sd[leader], sd[rest])
    groups[rest[near]] = number
  return groups


@check_arguments()
def close_pairs(
  truth: np.ndarray, deviation: np.ndarray | float, *, level: float = 0.95
) -> tuple[int, int]:
  """Counts the pairs of models that noise does not allow to tell apart.

  Args:
    truth: [M] measured accuracies.
    deviation: Their standard deviations, broadcast against `truth`.
    level: Confidence of the two-sided comparison of two models, in (0, 1).

  Returns:
    Those pairs, and all pairs.

  Raises:
    ValueError: As `practical_ties`.
  """
  g, sd, width = _compared(truth, deviation, level)
  first, second = np.triu_indices(len(g), 1)
  near = np.abs(g[first] - g[second]) <= width * np.hypot(sd[first], sd[second])
  return int(near.sum()), len(near)


def _compared(
  truth: np.ndarray, deviation: np.ndarray | float, level: float
) -> tuple[np.ndarray, np.ndarray, float]:
  """Returns accuracies, their deviations and how many of them apart is told apart."""
  from scipy import stats

  g = np.asarray(truth, np.float64)
  if g.ndim != 1 or not np.isfinite(g).all():
    raise ValueError(f"truth must be one finite accuracy per model, got {g}")
  if not 0 < level < 1:
    raise ValueError(f"level must be in (0, 1), got {level}")
  sd = np.broadcast_to(np.asarray(deviation, np.float64), g.shape)
  _check_deviation(sd)
  return g, sd, float(stats.norm.ppf((1 + level) / 2))
