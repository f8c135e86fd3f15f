"""The rank measures over many samples of models at once, for what resamples them.

Each takes `scores`, `truth` and `counts`, all [..., M] and broadcast against each other:
`counts` says how often a model is in the sample. 0 leaves it out, 2 is a bootstrap's
second copy. So leave-one-out, bootstrap and data sets that lack a model are one thing.

Two copies of one model are not two models that tie: their pair counts nothing, neither in
the sum nor in the divisor. A sample that cannot be ranked (one model, or all tied) gives
NaN. The values of single samples are those of `rank_measures`.

With S the signs of agreement of all pairs, c the counts and W the weights of a model's
copies added up, the weighted tau's additive weights make every sum over pairs of copies a
bilinear form: sum (w_i + w_j) S_ij over pairs = W' S c. For bootstrap samples of one
ranking, that is a product of matrices.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from lead_jax.checks import check_arguments

# Of scores, truth and counts, all [..., M] without NaN, to values [...].
RankMeasure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _form(left: np.ndarray, pairs: np.ndarray, right: np.ndarray) -> np.ndarray:
  """Returns left' pairs right over the last axes; `pairs` may lack the leading ones."""
  if pairs.ndim == 2:
    paired = left @ pairs
  else:
    paired = (left[..., None, :] @ pairs)[..., 0, :]
  form: np.ndarray = np.sum(paired * right, axis=-1)
  return form


def _signs(values: np.ndarray) -> np.ndarray:
  # Not by a difference, which is NaN of two infinities.
  a, b = values[..., :, None], values[..., None, :]
  signs: np.ndarray = (a > b).astype(np.float64) - (a < b)
  return signs


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
  none = np.full(np.shape(top), np.nan)
  ratio: np.ndarray = np.divide(top, bottom, out=none, where=bottom > 0)
  return ratio


def _tau(
  weight: np.ndarray, x_signs: np.ndarray, y_signs: np.ndarray, counts: np.ndarray
) -> np.ndarray:
  top = _form(weight, x_signs * y_signs, counts)
  x_size = _form(weight, np.abs(x_signs), counts)
  y_size = _form(weight, np.abs(y_signs), counts)
  # Rounding may leave 1 + 2e-16.
  tau: np.ndarray = np.clip(_ratio(top, np.sqrt(x_size) * np.sqrt(y_size)), -1, 1)
  return tau


def _hyperbolic(
  first: np.ndarray, second: np.ndarray, counts: np.ndarray
) -> np.ndarray:
  """Returns the sum of 1 / (1 + rank) over each model's copies.

  Ranks from 0 on, by decreasing `first`, then decreasing `second`. Models that tie in
  both may share them in any way: only their sum enters the weighted tau.
  """
  order = np.lexsort((-second, -first), axis=-1)
  shape = np.broadcast_shapes(order.shape, counts.shape)
  order = np.broadcast_to(order, shape)
  sorted_counts = np.take_along_axis(np.broadcast_to(counts, shape), order, -1)
  end = np.cumsum(sorted_counts, -1)
  harmonic = np.concatenate(
    [[0.0], np.cumsum(1 / np.arange(1.0, end.max(initial=0) + 1))]
  )
  weight = np.empty(shape)
  np.put_along_axis(weight, order, harmonic[end] - harmonic[end - sorted_counts], -1)
  return weight


def many_weighted_kendall(
  scores: np.ndarray, truth: np.ndarray, counts: np.ndarray
) -> np.ndarray:
  """Computes `weighted_kendall` of many samples; see the top of this file."""
  scores, truth = np.broadcast_arrays(scores, truth)
  x, y = _signs(scores), _signs(truth)
  by_score = _tau(_hyperbolic(scores, truth, counts), x, y, counts)
  by_truth = _tau(_hyperbolic(truth, scores, counts), x, y, counts)
  mean: np.ndarray = (by_score + by_truth) / 2
  return mean


