"""Rank measures against SciPy, definitions and known answers; every trap is a test."""

import itertools
import json
import pathlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from lead_jax.evaluation._rank_measures import (
  kendall,
  regret_at_k,
  relative_accuracy_at_k,
  weighted_kendall,
  weighted_kendall_paper,
  weighted_pearson,
)

TRUTH = [70.0, 82.5, 91.0, 88.0, 60.0]
CORRELATIONS = [weighted_kendall, weighted_kendall_paper, kendall, weighted_pearson]
BY_ORDER = [weighted_kendall, weighted_kendall_paper, kendall]
MEASURES = [*CORRELATIONS, relative_accuracy_at_k, regret_at_k]

ORACLES = pathlib.Path(__file__).parents[1] / "fixtures" / "oracles"
CASES = {
  case["name"]: case
  for case in json.loads((ORACLES / "rank_correlation.json").read_text())["cases"]
}
# What the public code of SFDA calls each, and ours.
OURS = {
  "weighted_kendall": weighted_kendall,
  "kendall": kendall,
  "wpearson_list_order": lambda s, g: weighted_pearson(s, g, variant="official"),
  "rel1": lambda s, g: relative_accuracy_at_k(s, g, k=1),
  "rel3": lambda s, g: relative_accuracy_at_k(s, g, k=3),
}
# Stored beside them, to tell settings apart: none of them is in the published tables. The
# third, by its name, ranks by the score alone; by its values it ranks by the truth alone.
OTHERS = {
  "pearson": lambda s, g: stats.pearsonr(s, g).statistic,
  "spearman": lambda s, g: stats.spearmanr(s, g).statistic,
  "weightedtau_rank_score_only": lambda s, g: (
    stats.weightedtau(g, s, rank=None).statistic
  ),
  "weightedtau_rankTrue_additiveFalse": lambda s, g: (
    stats.weightedtau(s, g, additive=False).statistic
  ),
}


def paper_by_definition(scores, truth):
  # Eq. 1 over ordered pairs, models renamed 1..M by decreasing truth (no ties in it).
  order = sorted(range(len(truth)), key=lambda m: -truth[m])
  top = bottom = 0.0
  for i, j in itertools.permutations(range(1, len(truth) + 1), 2):
    a, b = order[i - 1], order[j - 1]
    w = 1 / (i + j)
    top += w * np.sign(truth[a] - truth[b]) * np.sign(scores[a] - scores[b])
    bottom += w
  return top / bottom


@pytest.mark.parametrize("name", [name for name in CASES if name != "constant_score"])
def test_public_values(name):
  case = CASES[name]
  for key, ours in OURS.items():
    if name == "ties_score" and key.startswith("rel"):
      continue  # see the next test
    # The public weighted Pearson was stored with 12 decimals.
    got = ours(case["score"], case["gt"])
    assert got == pytest.approx(case[key], abs=1e-11), key
  for key, theirs in OTHERS.items():
    assert theirs(case["score"], case["gt"]) == pytest.approx(case[key], abs=1e-11), key
  assert {*OURS, *OTHERS, "name", "score", "gt"} == set(case)


def test_public_top_k_of_tied_scores_is_the_first_of_the_list():
  case = CASES["ties_score"]
  score, gt = case["score"], np.array(case["gt"])
  assert score[:6] == [1] * 6
  assert max(score[6:]) < 1
  for k in (1, 3):
    assert case[f"rel{k}"] == pytest.approx(gt[:k].max() / gt.max())
    # Ours: the worst k of the six.
    worst = np.sort(gt[:6])[:k].max() / gt.max()
    assert relative_accuracy_at_k(score, gt, k=k) == pytest.approx(worst)
    assert worst <= case[f"rel{k}"]
  assert relative_accuracy_at_k(score, gt) < case["rel1"]


@pytest.mark.parametrize("measure", MEASURES)
def test_constant_scores_rank_nothing(measure):
  # The public code returns NaN, divides by zero, or ranks by position in the list.
  case = CASES["constant_score"]
  assert np.isnan(case["weighted_kendall"])
  assert np.isnan(case["kendall"])
  assert case["wpearson_list_order"] is None
  assert case["rel1"] == pytest.approx(case["gt"][0] / max(case["gt"]))
  with pytest.raises(ValueError, match="all predicted scores are tied"):
    measure(case["score"], case["gt"])


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_perfect_and_reversed(measure):
  assert measure(TRUTH, TRUTH) == pytest.approx(1.0)
  assert measure([-t for t in TRUTH], TRUTH) == pytest.approx(-1.0)


