"""Bootstrap intervals: coverage in simulations, pairing, missing scores."""

import numpy as np
import pytest

from lead_jax.evaluation._many_rankings import many_weighted_kendall
from lead_jax.evaluation._resampling import bootstrap_intervals
from lead_jax.evaluation._score_table import ScoreTable, measure_table

NAN = float("nan")
MODELS = 18
# Correlation of normal scores and accuracies: Kendall's tau is 2 / pi arcsin of it.
GOOD, POOR = np.sin(np.pi / 2 * np.array([0.5, 0.2]))


def _mixed(rng, datasets, share):
  """[D, M] normal, with a part common to all data sets: good models are good models."""
  common = rng.normal(size=MODELS)
  own = rng.normal(size=(datasets, MODELS))
  return np.sqrt(share) * common + np.sqrt(1 - share) * own


def _simulated(rng, correlations, share):
  """Two metrics whose mistakes are alike, on models that all data sets share."""
  datasets = len(correlations)
  truth = _mixed(rng, datasets, share)
  error = _mixed(rng, datasets, share)
  other = 0.6 * error + 0.8 * _mixed(rng, datasets, share)
  good = correlations[:, None]
  poor = good - (GOOD - POOR)
  scores = np.stack(
    [
      good * truth + np.sqrt(1 - good**2) * error,
      poor * truth + np.sqrt(1 - poor**2) * other,
    ]
  )
  names = [f"data{d}" for d in range(datasets)], [f"model{m}" for m in range(MODELS)]
  return ScoreTable(["good", "poor"], *names, scores, truth)


def _expected(correlation, rng, samples=40_000):
  """The truth: the mean weighted tau of new samples of so many models."""
  truth, error = rng.normal(size=(2, samples, MODELS))
  scores = correlation * truth + np.sqrt(1 - correlation**2) * error
  return np.mean(
    [
      many_weighted_kendall(s, g, np.ones(MODELS, int)).mean()
      for s, g in zip(np.split(scores, 20), np.split(truth, 20), strict=True)
    ]
  )


def _coverage(simulations, datasets, share, **options):
  rng = np.random.default_rng(0)
  good, poor = _expected(GOOD, rng), _expected(POOR, rng)
  hits = np.zeros(3)
  for _ in range(simulations):
    table = _simulated(rng, np.full(datasets, GOOD), share)
    found = bootstrap_intervals(table, baseline="poor", samples=500, rng=rng, **options)
    for i, (low, high), value in (
      (0, found.intervals[0], good),
      (1, found.intervals[1], poor),
      (2, found.difference_intervals[0], good - poor),
    ):
      hits[i] += low <= value <= high
  return hits / simulations


def test_coverage_on_one_data_set():
  """95 % +- 2: 18 models, true Kendall taus .5 and .2, 1,000 simulations."""
  covered = _coverage(1000, datasets=1, share=0.0)
  assert (abs(covered - 0.95) <= 0.02).all(), covered


def test_coverage_over_data_sets_that_share_their_models():
  """95 % +- 2: three data sets, where good models and mistakes are alike (.7)."""
  covered = _coverage(1000, datasets=3, share=0.7)
  assert (abs(covered - 0.95) <= 0.02).all(), covered


def test_shared_models_must_not_be_drawn_anew():
  """Ten data sets are then taken for ten independent experiments."""
  covered = _coverage(100, datasets=10, share=0.7, models="nested")
  assert (covered < 0.9).all(), covered


def test_other_data_sets_as_well():
  """Data sets of different difficulty: `random` covers their expectation, `fixed` less."""
  rng = np.random.default_rng(1)
  grid = np.linspace(-0.5, 2.5, 31)
  values = [_expected(np.tanh(z), rng, 2000) for z in grid]
  spread = lambda size: np.arctanh(GOOD) + 0.5 * rng.normal(size=size)
  expected = np.interp(spread(20_000), grid, values).mean()
  hits = {"fixed": 0, "random": 0}
  for _ in range(200):
    table = _simulated(rng, np.tanh(np.clip(spread(3), -0.5, 2.5)), 0.7)
    for datasets in hits:
      found = bootstrap_intervals(table, datasets=datasets, samples=300, rng=rng)
      low, high = found.intervals[0]
      hits[datasets] += low <= expected <= high
  assert hits["random"] >= 0.94 * 200
  assert hits["fixed"] < 0.92 * 200


def _table(scores, truth):
  scores = np.asarray(scores, float)
  names = [
    [f"{w}{i}" for i in range(n)] for w, n in zip("rdm", scores.shape, strict=True)
  ]
  return ScoreTable(*names, scores, truth)


