"""How well predicted scores rank models whose true accuracy is known.

Every measure compares *scores* with accuracies, both larger is better. Passing ranks
(1 = best) in place of scores cannot be detected and reverses the sign of every answer.

All take `names`, of the models, for their messages only. Infinite scores are scores,
larger or smaller than all others, except for `weighted_pearson`, which looks at values.
"""

from collections.abc import Sequence

import numpy as np

from lead_jax.checks import check_arguments


def _check(
  scores: Sequence[float] | np.ndarray,
  truth: Sequence[float] | np.ndarray,
  names: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
  s, g = np.asarray(scores, np.float64), np.asarray(truth, np.float64)
  if s.ndim != 1 or s.shape != g.shape:
    raise ValueError(
      f"scores and truth must have one length, got {s.shape} and {g.shape}"
    )
  if len(s) < 2:
    raise ValueError(f"at least 2 models are needed to compare rankings, got {len(s)}")
  if names is not None and len(names) != len(s):
    raise ValueError(f"there are {len(names)} names but {len(s)} models")
  _refuse(np.isnan(s), s, "scores", names)
  _refuse(~np.isfinite(g), g, "truth", names)
  if (s == s[0]).all():
    raise ValueError("all predicted scores are tied: they rank nothing")
  if (g == g[0]).all():
    raise ValueError("all true accuracies are tied: there is no ranking to agree with")
  return s, g


def _refuse(
  wrong: np.ndarray, values: np.ndarray, what: str, names: Sequence[str] | None
) -> None:
  if wrong.any():
    first = int(np.argmax(wrong))
    model = first if names is None else repr(names[first])
    value = "NaN" if np.isnan(values[first]) else f"{values[first]}"
    raise ValueError(f"{what} of model {model} is {value}")


def _midranks(values: np.ndarray) -> np.ndarray:
  """Returns ranks from 1 (the largest) on; equal values share the mean of theirs."""
  from scipy import stats

  ranks: np.ndarray = stats.rankdata(-values)
  return ranks


@check_arguments()
def weighted_kendall(
  scores: Sequence[float] | np.ndarray,
  truth: Sequence[float] | np.ndarray,
  *,
  names: Sequence[str] | None = None,
) -> float:
  """Computes the weighted Kendall tau that the published tables used.

  SciPy's default: additive hyperbolic weights, the average of ranking by decreasing score
  and by decreasing truth, so that mistakes among the best models count most.

  Args:
    scores: [M] predicted, larger is better, finite or infinite but not NaN. Not ranks.
    truth: [M] true accuracies.
    names: [M] of the models, for messages.

  Returns:
    In [-1, 1]; 1 where the orders agree.

  Raises:
    ValueError: If a score is NaN (its model is named), all are tied, or lengths differ.

  References:
    Vigna, "A Weighted Correlation Index for Rankings with Ties", 2015.
  """
  from scipy import stats

  s, g = _check(scores, truth, names)
  # Ranks in place of values: the measure sees order alone, and infinities become numbers.
  return float(stats.weightedtau(stats.rankdata(s), stats.rankdata(g)).statistic)


@check_arguments()
def weighted_kendall_paper(
  scores: Sequence[float] | np.ndarray,
  truth: Sequence[float] | np.ndarray,
  *,
  names: Sequence[str] | None = None,
) -> float:
  """Computes the weighted Kendall tau of LEAD's Eq. 1, with weights 1 / (i + j).

  The equation does not say what i and j count: here they are the places of the two models
  in the true ranking, 1 the best, so that the order of the list does not matter. Models
  of equal accuracy share the mean of their places. A tied pair counts nothing in the sum
  but keeps its weight in the divisor, as the equation is written.

  Args:
    scores: [M] predicted, larger is better, finite or infinite but not NaN. Not ranks.
    truth: [M] true accuracies.
    names: [M] of the models, for messages.

  Returns:
    In [-1, 1]; 1 where the orders agree and nothing is tied.

  Raises:
    ValueError: As `weighted_kendall`.

  References:
    LEAD, Eq. 1; Shieh, "A weighted Kendall's tau statistic", 1998.
  """
  s, g = _check(scores, truth, names)
  place = _midranks(g)
  weight = 1 / (place[:, None] + place[None, :])
  np.fill_diagonal(weight, 0)
  score_order = np.sign(_midranks(s)[:, None] - _midranks(s)[None, :])
  true_order = np.sign(place[:, None] - place[None, :])
  return float((weight * score_order * true_order).sum() / weight.sum())


@check_arguments()
def kendall(
  scores: Sequence[float] | np.ndarray,
  truth: Sequence[float] | np.ndarray,
  *,
  names: Sequence[str] | None = None,
) -> float:
  """Computes Kendall's tau-b: every pair of models counts the same.

  Args:
    scores: [M] predicted, larger is better, finite or infinite but not NaN. Not ranks.
    truth: [M] true accuracies.
    names: [M] of the models, for messages.

  Returns:
    In [-1, 1]; 1 where the orders, ties included, agree.

  Raises:
    ValueError: As `weighted_kendall`.

  References:
    Kendall, "The treatment of ties in ranking problems", 1945.
  """
  from scipy import stats

  s, g = _check(scores, truth, names)
  return float(stats.kendalltau(stats.rankdata(s), stats.rankdata(g)).statistic)


@check_arguments()
def weighted_pearson(
  scores: Sequence[float] | np.ndarray,
  truth: Sequence[float] | np.ndarray,
  *,
  variant: str = "paper",
  names: Sequence[str] | None = None,
) -> float:
  """Computes the weighted Pearson correlation of scores and accuracies.

  Weights fall linearly from M, of the truly best model, to 1, of the worst. The public
  code gives them by position in the list (`variant="official"`), so that its value
  depends on the order in which somebody wrote the models down.

  Args:
    scores: [M] predicted, larger is better, finite: values count here, not order. Not
      ranks.
    truth: [M] true accuracies.
    variant: `paper` or `official`.
    names: [M] of the models, for messages.

  Returns:
    In [-1, 1]; 1 for an increasing linear relation.

  Raises:
    ValueError: As `weighted_kendall`; or if a score is infinite, or the variant unknown.
  """
  if variant not in ("paper", "official"):
    raise ValueError(f"variant must be 'paper' or 'official', got {variant!r}")
  s, g = _check(scores, truth, names)
  _refuse(np.isinf(s), s, "scores", names)
  place = _midranks(g) if variant == "paper" else np.arange(1, len(s) + 1)
  weight = len(s) + 1 - place
  # At unit scale, so that squares neither over- nor underflow.
  s, g = s / np.abs(s).max(), g / np.abs(g).max()
  s = s - np.average(s, weights=weight)
  g = g - np.average(g, weights=weight)
  root = np.sqrt((weight * s * s).sum()) * np.sqrt((weight * g * g).sum())
  return float(np.clip((weight * s * g).sum() / root, -1, 1))


@check_arguments()
def relative_accuracy_at_k(
  scores: Sequence[float] | np.ndarray,
  truth: Sequence[float] | np.ndarray,
  *,
  k: int = 1,
  names: Sequence[str] | None = None,
) -> float:
  """Computes Rel-k: the best true accuracy of the predicted top k over the best of all.

  Args:
    scores: [M] predicted, larger is better, finite or infinite but not NaN. Not ranks.
    truth: [M] true accuracies; the best of them above 0.
    k: Size of the top, at least 1. Where scores are tied at its end, the truly worst of
      the tied models are in it; the public code takes the first of the list.
    names: [M] of the models, for messages.

  Returns:
    At most 1, larger is better.

  Raises:
    ValueError: As `weighted_kendall`; or if `k` is below 1, or no accuracy above 0.

  References:
    LEAD, Appendix D.
  """
  s, g = _check(scores, truth, names)
  if g.max() <= 0:
    raise ValueError(f"a ratio of accuracies needs one above 0, the best is {g.max()}")
  return float(_best_of_top(s, g, k) / g.max())


@check_arguments()
def regret_at_k(
  scores: Sequence[float] | np.ndarray,
  truth: Sequence[float] | np.ndarray,
  *,
  k: int = 1,
  names: Sequence[str] | None = None,
) -> float:
  """Computes what choosing among the predicted top k costs, in the unit of `truth`.

  Args:
    scores: [M] predicted, larger is better, finite or infinite but not NaN. Not ranks.
    truth: [M] true accuracies.
    k: Size of the top, at least 1. Where scores are tied at its end, the truly worst of
      the tied models are in it.
    names: [M] of the models, for messages.

  Returns:
    Best true value minus the best of the top k; at least 0, smaller is better.

  Raises:
    ValueError: As `weighted_kendall`; or if `k` is below 1.
  """
  s, g = _check(scores, truth, names)
  return float(g.max() - _best_of_top(s, g, k))


def _best_of_top(s: np.ndarray, g: np.ndarray, k: int) -> float:
  if k < 1:
    raise ValueError(f"k must be at least 1, got {k}")
  # By decreasing score; among equal ones by increasing truth: the worst case.
  return float(g[np.lexsort((g, -s))[:k]].max())
