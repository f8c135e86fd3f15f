"""Noise of the ground truth: deviations, ceiling and practical ties."""

import numpy as np
import pytest

from lead_jax.evaluation._many_rankings import many_kendall
from lead_jax.evaluation._rank_measures import kendall
from lead_jax.evaluation._truth_noise import (
  close_pairs,
  deviation_of_seeds,
  deviation_of_test_set,
  noise_ceiling,
  practical_ties,
)

NAN = float("nan")


def test_deviation_of_seeds():
  found = deviation_of_seeds(
    np.array([[1.0, 3.0, 2.0], [7.0, NAN, 5.0], [4, NAN, NAN]])
  )
  variance = (2.0 + 2.0) / (2 + 1)
  np.testing.assert_allclose(found, np.sqrt(variance / np.array([3, 2, 1])))
  for runs, message in (
    ([[1.0], [2.0]], "2 of one"),
    ([[1.0, 2.0], [NAN, NAN]], "1 run of every model"),
    ([1.0, 2.0], "got shape"),
  ):
    with pytest.raises(ValueError, match=message):
      deviation_of_seeds(np.array(runs))


def test_deviation_of_test_set():
  rng = np.random.default_rng(0)
  found = deviation_of_test_set(np.array([50.0, 90.0, 100.0]), 1000)
  drawn = 100 * rng.binomial(1000, 0.9, 20_000) / 1000
  assert found[1] == pytest.approx(drawn.std(), rel=0.02)
  assert found[0] == pytest.approx(100 * np.sqrt(0.25 / 1000))
  assert 0 < found[2] < found[1]
  with pytest.raises(ValueError, match="images must be at least 1, got 0"):
    deviation_of_test_set(np.array([50.0]), 0)
  with pytest.raises(ValueError, match=r"must be in \[0, 100\]"):
    deviation_of_test_set(np.array([101.0]), 10)


def test_ceiling_without_noise_and_in_noise_alone():
  truth = np.array([50.0, 60.0, 65.0, 70.0, 90.0])
  without = noise_ceiling(truth, 0.0, samples=10, rng=np.random.default_rng(0))
  assert without.expected[0] == without.mean == pytest.approx(1)
  assert without.interval == pytest.approx((1, 1))
  # All that is seen is noise: the real ranking is any ranking.
  drowned = noise_ceiling(truth, 1000.0, rng=np.random.default_rng(0))
  assert abs(drowned.mean) < 0.02
  assert drowned.interval[0] < -0.5 < 0.5 < drowned.interval[1]


def test_ceiling_is_what_the_real_ranking_reaches():
  """Known real accuracies: shrunk, the estimate is right on average; flat, too high."""
  rng = np.random.default_rng(1)
  reached, shrunk, flat = [], [], []
  for _ in range(300):
    real = rng.normal(80, 2.0, 15)
    measured = real + rng.normal(0, 1.5, 15)
    reached.append(kendall(real, measured))
    options = {"measure": "kendall", "samples": 200, "rng": rng}
    shrunk.append(noise_ceiling(measured, 1.5, **options).mean)
    flat.append(noise_ceiling(measured, 1.5, shrink=False, **options).mean)
  # The standard error of the first is .007.
  assert np.mean(shrunk) == pytest.approx(np.mean(reached), abs=0.025)
  assert np.mean(flat) > np.mean(reached) + 0.02


def test_ceiling_over_data_sets():
  truth = np.array([[10.0, 20.0, 30.0, NAN], [1.0, 2.0, 3.0, 4.0]])
  deviation = np.array([[5.0, 5.0, 5.0, NAN], [0.0, 0.0, 0.0, 0.0]])
  found = noise_ceiling(truth, deviation, rng=np.random.default_rng(0))
  again = noise_ceiling(truth, deviation, rng=np.random.default_rng(0))
  assert found.mean == again.mean == pytest.approx(found.expected.mean())
  assert found.expected[1] == pytest.approx(1)
  assert 0.5 < found.expected[0] < 0.99
  single = np.array([[10.0, NAN], [1.0, 2.0]])
  found = noise_ceiling(single, 1.0, samples=10, rng=np.random.default_rng(0))
  assert np.isnan(found.mean)
  assert np.isnan(found.expected[0])
  for deviation, message in ((-1.0, "at least 0"), (NAN, "must be finite")):
    with pytest.raises(ValueError, match=message):
      noise_ceiling(truth, deviation, rng=np.random.default_rng(0))
  with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
    noise_ceiling(truth, 1.0, samples=0, rng=np.random.default_rng(0))


def test_practical_ties():
  accuracies = np.array([80.0, 93.0, 91.9, 92.0, 90.0, 79.0])
  groups = practical_ties(accuracies, 0.5)
  # Two models of deviation .5 differ for sure by 1.96 * .707 = 1.386 points.
  np.testing.assert_array_equal(groups, [2, 0, 0, 0, 1, 2])
  np.testing.assert_array_equal(practical_ties(accuracies, 0.0), [4, 0, 2, 1, 3, 5])
  np.testing.assert_array_equal(practical_ties(accuracies, 100.0), np.zeros(6))
  np.testing.assert_array_equal(practical_ties(np.array([5.0, 5.0, 4.0]), 0), [0, 0, 1])
  # Any order within a group is as good as any other.
  ones = np.ones(6, int)
  swapped = many_kendall(accuracies[[0, 2, 1, 3, 4, 5]], -groups, ones)
  assert float(swapped) == float(many_kendall(accuracies, -groups, ones))


def test_a_level_of_ties_is_kept():
  """Two equally good models fall into two groups in 5 % of measurements."""
  rng = np.random.default_rng(2)
  apart = sum(
    practical_ties(rng.normal(90, (0.3, 0.8)), np.array([0.3, 0.8])).max() > 0
    for _ in range(2000)
  )
  assert 0.035 < apart / 2000 < 0.065


@pytest.mark.parametrize(
  ("truth", "deviation", "level", "message"),
  [
    ([1.0, NAN], 1.0, 0.95, "one finite accuracy per model"),
    ([1.0, 2.0], -1.0, 0.95, "deviation must be finite and at least 0"),
    ([1.0, 2.0], 1.0, 1.0, r"level must be in \(0, 1\), got 1.0"),
  ],
)
def test_ties_refused(truth, deviation, level, message):
  with pytest.raises(ValueError, match=message):
    practical_ties(np.array(truth), deviation, level=level)


def test_close_pairs():
  assert close_pairs(np.array([10.0, 11, 20]), 1.0) == (1, 3)
  assert close_pairs(np.array([10.0, 11, 20]), 0.0) == (0, 3)
  assert close_pairs(np.array([10.0, 11, 20]), np.array([0.0, 0, 9])) == (2, 3)
  assert close_pairs(np.array([10.0, 11, 20]), 1.0, level=0.1) == (0, 3)
  with pytest.raises(ValueError, match="deviation must be finite"):
    close_pairs(np.array([10.0, 11]), -1.0)
