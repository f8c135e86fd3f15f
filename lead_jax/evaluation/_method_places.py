"""Which place has a method among the methods, and how sure is it of that place?

The place in the table is that of one choice of models. In every resample of the bootstrap
(`bootstrap_means`, paired: the same models for all methods) the methods are
ranked anew; the spread of a method's places says how much its place means. Such intervals
are honest about neighbours that cannot be told apart, but no guarantee of coverage: the
bootstrap of ranks is not consistent where true values are equal.

References:
  Goldstein and Spiegelhalter, "League Tables and Their Limitations", 1996; Hall and Miller,
  "Using the Bootstrap to Quantify the Authority of an Empirical Ranking", 2009.
"""

import dataclasses

import numpy as np

from lead_jax.checks import check_arguments

# Means that differ by less are equal but for the rounding of their sums.
_EQUAL = 1e-12


@dataclasses.dataclass(frozen=True)
class MethodPlaces:
  """Places from 1, the largest value, on; NaN for methods without one.

  Attributes:
    places: [R] of the values themselves.
    intervals: [R, 2] smallest and largest place, of the central share of the resamples.
    best: [R] share of the resamples in which the method is the best; shared where several
      are, so that all add up to 1.
  """

  places: np.ndarray
  intervals: np.ndarray
  best: np.ndarray


@check_arguments()
def place_methods(values: np.ndarray) -> np.ndarray:
  """Computes the place of every method: 1 and the number of those that are better.

  Args:
    values: [R] or [R, S], larger is better.

  Returns:
    Of the same shape; NaN where the value is.
  """
  v = np.asarray(values, np.float64)
  with np.errstate(invalid="ignore"):
    found = np.stack([1.0 + (v > row + _EQUAL).sum(0) for row in v])
  return np.where(np.isnan(v), np.nan, found)


@check_arguments()
def bootstrap_places(
  means: np.ndarray, resampled: np.ndarray, *, level: float = 0.95
) -> MethodPlaces:
  """Computes places with their bootstrap intervals.

  Args:
    means: [R] of the table itself, larger is better; NaN for a method without one.
    resampled: [R, S] of the resamples. Those in which a method of the table cannot be
      ranked are left out.
    level: Of the intervals, in (0, 1).

  Returns:
    Places, intervals and how often each method is the best.

  Raises:
    ValueError: If the shapes do not fit or the level is out of range.
  """
  means, resampled = np.asarray(means, np.float64), np.asarray(resampled, np.float64)
  if resampled.ndim != 2 or means.shape != resampled.shape[:1]:
    raise ValueError(
      f"means must be [R], resampled [R, S], got {means.shape}, {resampled.shape}"
    )
  if not 0 < level < 1:
    raise ValueError(f"level must be in (0, 1), got {level}")
  known = ~np.isnan(means)
  intervals, best = np.full((len(means), 2), np.nan), np.full(len(means), np.nan)
  rows = resampled[known]
  rows = rows[:, ~np.isnan(rows).any(0)]
  if rows.size:
    drawn = place_methods(rows)
    ends = ((1 - level) / 2, (1 + level) / 2)
    intervals[known, 0] = np.quantile(drawn, ends[0], axis=1, method="lower")
    intervals[known, 1] = np.quantile(drawn, ends[1], axis=1, method="higher")
    first = drawn == 1
    best[known] = (first / first.sum(0)).mean(1)
  return MethodPlaces(place_methods(means), intervals, best)
