"""From scores on random parts of the images to ranks with intervals and groups.

The deviations of the parts' scores from their mean, scaled to the size of the whole data
set, give the covariance of the models' scores; many rankings are then drawn around the
scores of all images with exactly this covariance, as random combinations of the deviations
(a multiplier bootstrap, with the tails of Student's t). So some fifty draws do for smooth
intervals, what is common to all models, easy or hard images, drops out of their order, and
the bias of scoring fewer images drops out too.

`python -m experiments.check_certainty` measures whether that holds: of 18 networks on 20
data sets of 500 of realzoo's 2,000 eurosat10 images, the guessed standard deviation of a
score is 1.15 times the real one for lead_held_out (median over networks; 0.89 to 1.50),
1.24 times for knn and 1.15 for logme, that of differences 1.07, 1.25 and 0.96: rather wide
than narrow.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lead_jax.results import Certainty, ModelCertainty
from lead_jax.run.certainty._halves import Halves

LEVEL = 0.95
_RANKINGS = 10_000
_AT_ONCE = 1_000


def certainty_of(
  metric: str,
  scores: Mapping[str, float],
  draws: Mapping[str, Sequence[float]],
  halves: Halves,
) -> Certainty:
  """Computes intervals of scores and ranks, and groups that cannot be told apart.

  Args:
    metric: Name.
    scores: By model, on all images; larger is better.
    draws: By model, on each part of the images, the same parts in the same order.
    halves: Which parts; its seed is that of the rankings that are drawn, too.

  Returns:
    Of the models that have draws, at least two; models in the order of their scores.
    Intervals are percentiles at 95 %. Going down the ranking, a model that cannot be told
    from its group's first joins that group: their difference, in units of its standard
    deviation, is at most what the largest such difference between any two models exceeds
    in 5 % of the rankings (Tukey's range test, so that many models, of which the best is
    picked afterwards, do not make a difference out of chance).

  Raises:
    ValueError: If fewer than two models have draws, or the draws differ in number.
  """
  models = sorted((m for m in scores if m in draws), key=lambda m: (-scores[m], m))
  if len(models) < 2:
    raise ValueError(f"intervals need two models with draws, got {len(models)}")
  score_m = np.array([scores[m] for m in models], np.float64)
  drawn_rm = np.array([draws[m] for m in models], np.float64).T
  if drawn_rm.ndim != 2 or len(drawn_rm) < 2:
    raise ValueError("every model needs the same number of draws, two or more")
  deviations_rm = (drawn_rm - drawn_rm.mean(axis=0)) * halves.scale
  noise_bm = _combinations(deviations_rm, halves.seed)
  ranks_bm, best_m = _ranks(score_m + noise_bm)
  tail = 100 * (1 - LEVEL) / 2
  score_ends = np.percentile(score_m + noise_bm, [tail, 100 - tail], axis=0)
  # The rank that at most `tail` percent of the rankings undercut: ranks are whole.
  low_m = np.percentile(ranks_bm, tail, axis=0, method="inverted_cdf")
  high_m = np.percentile(ranks_bm, 100 - tail, axis=0, method="inverted_cdf")
  rows = [
    ModelCertainty(
      model,
      float(score_ends[0, i]),
      float(score_ends[1, i]),
      int(low_m[i]),
      int(high_m[i]),
      float(best_m[i]),
    )
    for i, model in enumerate(models)
  ]
  groups = [[models[i] for i in group] for group in _groups(score_m, noise_bm)]
  return Certainty(metric, len(drawn_rm), halves.images, LEVEL, rows, groups)


def _combinations(deviations_rm: np.ndarray, seed: int) -> np.ndarray:
  """Noise [B, M] with the covariance of the draws, as uncertain as few draws leave it."""
  rng = np.random.default_rng([seed, 1])
  freedom = len(deviations_rm) - 1
  weights_br = rng.normal(size=(_RANKINGS, len(deviations_rm)))
  noise_bm = weights_br @ deviations_rm / math.sqrt(freedom)
  # Student's t: the covariance is an estimate. Without it few draws tell equal models
  # apart much more often than the level says.
  return noise_bm * np.sqrt(freedom / rng.chisquare(freedom, size=(_RANKINGS, 1)))


def _ranks(scores_bm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Ranks [B, M], 1 the best, ties the better rank; and shares of first places [M]."""
  ranks = [
    1 + (part[:, None, :] > part[:, :, None]).sum(axis=2)
    for part in np.split(scores_bm, range(_AT_ONCE, len(scores_bm), _AT_ONCE))
  ]
  ranks_bm = np.concatenate(ranks)
  first_bm = ranks_bm == 1
  # Of equal firsts, each has its share.
  return ranks_bm, (first_bm / first_bm.sum(axis=1, keepdims=True)).mean(axis=0)


def _groups(score_m: np.ndarray, noise_bm: np.ndarray) -> list[list[int]]:
  """Splits models, the best first, where one can be told from its group's first."""
  std_mm = np.stack([(noise_bm[:, [i]] - noise_bm).std(axis=0) for i in _all(score_m)])
  # A model and copies of it have no difference and no noise.
  safe_mm = np.where(std_mm > 0, std_mm, 1.0)
  largest_b = np.zeros(len(noise_bm))
  for i in _all(score_m):
    sizes_bm = np.abs(noise_bm[:, [i]] - noise_bm) / safe_mm[i]
    largest_b = np.maximum(largest_b, sizes_bm.max(axis=1))
  bound = np.quantile(largest_b, LEVEL)
  groups: list[list[int]] = []
  for i in _all(score_m):
    if groups:
      first = groups[-1][0]
      gap, std = score_m[first] - score_m[i], std_mm[first, i]
      if gap / std <= bound if std > 0 else gap <= 0:
        groups[-1].append(i)
        continue
    groups.append([i])
  return groups


def _all(score_m: np.ndarray) -> range:
  return range(len(score_m))
