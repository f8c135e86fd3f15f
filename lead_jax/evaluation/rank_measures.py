"""How well predicted scores rank models whose true accuracy is known.

Every measure compares *scores* with accuracies, both larger is better. Passing ranks
(1 = best) in place of scores cannot be detected and reverses the sign of every answer.
"""

from collections.abc import Sequence

import numpy as np


def _check(scores: Sequence[float], truth: Sequence[float]) -> tuple[np.ndarray, ...]:
  s, g = np.asarray(scores, np.float64), np.asarray(truth, np.float64)
  if s.ndim != 1 or s.shape != g.shape:
    raise ValueError(
      f"scores and truth must have one length, got {s.shape} and {g.shape}"
    )
  if len(s) < 2:
    raise ValueError(f"at least 2 models are needed to compare rankings, got {len(s)}")
  for name, values in (("scores", s), ("truth", g)):
    if np.isnan(values).any():
      raise ValueError(f"{name} of model {int(np.argmax(np.isnan(values)))} is NaN")
  if np.ptp(s) == 0:
    raise ValueError("all predicted scores are tied: they rank nothing")
  if np.ptp(g) == 0:
    raise ValueError("all true accuracies are tied: there is no ranking to agree with")
  return s, g


def weighted_kendall(scores: Sequence[float], truth: Sequence[float]) -> float:
  """Computes the weighted Kendall tau that the published tables used.

  SciPy's default: additive hyperbolic weights, the average of ranking by decreasing score
  and by decreasing truth, so that mistakes among the best models count most.

  Args:
    scores: [M] predicted, larger is better, finite or infinite but not NaN.
    truth: [M] true accuracies.

  Returns:
    In [-1, 1]; 1 where the orders agree.

  Raises:
    ValueError: If a score is NaN (its position is named), all are tied, or lengths differ.

  References:
    Vigna, "A Weighted Correlation Index for Rankings with Ties", 2015.
  """
  from scipy import stats

  s, g = _check(scores, truth)
  # Ranks in place of values: the measure sees order alone, and infinities become numbers.
  return float(stats.weightedtau(stats.rankdata(s), stats.rankdata(g)).statistic)


def regret_at_1(scores: Sequence[float], truth: Sequence[float]) -> float:
  """Computes what trusting the first choice costs, in the unit of `truth`.

  Returns:
    Best true value minus that of the model with the largest score (the worst of them
    where several share it); at least 0, smaller is better.
  """
  s, g = _check(scores, truth)
  return float(g.max() - g[s == s.max()].min())