def test_perfect_reversed_and_one_of_each():
  truth = np.tile(np.arange(12.0), (2, 1))
  both = np.stack([truth[0], -truth[0]])
  table = _table([truth, -truth, both], truth)
  rng = np.random.default_rng(0)
  found = bootstrap_intervals(table, baseline="r1", rng=rng)
  np.testing.assert_allclose(found.intervals, [[1, 1], [-1, -1], [0, 0]], atol=1e-12)
  np.testing.assert_allclose(found.differences, [2, 0, 1], atol=1e-12)
  np.testing.assert_allclose(
    found.difference_intervals, [[2, 2], [0, 0], [1, 1]], atol=1e-12
  )
  assert (found.undefined == 0).all()
  found = bootstrap_intervals(table, datasets="random", rng=rng)
  np.testing.assert_allclose(found.intervals, [[1, 1], [-1, -1], [-1, 1]], atol=1e-12)
  assert np.isnan(found.differences).all()
  assert np.isnan(found.difference_intervals).all()


def test_differences_are_paired():
  """Two metrics that are almost one differ by less than either is uncertain."""
  rng = np.random.default_rng(1)
  truth = rng.normal(size=(1, 18))
  one = truth + rng.normal(size=(1, 18))
  other = one.copy()
  # Two neighbours changed places.
  low = np.argsort(one[0])[:2]
  other[0, low] = other[0, low[::-1]]
  found = bootstrap_intervals(_table([one, other], truth), baseline="r0", rng=rng)
  assert 0 < np.ptp(found.difference_intervals[1]) < 0.2 * np.ptp(found.intervals[1])
  np.testing.assert_array_equal(found.difference_intervals[0], [0, 0])


def test_resamples_without_a_ranking_are_counted():
  found = bootstrap_intervals(
    _table([[[1, 2]]], [[1, 2]]), samples=4000, rng=np.random.default_rng(2)
  )
  # Half of them hold one model twice.
  assert found.undefined[0] == pytest.approx(0.5, abs=0.03)
  np.testing.assert_array_equal(found.intervals[0], [1, 1])


@pytest.mark.parametrize("models", ["shared", "nested"])
@pytest.mark.parametrize("datasets", ["fixed", "random"])
def test_missing_scores_models_and_data_sets(models, datasets):
  rng = np.random.default_rng(3)
  truth = rng.uniform(50, 90, (3, 9))
  truth[0, :3] = truth[1, 5:] = NAN
  good = truth + rng.normal(size=truth.shape)
  lacking, tied = good.copy(), np.ones_like(good)
  lacking[2, :2] = NAN
  table = _table([good, lacking, tied, np.full_like(good, NAN)], truth)
  found = bootstrap_intervals(
    table, baseline="r0", models=models, datasets=datasets, rng=rng
  )
  np.testing.assert_allclose(found.means, measure_table(table).means)
  low, high = found.intervals.T
  assert (low[:2] < found.means[:2]).all()
  assert (found.means[:2] <= high[:2]).all()
  assert np.isnan(found.intervals[2:]).all()
  assert np.isnan(found.difference_intervals[2:]).all()
  assert (found.undefined[2:] == 1).all()
  assert (found.undefined[:2] < 0.1).all()
  empty = _table(np.ones((1, 2, 3)), np.array([[NAN] * 3, [1.0, 2.0, 3.0]]))
  found = bootstrap_intervals(empty, models=models, datasets=datasets, rng=rng)
  assert np.isnan(found.intervals).all()


def test_the_seed_decides():
  rng = np.random.default_rng(4)
  table = _table(rng.normal(size=(2, 2, 12)), rng.normal(size=(2, 12)))
  one, two, other = (
    bootstrap_intervals(table, samples=100, rng=np.random.default_rng(seed)).intervals
    for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(one, two)
  assert (one != other).any()


def test_a_lower_level_is_narrower():
  rng = np.random.default_rng(5)
  table = _table(rng.normal(size=(1, 1, 12)), rng.normal(size=(1, 12)))
  wide, narrow = (
    bootstrap_intervals(table, level=level, rng=np.random.default_rng(0)).intervals[0]
    for level in (0.95, 0.5)
  )
  assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"models": "some"}, "models must be 'shared' or 'nested', got 'some'"),
    ({"datasets": "some"}, "datasets must be 'fixed' or 'random', got 'some'"),
    ({"level": 1.0}, r"level must be in \(0, 1\), got 1.0"),
    ({"samples": 0}, "samples must be at least 1, got 0"),
    ({"baseline": "none"}, "baseline 'none' is no method of the table"),
    ({"measure": "none"}, "measure must be one of"),
  ],
)
def test_refused(options, message):
  table = _table([[[1, 2]]], [[1, 2]])
  with pytest.raises(ValueError, match=message):
    bootstrap_intervals(table, rng=np.random.default_rng(0), **options)
