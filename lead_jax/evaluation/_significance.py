"""Could a ranking without information do as well? Permutation tests and their correction.

Under the null hypothesis the scores of a method say nothing about the accuracies: the
models' rows of scores, over all data sets, may be exchanged. All data sets of a model move
together. A network that is good on one data set is good on the next, and most metrics
prefer the same networks everywhere, so the data sets are no independent experiments:
permuting each on its own gives p-values of the mean that are far too small.
"""

import dataclasses
import itertools
import math

import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.evaluation._many_rankings import RankMeasure
from lead_jax.evaluation._score_table import (
  ScoreTable,
  measure_named,
  measure_table,
  smaller_is_better,
)

# All orders of 8 models.
_EXACT = math.factorial(8)
# Permutations that are measured at once: M x M numbers each.
_CHUNK = 2048


@dataclasses.dataclass(frozen=True)
class PermutationTest:
  """One-sided p-values: the share of permuted scores that do at least as well.

  Attributes:
    p_values: [R, D] of single data sets; NaN where the measure is.
    p_means: [R] of the mean over data sets; NaN where that is.
    permutations: Orders that were looked at for the mean.
    exact: Whether those were all orders; otherwise p is (k + 1) / (n + 1).
  """

  p_values: np.ndarray
  p_means: np.ndarray
  permutations: int
  exact: bool


@check_arguments()
def permutation_test(
  table: ScoreTable,
  *,
  measure: str | RankMeasure = "weighted_kendall",
  samples: int = 10_000,
  rng: np.random.Generator,
) -> PermutationTest:
  """Tests every method against rankings without information.

  Models that stand in the same data sets are exchanged among each other. Where their
  orders are at most 8! all are looked at (`samples` and `rng` then do not matter),
  otherwise `samples` random ones, the same for all methods.

  Args:
    table: Scores and accuracies.
    measure: A name of `RANK_MEASURES`, or a function like those; larger must be better.
    samples: Random orders, at least 1.
    rng: Of the random orders.

  Returns:
    p-values, not corrected for their number: see `holm`.

  Raises:
    ValueError: If `samples` is below 1 or the measure's name unknown.

  References:
    Phipson and Smyth, "Permutation P-values Should Never Be Zero", 2010.
  """
  function = measure_named(measure)
  found = measure_table(table, measure=measure)
  sign = -1.0 if smaller_is_better(measure) else 1.0
  present = table.present
  orders, truth, counts = table.orders, table.filled_truth, present.astype(np.int64)

  size = present.shape[1]
  joint, exact = _permutations(_strata(present), size, samples, rng)
  # A data set alone needs no strata: all of its models may be exchanged.
  alone = [
    (joint, exact)
    if present.all()
    else _permutations(_strata(present[d : d + 1]), size, samples, rng)
    for d in range(len(present))
  ]
  p_values = np.full(found.values.shape, np.nan)
  p_means = np.full(len(orders), np.nan)
  for r, order in enumerate(orders):
    null = np.stack(
      [
        _measured(function, order[d], truth[d], counts[d], joint)
        for d in range(len(truth))
      ],
      -1,
    )
    p_means[r] = _p_value(sign * null.mean(-1), sign * found.means[r], exact)
    for d, (permutations, all_of_them) in enumerate(alone):
      if permutations is joint:
        single = null[:, d]
      else:
        single = _measured(function, order[d], truth[d], counts[d], permutations)
      p_values[r, d] = _p_value(sign * single, sign * found.values[r, d], all_of_them)
  return PermutationTest(p_values, p_means, len(joint), exact)


def _strata(present: np.ndarray) -> list[np.ndarray]:
  """Returns the places of the models by the data sets that they stand in, if any."""
  patterns = np.unique(present.T[present.any(0)], axis=0)
  return [np.flatnonzero((pattern == present.T).all(1)) for pattern in patterns]


