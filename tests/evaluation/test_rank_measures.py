"""Rank measures against SciPy, definitions and known answers."""

import json

import numpy as np
import pytest
from scipy import stats

from lead_jax.evaluation import (
  regret_at_1,
  weighted_kendall,
)

TRUTH = [70.0, 82.5, 91.0, 88.0, 60.0]


def test_perfect_and_reversed():
  assert weighted_kendall(TRUTH, TRUTH) == pytest.approx(1.0)
  assert weighted_kendall([-t for t in TRUTH], TRUTH) == pytest.approx(-1.0)
  assert regret_at_1(TRUTH, TRUTH) == 0
  assert regret_at_1([-t for t in TRUTH], TRUTH) == 31.0


@pytest.mark.parametrize("seed", range(5))
def test_is_scipys_default(seed):
  scores = np.random.default_rng(seed).normal(size=5)
  reference = stats.weightedtau(scores, TRUTH).statistic
  assert weighted_kendall(scores, TRUTH) == pytest.approx(reference, abs=1e-12)


def test_mistakes_among_the_best_weigh_more():
  best_swapped = [70.0, 82.5, 88.0, 91.0, 60.0]
  worst_swapped = [60.0, 82.5, 91.0, 88.0, 70.0]
  assert weighted_kendall(best_swapped, TRUTH) < weighted_kendall(worst_swapped, TRUTH)


def test_infinite_scores_are_scores():
  assert weighted_kendall([-np.inf, 1, 3, 2, -np.inf], TRUTH) > 0.8
  assert weighted_kendall([0, 1, np.inf, 2, -np.inf], TRUTH) == pytest.approx(1.0)


def test_oracle(shared):
  """The public evaluation code of SFDA, on its own pairs of scores and accuracies."""
  cases = json.loads((shared / "oracles" / "rank_correlation.json").read_text())[
    "cases"
  ]
  checked = 0
  for case in cases:
    reference = case["weighted_kendall"]
    if reference is None or np.isnan(reference):
      with pytest.raises(ValueError, match=r"NaN|tied"):
        weighted_kendall(case["score"], case["gt"])
    else:
      ours = weighted_kendall(case["score"], case["gt"])
      assert ours == pytest.approx(reference, abs=1e-9), case["name"]
      checked += 1
  assert checked >= 5


def test_regret_of_a_tied_first_place_is_the_worst_of_them():
  assert regret_at_1([1, 5, 5, 0, 0], TRUTH) == 91.0 - 82.5


@pytest.mark.parametrize(
  ("scores", "truth", "message"),
  [
    ([1, 2, float("nan")], [1, 2, 3], "scores of model 2 is NaN"),
    ([1, 2, 3], [1, float("nan"), 3], "truth of model 1 is NaN"),
    ([1, 1, 1], [1, 2, 3], "all predicted scores are tied"),
    ([1, 2, 3], [2, 2, 2], "all true accuracies are tied"),
    ([1, 2], [1, 2, 3], "one length"),
    ([1], [1], "at least 2 models"),
  ],
)
def test_what_cannot_be_compared(scores, truth, message):
  for measure in (weighted_kendall, regret_at_1):
    with pytest.raises(ValueError, match=message):
      measure(scores, truth)
