"""Permutation p-values, Holm's correction and the spread of chance."""

import itertools

import numpy as np
import pytest
from scipy import stats

from lead_jax.evaluation._rank_measures import kendall, weighted_kendall
from lead_jax.evaluation._score_table import ScoreTable
from lead_jax.evaluation._significance import (
  holm,
  null_means,
  permutation_test,
)

NAN = float("nan")


def _names(scores):
  return [
    [f"{what}{i}" for i in range(n)]
    for what, n in zip("rdm", scores.shape, strict=True)
  ]


def _table(scores, truth):
  return ScoreTable(*_names(scores), scores, truth)


def _correlated(rng, models=10, datasets=3, share=0.8):
  """Good everywhere: models' values on [D] data sets with a common part."""
  common = rng.normal(size=models)
  own = rng.normal(size=(datasets, models))
  return np.sqrt(share) * common + np.sqrt(1 - share) * own


def test_all_orders_by_hand():
  rng = np.random.default_rng(0)
  scores, truth = rng.normal(size=(1, 2, 5)), rng.normal(size=(2, 5))
  found = permutation_test(_table(scores, truth), rng=rng)
  assert found.exact
  assert found.permutations == 120
  values = np.array(
    [
      [weighted_kendall(scores[0, d, list(p)], truth[d]) for d in range(2)]
      for p in itertools.permutations(range(5))
    ]
  )
  own = values[0]
  for d in range(2):
    share = np.mean(values[:, d] >= own[d] - 1e-9)
    assert found.p_values[0, d] == pytest.approx(share)
  share = np.mean(values.mean(1) >= own.mean() - 1e-9)
  assert found.p_means[0] == pytest.approx(share)


def test_a_perfect_ranking():
  truth = np.arange(7.0)
  scores = np.stack([truth, -truth])[:, None]
  found = permutation_test(_table(scores, truth[None]), rng=np.random.default_rng(0))
  np.testing.assert_allclose(found.p_means, [1 / 5040, 1])
  # By chance: one order more than those drawn, never 0.
  truth = np.arange(20.0)
  found = permutation_test(
    _table(truth[None, None], truth[None]), samples=99, rng=np.random.default_rng(0)
  )
  assert not found.exact
  assert found.p_means[0] == pytest.approx(1 / 100)


def test_a_loss_is_small_where_it_is_good():
  truth = np.array([[90.0, 50.0, 50.0, 50.0]])
  scores = np.array([[[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]]])
  found = permutation_test(
    _table(scores, truth), measure="regret_at_1", rng=np.random.default_rng(0)
  )
  np.testing.assert_allclose(found.p_means, [1 / 4, 1])


def test_kendall_agrees_with_scipy():
  rng = np.random.default_rng(1)
  scores, truth = rng.normal(size=(4, 1, 8)), rng.normal(size=(1, 8))
  found = permutation_test(_table(scores, truth), measure="kendall", rng=rng)
  assert found.exact
  for r in range(4):
    expected = stats.kendalltau(
      scores[r, 0], truth[0], alternative="greater", method="exact"
    ).pvalue
    assert found.p_values[r, 0] == pytest.approx(expected, abs=1e-12)


def _null_p_means(rng, simulations, **changes):
  p_values = []
  for _ in range(simulations):
    table = _table(_correlated(rng)[None], _correlated(rng))
    found = permutation_test(table, samples=199, rng=rng, **changes)
    p_values.append([found.p_means[0], found.p_values[0, 0]])
  return np.array(p_values).T


def test_uniform_under_the_null():
  """Models good everywhere, a metric that likes the same everywhere, no relation."""
  for p_values in _null_p_means(np.random.default_rng(2), 600):
    # Multiples of 1 / 200: spread over their cells, they are continuous.
    spread = p_values - np.random.default_rng(3).uniform(0, 1 / 200, len(p_values))
    assert stats.kstest(spread, "uniform").pvalue > 0.01
    assert 0.03 < np.mean(p_values <= 0.05) < 0.07


def test_data_sets_are_no_independent_experiments():
  """Were each permuted on its own, far more than 5 % would look significant."""
  rng = np.random.default_rng(4)
  rejected = 0
  for _ in range(200):
    scores, truth = _correlated(rng), _correlated(rng)
    own = np.mean([kendall(s, g) for s, g in zip(scores, truth, strict=True)])
    null = null_means(
      truth,
      measure="kendall",
      same_everywhere=False,
      samples=200,
      rng=rng,
    )
    rejected += own > np.quantile(null, 0.95)
  assert rejected / 200 > 0.1


