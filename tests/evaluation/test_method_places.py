"""Places among methods and their bootstrap, against answers known by hand."""

import numpy as np
import pytest

from lead_jax.evaluation._method_places import bootstrap_places, place_methods
from lead_jax.evaluation._resampling import (
  bootstrap_intervals,
  bootstrap_means,
  percentile_intervals,
)
from lead_jax.evaluation._score_table import ScoreTable


def test_places_count_the_better_ones():
  values = np.array([0.2, 0.9, np.nan, 0.2, -1.0])
  np.testing.assert_array_equal(place_methods(values), [2, 1, np.nan, 2, 4])
  # What differs by rounding alone is equal.
  np.testing.assert_array_equal(place_methods(np.array([0.1 + 0.2, 0.3])), [1, 1])


def test_places_of_resamples():
  resampled = np.array([[3.0, 3, 1, 2], [1, 2, 3, 2], [0, 0, 0, 0], [np.nan] * 4])
  found = bootstrap_places(np.array([2.0, 1.9, 0, np.nan]), resampled)
  np.testing.assert_array_equal(found.places, [1, 2, 3, np.nan])
  np.testing.assert_array_equal(
    found.intervals, [[1, 2], [1, 2], [3, 3], [np.nan, np.nan]]
  )
  # First alone in two, and in one shared with the second.
  np.testing.assert_allclose(found.best, [0.625, 0.375, 0, np.nan])


def test_a_resample_that_cannot_be_ranked_is_left_out():
  resampled = np.array([[3.0, np.nan], [1.0, 5.0]])
  found = bootstrap_places(np.array([2.0, 1.0]), resampled)
  np.testing.assert_array_equal(found.best, [1, 0])


def test_wrong_shapes_and_levels_are_refused():
  with pytest.raises(ValueError, match=r"means must be \[R\]"):
    bootstrap_places(np.zeros(3), np.zeros((2, 5)))
  with pytest.raises(ValueError, match="level must be"):
    bootstrap_places(np.zeros(2), np.zeros((2, 5)), level=1.0)


def test_bootstrap_means_are_what_intervals_are_made_of():
  rng = np.random.default_rng(0)
  truth = rng.uniform(50, 90, (2, 7))
  scores = np.stack([truth, rng.normal(size=(2, 7)), np.full((2, 7), np.nan)])
  table = ScoreTable(["perfect", "noise", "none"], ["x", "y"], "abcdefg", scores, truth)
  drawn = bootstrap_means(
    table, datasets="random", samples=200, rng=np.random.default_rng(1)
  )
  assert drawn.shape == (3, 200)
  np.testing.assert_allclose(drawn[0], 1)
  assert np.isnan(drawn[2]).all()
  whole = bootstrap_intervals(
    table,
    datasets="random",
    baseline="noise",
    samples=200,
    rng=np.random.default_rng(1),
  )
  np.testing.assert_array_equal(percentile_intervals(drawn), whole.intervals)
  np.testing.assert_array_equal(
    percentile_intervals(drawn - drawn[1]), whole.difference_intervals
  )
