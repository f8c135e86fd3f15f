"""Measures of many samples against those of one, SciPy and copies written out."""

import functools
import itertools

import numpy as np
import pytest
from scipy import stats

from lead_jax.evaluation._many_rankings import (
  RANK_MEASURES,
  many_kendall,
  many_regret_at_k,
  many_relative_accuracy_at_k,
  many_weighted_kendall,
  many_weighted_kendall_paper,
)
from lead_jax.evaluation._rank_measures import (
  kendall,
  regret_at_k,
  relative_accuracy_at_k,
  weighted_kendall,
  weighted_kendall_paper,
)

ONE_BY_ONE = {
  "weighted_kendall": weighted_kendall,
  "weighted_kendall_paper": weighted_kendall_paper,
  "kendall": kendall,
  "regret_at_1": regret_at_k,
  "relative_accuracy_at_1": relative_accuracy_at_k,
}


def _random(rng):
  """Scores, truth (both often tied, above 0) and bootstrap copies of 2 to 19 models."""
  size = rng.integers(2, 20)
  scores = rng.integers(1, rng.integers(3, 40), size).astype(float)
  truth = rng.integers(1, rng.integers(3, 40), size).astype(float)
  copies = rng.integers(0, size, (4, size))
  return scores, truth, copies


def _counts(copies):
  size = copies.shape[1]
  return np.array([np.bincount(row, minlength=size) for row in copies])


def test_every_measure_has_its_single_form():
  assert set(RANK_MEASURES) == set(ONE_BY_ONE)


@pytest.mark.parametrize(
  ("many", "scipy_one"),
  [
    (many_weighted_kendall, stats.weightedtau),
    (many_kendall, stats.kendalltau),
  ],
)
def test_scipy_on_copies_written_out(many, scipy_one):
  """Copies as counts, and as models that tie, are the same to SciPy's two measures."""
  rng = np.random.default_rng(0)
  compared = 0
  for _ in range(100):
    scores, truth, copies = _random(rng)
    by_counts = many(scores, truth, _counts(copies))
    written = many(scores[copies], truth[copies], np.ones(len(scores), int))
    for b, row in enumerate(copies):
      s, g = scores[row], truth[row]
      if np.ptp(s) == 0 or np.ptp(g) == 0:
        assert np.isnan(by_counts[b])
        assert np.isnan(written[b])
        continue
      expected = scipy_one(s, g).statistic
      assert by_counts[b] == pytest.approx(expected, abs=1e-12)
      assert written[b] == pytest.approx(expected, abs=1e-12)
      compared += 1
  assert compared > 250


@pytest.mark.parametrize("name", sorted(RANK_MEASURES))
def test_models_left_out(name):
  """Counts of 0 and 1 are the measure of the models that stay."""
  rng = np.random.default_rng(1)
  compared = 0
  for _ in range(60):
    scores, truth, _ = _random(rng)
    counts = rng.integers(0, 2, (5, len(scores)))
    found = RANK_MEASURES[name](scores, truth, counts)
    for b, row in enumerate(counts.astype(bool)):
      s, g = scores[row], truth[row]
      if len(s) < 2 or np.ptp(s) == 0 or np.ptp(g) == 0:
        assert np.isnan(found[b])
        continue
      assert found[b] == pytest.approx(ONE_BY_ONE[name](s, g), abs=1e-12)
      compared += 1
  assert compared > 150


@pytest.mark.parametrize("name", sorted(RANK_MEASURES))
def test_scores_and_truth_in_batches(name):
  """[B, M] of each, [D, M] under [L, D, M] counts: all as one by one."""
  rng = np.random.default_rng(2)
  scores, truth = rng.normal(size=(3, 7)), rng.uniform(1, 9, (3, 7))
  counts = rng.integers(1, 3, (4, 3, 7))
  found = RANK_MEASURES[name](scores, truth, counts)
  assert found.shape == (4, 3)
  for b, d in itertools.product(range(4), range(3)):
    one = RANK_MEASURES[name](scores[d], truth[d], counts[b, d])
    assert found[b, d] == pytest.approx(float(one), abs=1e-12)


def test_equation_1_leaves_pairs_of_copies_out():
  """Over all pairs of copies of *different* models, places shared by copies."""
  scores, truth = np.array([1.0, 3.0, 2.0, 2.0]), np.array([9.0, 7.0, 7.0, 4.0])
  counts = np.array([2, 1, 3, 1])
  model = np.repeat(np.arange(4), counts)
  place = stats.rankdata(-truth[model])
  top = bottom = 0.0
  for i, j in itertools.combinations(range(len(model)), 2):
    if model[i] == model[j]:
      continue
    a, b = model[i], model[j]
    weight = 1 / (place[i] + place[j])
    top += weight * np.sign(scores[a] - scores[b]) * np.sign(truth[a] - truth[b])
    bottom += weight
  found = many_weighted_kendall_paper(scores, truth, counts)
  assert float(found) == pytest.approx(top / bottom, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k(k):
  rng = np.random.default_rng(3)
  for _ in range(50):
    scores, truth, _ = _random(rng)
    if np.ptp(scores) == 0 or np.ptp(truth) == 0:
      continue
    # A second copy of a model takes no place in the top.
    counts = rng.integers(1, 4, len(scores))
    lost = float(many_regret_at_k(scores, truth, counts, k=k))
    ratio = float(many_relative_accuracy_at_k(scores, truth, counts, k=k))
    assert lost == regret_at_k(scores, truth, k=k)
    assert ratio == pytest.approx(relative_accuracy_at_k(scores, truth, k=k))
  for many in (many_regret_at_k, many_relative_accuracy_at_k):
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
      functools.partial(many, k=0)(scores, truth, counts)


@pytest.mark.parametrize("name", ["weighted_kendall", "kendall"])
def test_perfect_reversed_and_random(name):
  truth = np.arange(10.0)
  ones = np.ones(10, int)
  many = RANK_MEASURES[name]
  assert float(many(truth**3, truth, ones)) == 1
  assert float(many(-truth, truth, ones)) == -1
  rng = np.random.default_rng(4)
  random = many(rng.normal(size=(20_000, 10)), truth, ones)
  # 0 on average; the standard error of the mean is below .003.
  assert abs(random.mean()) < 0.01


def test_no_samples():
  scores = np.arange(4.0)
  for many in RANK_MEASURES.values():
    assert many(scores, scores + 1, np.ones((0, 4), int)).shape == (0,)