def test_models_are_exchanged_within_their_data_sets():
  """Six models stand in both data sets, one and one in a single one."""
  rng = np.random.default_rng(5)
  truth = rng.normal(size=(2, 8))
  truth[0, 7] = truth[1, 6] = NAN
  scores = rng.normal(size=(1, 2, 8))
  found = permutation_test(_table(scores, truth), rng=rng)
  assert found.exact
  assert found.permutations == 720
  alone = _table(scores[:, :1, :7], truth[:1, :7])
  expected = permutation_test(alone, rng=rng)
  assert expected.permutations == 5040
  assert found.p_values[0, 0] == pytest.approx(expected.p_values[0, 0])


def test_strata_of_several_models():
  truth = np.array([[4.0, 3.0, 2.0, 1.0, NAN], [NAN, NAN, 2.0, 1.0, 3.0]])
  scores = np.nan_to_num(truth)[None]
  found = permutation_test(_table(scores, truth), rng=np.random.default_rng(0))
  # Two strata of two models: the true order is one of four.
  assert found.permutations == 4
  assert found.p_means[0] == pytest.approx(1 / 4)


def test_failures_and_ties_are_no_exception():
  rng = np.random.default_rng(6)
  truth = np.arange(9.0)[None]
  scores = np.stack([truth, np.ones((1, 9)), np.full((1, 9), NAN), truth])
  scores[3, 0, 0] = NAN
  found = permutation_test(_table(scores, truth), samples=99, rng=rng)
  np.testing.assert_allclose(found.p_means, [0.01, NAN, NAN, 0.01])
  np.testing.assert_allclose(found.p_values[:, 0], found.p_means)
  with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
    permutation_test(_table(scores, truth), samples=0, rng=rng)


def test_the_seed_decides():
  rng = np.random.default_rng(7)
  table = _table(rng.normal(size=(2, 2, 12)), rng.normal(size=(2, 12)))
  one, two, other = (
    permutation_test(table, samples=200, rng=np.random.default_rng(seed)).p_values
    for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(one, two)
  assert (one != other).any()


def test_holm():
  p = np.array([0.01, NAN, 0.04, 0.03, 0.005])
  np.testing.assert_allclose(holm(p), [0.03, NAN, 0.06, 0.06, 0.02])
  np.testing.assert_array_equal(holm(np.array([0.9, 0.8])), [1, 1])
  np.testing.assert_array_equal(holm(np.array([NAN])), [NAN])
  with pytest.raises(ValueError, match="one axis"):
    holm(np.ones((2, 2)))


def test_holm_keeps_the_familywise_error():
  rng = np.random.default_rng(8)
  wrong = np.mean([holm(rng.uniform(size=20)).min() <= 0.05 for _ in range(2000)])
  assert 0.035 < wrong < 0.065


def test_spread_of_chance():
  rng = np.random.default_rng(9)
  found = null_means(np.arange(10.0), measure="kendall", samples=20_000, rng=rng)
  # Kendall's exact null: standard deviation sqrt(2 (2 M + 5) / (9 M (M - 1))).
  sd = np.sqrt(2 * 25 / (9 * 10 * 9))
  at = [0.025, 0.5, 0.95, 0.975]
  np.testing.assert_allclose(np.quantile(found, at), sd * stats.norm.ppf(at), atol=0.03)
  wide, narrow = (
    np.std(null_means(np.tile(np.arange(10.0), (4, 1)), same_everywhere=same, rng=rng))
    for same in (True, False)
  )
  # Four rankings in place of one: half as wide.
  assert narrow / wide == pytest.approx(0.5, abs=0.05)
  few, many = (np.std(null_means(np.arange(m), rng=rng)) for m in (6.0, 40.0))
  assert few > 1.5 * many
  assert not len(null_means(np.ones(4), samples=10, rng=rng))
  lacking = null_means(np.array([[1, 2, 3, NAN], [1, 2, 3, 4]]), rng=rng)
  assert np.isfinite(lacking).all()
  with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
    null_means(np.arange(4.0), samples=0, rng=rng)


def test_null_means_are_those_of_all_rankings():
  """The expected regret at 1 is the best accuracy minus the mean one; that of tau is 0."""
  truth = np.array([[50.0, 60, 70, 80], [10, 20, 90, np.nan]])
  rng = np.random.default_rng(0)
  regret = null_means(truth, measure="regret_at_1", samples=20_000, rng=rng)
  assert regret.mean() == pytest.approx((15 + 50) / 2, abs=0.5)
  tau = null_means(truth, samples=20_000, rng=rng)
  assert tau.mean() == pytest.approx(0, abs=0.02)