@check_arguments()
def many_kendall(
  scores: np.ndarray, truth: np.ndarray, counts: np.ndarray
) -> np.ndarray:
  """Computes `kendall` of many samples; see the top of this file."""
  scores, truth = np.broadcast_arrays(scores, truth)
  weight = counts.astype(np.float64)
  return _tau(weight, _signs(scores), _signs(truth), weight)


def many_weighted_kendall_paper(
  scores: np.ndarray, truth: np.ndarray, counts: np.ndarray
) -> np.ndarray:
  """Computes `weighted_kendall_paper` of many samples; see the top of this file."""
  scores, truth = np.broadcast_arrays(scores, truth)
  x, y = _signs(scores), _signs(truth)
  weight = counts.astype(np.float64)
  # Places in the true ranking: the mean of those that the model's copies and ties share.
  better = (y < 0).astype(np.float64)
  tied = (y == 0).astype(np.float64)
  both = better + tied / 2
  if both.ndim == 2:
    place = weight @ both.T + 0.5
  else:
    place = (both @ weight[..., None])[..., 0] + 0.5
  size = x.shape[-1]
  pair = 1 / (place[..., :, None] + place[..., None, :])
  pair = pair * (weight[..., :, None] * weight[..., None, :]) * (1 - np.eye(size))
  top = (pair * (x * y)).sum((-1, -2))
  ranked = (_form(weight, np.abs(x), weight) > 0) & (
    _form(weight, np.abs(y), weight) > 0
  )
  return np.where(ranked, _ratio(top, pair.sum((-1, -2))), np.nan)


def _best_and_chosen(
  scores: np.ndarray, truth: np.ndarray, counts: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
  if k < 1:
    raise ValueError(f"k must be at least 1, got {k}")
  scores, truth = np.broadcast_arrays(scores, truth)
  # By decreasing score; among equal ones by increasing truth: the worst case.
  order = np.lexsort((truth, -scores), axis=-1)
  shape = np.broadcast_shapes(order.shape, counts.shape)
  order = np.broadcast_to(order, shape)
  there = np.take_along_axis(np.broadcast_to(counts, shape), order, -1) > 0
  s = np.take_along_axis(np.broadcast_to(scores, shape), order, -1)
  g = np.take_along_axis(np.broadcast_to(truth, shape), order, -1)
  top = there & (np.cumsum(there, -1) <= k)
  best = np.where(there, g, -np.inf).max(-1)
  chosen = np.where(top, g, -np.inf).max(-1)
  ranked = np.ones(shape[:-1], bool)
  for values in (s, g):
    high = np.where(there, values, -np.inf).max(-1)
    ranked &= high > np.where(there, values, np.inf).min(-1)
  return np.where(ranked, best, np.nan), np.where(ranked, chosen, np.nan)


@check_arguments()
def many_regret_at_k(
  scores: np.ndarray, truth: np.ndarray, counts: np.ndarray, *, k: int = 1
) -> np.ndarray:
  """Computes `regret_at_k` of many samples; no model stands twice in the top k."""
  best, chosen = _best_and_chosen(scores, truth, counts, k)
  regret: np.ndarray = best - chosen
  return regret


def many_relative_accuracy_at_k(
  scores: np.ndarray, truth: np.ndarray, counts: np.ndarray, *, k: int = 1
) -> np.ndarray:
  """Computes `relative_accuracy_at_k` of many samples; NaN where no truth is above 0."""
  best, chosen = _best_and_chosen(scores, truth, counts, k)
  return _ratio(chosen, best)


RANK_MEASURES: Mapping[str, RankMeasure] = MappingProxyType(
  {
    "weighted_kendall": many_weighted_kendall,
    "weighted_kendall_paper": many_weighted_kendall_paper,
    "kendall": many_kendall,
    "regret_at_1": many_regret_at_k,
    "relative_accuracy_at_1": many_relative_accuracy_at_k,
  }
)
