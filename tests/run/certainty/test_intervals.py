"""Intervals of ranks: right where the answer is known."""

import numpy as np
import pytest
from scipy import stats

from lead_jax.run.certainty._halves import Halves
from lead_jax.run.certainty._intervals import certainty_of


def certain(scores, draws, **options):
  return certainty_of("knn", scores, draws, parts(**options))


def parts(scale=1.0):
  """Ten images of as many as make deviations count so much."""
  count = round(10 / scale**2) + 10
  return Halves(np.array([10]), 0, np.zeros(count, int))


def normal_draws(std, count, correlation=0.0, number=400):
  """Draws of `count` models with exactly this covariance."""
  rng = np.random.default_rng(0)
  raw = rng.normal(size=(number, count))
  raw -= raw.mean(axis=0)
  white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T)).T)
  covariance = std**2 * ((1 - correlation) * np.eye(count) + correlation)
  return white @ np.linalg.cholesky(covariance).T


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_two_models_as_the_normal_distribution_has_it(correlation):
  draws = normal_draws(1.0, 2, correlation)
  found = certain({"a": 1.0, "b": 0.0}, {"a": draws[:, 0], "b": draws[:, 1]})
  wins = stats.norm.cdf(1.0 / np.sqrt(2 * (1 - correlation)))
  assert found.of("a").p_best == pytest.approx(wins, abs=0.02)
  assert found.of("b").p_best == pytest.approx(1 - wins, abs=0.02)
  assert found.of("a").score_low == pytest.approx(1 - 1.96, abs=0.08)
  assert found.of("a").score_high == pytest.approx(1 + 1.96, abs=0.08)
  # .7 or 2.2 standard deviations of the difference; 1.96 tells two models apart.
  assert len(found.groups) == (1 if correlation == 0 else 2)


def test_what_all_models_share_does_not_blur_their_order():
  common = np.random.default_rng(0).normal(size=50)
  scores = {"a": 0.03, "b": 0.02, "c": 0.01}
  own = normal_draws(0.001, 3, number=50)
  draws = {m: common + own[:, i] for i, m in enumerate(scores)}
  found = certain(scores, draws)
  assert [row.model for row in found.models] == ["a", "b", "c"]
  assert [(row.rank_low, row.rank_high) for row in found.models] == [
    (1, 1),
    (2, 2),
    (3, 3),
  ]
  assert found.groups == [["a"], ["b"], ["c"]]
  assert found.of("a").score_high - found.of("a").score_low > 2


def test_the_bias_of_fewer_images_drops_out():
  draws = normal_draws(0.5, 2)
  scores = {"a": 1.0, "b": 0.0}
  plain = certain(scores, {"a": draws[:, 0], "b": draws[:, 1]})
  biased = certain(scores, {"a": draws[:, 0] - 7, "b": draws[:, 1] - 3})
  assert plain.of("a").p_best == pytest.approx(biased.of("a").p_best, abs=1e-12)


def test_the_scale_shrinks_the_noise():
  draws = normal_draws(1.0, 2)
  named = {"a": draws[:, 0], "b": draws[:, 1]}
  wide = certain({"a": 1.0, "b": 0.0}, named).of("a")
  narrow = certain({"a": 1.0, "b": 0.0}, named, scale=0.5).of("a")
  assert narrow.score_high - 1 == pytest.approx((wide.score_high - 1) / 2)


def test_equals_share_the_first_place():
  draws = normal_draws(1.0, 2)
  named = {"a": draws[:, 0], "b": draws[:, 0], "c": draws[:, 1]}
  found = certain({"a": 5.0, "b": 5.0, "c": -5.0}, named)
  assert found.of("a").p_best == found.of("b").p_best == pytest.approx(0.5, abs=0.01)
  assert found.groups == [["a", "b"], ["c"]]
  assert sum(row.p_best for row in found.models) == pytest.approx(1)


@pytest.mark.parametrize("number", [10, 50])
def test_equal_models_are_one_group_19_times_of_20(number):
  """Although the first is compared because it came out first, and draws are few."""
  models = [f"m{i:02}" for i in range(8)]
  split = 0
  for seed in range(60):
    rng = np.random.default_rng(seed)
    scores = dict(zip(models, rng.normal(size=8), strict=True))
    draws = dict(zip(models, rng.normal(size=(8, number)), strict=True))
    split += len(certain(scores, draws).groups) > 1
  # 3 are expected; 9 and more have a chance of .003 (binomial).
  assert split < 9


def test_a_model_without_draws_is_left_out_and_one_alone_is_refused():
  draws = normal_draws(1.0, 2)
  found = certain({"a": 1.0, "b": 0.0, "c": 9.0}, {"a": draws[:, 0], "b": draws[:, 1]})
  assert found.of("c") is None
  with pytest.raises(ValueError, match="two models"):
    certain({"a": 1.0}, {"a": draws[:, 0]})