def _permutations(
  strata: list[np.ndarray], size: int, samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
  """Returns [P, M] orders of the models within each stratum, and whether all of them."""
  if samples < 1:
    raise ValueError(f"samples must be at least 1, got {samples}")
  if not strata:
    return np.arange(size)[None], True
  exact = math.prod(math.factorial(len(places)) for places in strata) <= _EXACT
  if exact:
    orders = [np.array(list(itertools.permutations(places))) for places in strata]
    # Every order of one stratum with every order of the others.
    which = np.indices([len(part) for part in orders]).reshape(len(strata), -1)
    drawn = [part[w] for part, w in zip(orders, which, strict=True)]
  else:
    drawn = [rng.permuted(np.tile(places, (samples, 1)), axis=1) for places in strata]
  permutations = np.tile(np.arange(size), (len(drawn[0]), 1))
  for places, part in zip(strata, drawn, strict=True):
    permutations[:, places] = part
  return permutations, exact


def _measured(
  function: RankMeasure,
  order: np.ndarray,
  truth: np.ndarray,
  counts: np.ndarray,
  permutations: np.ndarray,
) -> np.ndarray:
  return np.concatenate(
    [
      function(order[permutations[i : i + _CHUNK]], truth, counts)
      for i in range(0, len(permutations), _CHUNK)
    ]
  )


def _p_value(null: np.ndarray, value: float, exact: bool) -> float:
  if np.isnan(value):
    return math.nan
  # Orders that do exactly as well count, whatever the rounding of their sums.
  as_good = int((null >= value - 1e-12 * max(1.0, abs(value))).sum())
  return as_good / len(null) if exact else (as_good + 1) / (len(null) + 1)


@check_arguments()
def holm(p_values: np.ndarray) -> np.ndarray:
  """Corrects p-values for the number of methods that were tested (Holm's step-down).

  Rejecting all that are at most alpha keeps the chance of any wrong rejection below alpha,
  however the tests depend on each other.

  Args:
    p_values: [R]; NaN is no test, does not count and stays.

  Returns:
    [R] adjusted p-values, at most 1.

  References:
    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
  """
  p = np.asarray(p_values, np.float64)
  if p.ndim != 1:
    raise ValueError(f"p_values must have one axis, got shape {p.shape}")
  adjusted = np.full(p.shape, np.nan)
  tested = np.flatnonzero(~np.isnan(p))
  order = tested[np.argsort(p[tested], kind="stable")]
  steps = np.arange(len(order), 0, -1) * p[order]
  adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
  return adjusted


@check_arguments()
def null_means(
  truth: np.ndarray,
  *,
  measure: str | RankMeasure = "weighted_kendall",
  same_everywhere: bool = True,
  samples: int = 10_000,
  rng: np.random.Generator,
) -> np.ndarray:
  """Computes what random rankings reach, in the mean over data sets.

  Args:
    truth: [M] true accuracies, or [D, M] for the mean over data sets; NaN where a data
      set lacks a model. Only their number and ties matter to measures of order.
    measure: A name of `RANK_MEASURES` or a function like those.
    same_everywhere: One random ranking for all data sets, as a ranker that does not look
      at the target makes, or one for each data set (less spread).
    samples: Random rankings.
    rng: Of the random rankings.

  Returns:
    Of each random ranking; those that have no value are left out.

  Raises:
    ValueError: If `samples` is below 1 or the measure's name unknown.
  """
  function = measure_named(measure)
  if samples < 1:
    raise ValueError(f"samples must be at least 1, got {samples}")
  truths = np.atleast_2d(np.asarray(truth, np.float64))
  counts = (~np.isnan(truths)).astype(np.int64)
  start = np.tile(np.arange(truths.shape[1], dtype=np.float64), (samples, 1))
  scores = rng.permuted(start, axis=1)
  total = np.zeros(samples)
  for row, count in zip(np.nan_to_num(truths), counts, strict=True):
    drawn = scores if same_everywhere else rng.permuted(start, axis=1)
    total += np.concatenate(
      [function(drawn[i : i + _CHUNK], row, count) for i in range(0, samples, _CHUNK)]
    )
  return total[~np.isnan(total)] / len(truths)