def test_top_k_of_perfect_and_reversed():
  worst = [-t for t in TRUTH]
  assert regret_at_k(TRUTH, TRUTH) == 0
  assert regret_at_k(worst, TRUTH) == 31.0
  assert regret_at_k(worst, TRUTH, k=2) == 21.0
  assert regret_at_k(worst, TRUTH, k=9) == 0
  assert relative_accuracy_at_k(TRUTH, TRUTH) == 1
  assert relative_accuracy_at_k(worst, TRUTH, k=2) == pytest.approx(70 / 91)


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_ranks_in_place_of_scores_reverse_the_sign(measure):
  """Nothing can detect it: 1 = best is read as the lowest score."""
  ranks = [4, 3, 1, 2, 5]
  assert measure(ranks, TRUTH) < -0.9


@pytest.mark.parametrize("seed", range(5))
def test_is_scipys_default(seed):
  scores = np.random.default_rng(seed).normal(size=5)
  reference = stats.weightedtau(scores, TRUTH).statistic
  assert weighted_kendall(scores, TRUTH) == pytest.approx(reference, abs=1e-12)
  reference = stats.kendalltau(scores, TRUTH).statistic
  assert kendall(scores, TRUTH) == pytest.approx(reference, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_papers_equation(seed):
  scores, truth = np.random.default_rng(seed).normal(size=(2, 8))
  reference = paper_by_definition(scores, truth)
  assert weighted_kendall_paper(scores, truth) == pytest.approx(reference, abs=1e-12)
  assert weighted_kendall(scores, truth) != pytest.approx(reference, abs=1e-3)


@pytest.mark.parametrize("measure", [weighted_kendall, weighted_kendall_paper])
def test_mistakes_among_the_best_weigh_more(measure):
  best_swapped = [70.0, 82.5, 88.0, 91.0, 60.0]
  worst_swapped = [60.0, 82.5, 91.0, 88.0, 70.0]
  assert measure(best_swapped, TRUTH) < measure(worst_swapped, TRUTH) < 1
  assert kendall(best_swapped, TRUTH) == pytest.approx(kendall(worst_swapped, TRUTH))


def test_ties():
  # One pair of ten is tied in the scores: it counts nothing.
  scores = [1, 2, 4, 3, 1]
  assert kendall(scores, TRUTH) == pytest.approx(9 / np.sqrt(9 * 10))
  weight = [1 / (i + j) for i, j in itertools.combinations(range(1, 6), 2)]
  expected = 1 - (1 / 9) / sum(weight)  # the fourth and the fifth
  assert weighted_kendall_paper(scores, TRUTH) == pytest.approx(expected)
  # Equal accuracies share their places, whatever the order of the list.
  one = weighted_kendall_paper([3, 2, 1, 0], [5, 5, 4, 3])
  other = weighted_kendall_paper([2, 3, 1, 0], [5, 5, 4, 3])
  assert one == pytest.approx(other)
  assert one < 1


def test_infinite_scores_are_scores():
  for measure in BY_ORDER:
    assert measure([-np.inf, 1, 3, 2, -np.inf], TRUTH) > 0.8
    assert measure([0, 1, np.inf, 2, -np.inf], TRUTH) == pytest.approx(
      measure([0, 1, 3, 2, -1], TRUTH)
    )
  assert regret_at_k([0, 1, np.inf, 2, -np.inf], TRUTH) == 0
  assert regret_at_k([0, 1, 2, 2, -np.inf], TRUTH) == pytest.approx(3)
  with pytest.raises(ValueError, match="scores of model 'b' is inf"):
    weighted_pearson([1, np.inf, 2], [1, 2, 3], names=["a", "b", "c"])
  with pytest.raises(ValueError, match="all predicted scores are tied"):
    kendall([np.inf, np.inf], [1, 2])


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_two_models(measure):
  assert measure([0.1, 0.2], [50, 60]) == pytest.approx(1)
  assert measure([0.2, 0.1], [50, 60]) == pytest.approx(-1)


@pytest.mark.parametrize("measure", MEASURES)
def test_order_of_the_list_does_not_matter(measure):
  rng = np.random.default_rng(0)
  scores, truth = rng.integers(0, 5, 9).astype(float), rng.uniform(50, 90, 9)
  expected = measure(scores, truth)
  for _ in range(5):
    order = rng.permutation(9)
    assert measure(scores[order], truth[order]) == pytest.approx(expected)


def test_order_of_the_list_matters_to_the_official_weighted_pearson():
  rng = np.random.default_rng(0)
  scores, truth = rng.normal(size=(2, 9))
  one = weighted_pearson(scores, truth, variant="official")
  other = weighted_pearson(scores[::-1], truth[::-1], variant="official")
  assert abs(one - other) > 0.01
  # In the order of the true ranking the two are one.
  order = np.argsort(-truth)
  assert weighted_pearson(scores, truth) == pytest.approx(
    weighted_pearson(scores[order], truth[order], variant="official")
  )


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_weighted_pearson_by_definition(scale):
  rng = np.random.default_rng(1)
  scores, truth = rng.normal(size=(2, 7))
  weight = stats.rankdata(truth)  # 7, of the best, to 1
  (a, c), (_, b) = np.cov(scores, truth, aweights=weight)
  got = weighted_pearson(scale * scores, truth)
  assert got == pytest.approx(c / np.sqrt(a * b), abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
  ("scores", "truth", "message"),
  [
    ([1, 2, float("nan")], [1, 2, 3], "scores of model 2 is NaN"),
    ([1, 2, 3], [1, float("nan"), 3], "truth of model 1 is NaN"),
    ([1, 2, 3], [1, float("inf"), 3], "truth of model 1 is inf"),
    ([1, 1, 1], [1, 2, 3], "all predicted scores are tied"),
    ([1, 2, 3], [2, 2, 2], "all true accuracies are tied"),
    ([1, 2], [1, 2, 3], "one length"),
    ([1], [1], "at least 2 models"),
    ([], [], "at least 2 models"),
  ],
)
def test_what_cannot_be_compared(measure, scores, truth, message):
  with pytest.raises(ValueError, match=message):
    measure(scores, truth)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_model_without_a_score_is_named(measure):
  names = ["resnet", "vit", "swin"]
  with pytest.raises(ValueError, match="scores of model 'vit' is NaN"):
    measure([1, float("nan"), 3], [1, 2, 3], names=names)
  with pytest.raises(ValueError, match="2 names but 3 models"):
    measure([1, 2, 3], [1, 2, 3], names=names[:2])


def test_refuses_wrong_options():
  for measure in (relative_accuracy_at_k, regret_at_k):
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
      measure(TRUTH, TRUTH, k=0)
  with pytest.raises(ValueError, match="variant must be"):
    weighted_pearson(TRUTH, TRUTH, variant="list")
  with pytest.raises(ValueError, match=r"needs one above 0, the best is -1"):
    relative_accuracy_at_k([1, 2], [-2, -1])


def test_regret_of_a_tied_first_place_is_the_worst_of_them():
  assert regret_at_k([1, 5, 5, 0, 0], TRUTH) == 91.0 - 82.5
  assert regret_at_k([1, 5, 5, 0, 0], TRUTH, k=2) == 0


POOLS = st.lists(
  st.tuples(st.integers(-6, 6), st.integers(0, 100)), min_size=2, max_size=12
).filter(lambda pool: len({s for s, _ in pool}) > 1 and len({g for _, g in pool}) > 1)


@hypothesis.given(pool=POOLS)
@hypothesis.settings(max_examples=60, deadline=None)
def test_only_the_order_of_scores_counts(pool):
  scores, truth = np.array(pool, float).T
  moved = np.exp(scores) - 3
  for measure in BY_ORDER:
    assert measure(moved, truth) == pytest.approx(measure(scores, truth), abs=1e-12)
  assert regret_at_k(moved, truth) == regret_at_k(scores, truth)


@hypothesis.given(pool=POOLS)
@hypothesis.settings(max_examples=60, deadline=None)
def test_bounds_and_reversal(pool):
  scores, truth = np.array(pool, float).T
  for measure in (kendall, weighted_kendall_paper):
    # Both weigh a pair by the truth alone, so that reversed scores flip the sign.
    assert measure(-scores, truth) == pytest.approx(-measure(scores, truth), abs=1e-12)
  for measure in CORRELATIONS:
    assert abs(measure(scores, truth)) <= 1 + 1e-12
  regrets = [regret_at_k(scores, truth, k=k) for k in (1, 2, len(pool))]
  assert regrets == sorted(regrets, reverse=True)
  assert regrets[-1] == 0
