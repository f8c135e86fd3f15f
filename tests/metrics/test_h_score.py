"""H-scores against their definitions, and at their edges."""

import jax
import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from lead_jax import metrics
from lead_jax.metrics._h_score import h_score, h_score_regularized

plain = jax.jit(h_score, static_argnames=("num_classes",))
regularized = jax.jit(h_score_regularized, static_argnames=("num_classes",))


def between(x, y):
  means = np.stack([x[y == c].mean(axis=0) for c in range(y.max() + 1)])
  return np.cov(means[y].T)


def reference(x, y):
  return np.trace(np.linalg.pinv(np.cov(x.T)) @ between(x, y))


def reference_regularized(x, y):
  model = LedoitWolf().fit(x)
  inverse = np.linalg.inv(model.covariance_)
  return (1 - model.shrinkage_) * np.trace(inverse @ between(x, y))


def samples(n, d, k=4, seed=0):
  rng = np.random.default_rng(seed)
  y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
  spectrum = np.arange(1, d + 1) ** -0.5
  x = rng.standard_normal((k, d))[y] * spectrum + rng.standard_normal((n, d)) * spectrum
  return 3 + x, y


def both(x, y, k=4):
  return float(plain(x, y, num_classes=k).score), float(
    regularized(x, y, num_classes=k).score
  )


@pytest.mark.parametrize(("n", "d"), [(150, 12), (30, 50)])
def test_scores_are_by_definition(x64, n, d):
  x, y = samples(n, d)
  x = x.astype(np.float64 if x64 else np.float32)
  wide = x.astype(np.float64)
  expected = [reference(wide, y), reference_regularized(wide, y)]
  np.testing.assert_allclose(both(x, y), expected, rtol=1e-9 if x64 else 1e-5)
  intensity = regularized(x, y, num_classes=4).intensity
  np.testing.assert_allclose(
    intensity, LedoitWolf().fit(wide).shrinkage_, rtol=1e-9 if x64 else 1e-4
  )


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_float32_survives_large_means_and_uneven_scales(scale):
  x, y = samples(150, 12)
  x = (scale * (50 + x * np.logspace(-2, 2, 12))).astype(np.float32)
  wide = x.astype(np.float64)
  got = plain(x, y, num_classes=4)
  assert int(got.rank) == 12
  np.testing.assert_allclose(got.score, reference(wide, y), rtol=1e-4)
  np.testing.assert_allclose(
    regularized(x, y, num_classes=4).score, reference_regularized(wide, y), rtol=1e-4
  )


@pytest.mark.parametrize(("n", "d"), [(400, 20), (100, 150)])
@pytest.mark.parametrize("span", [3, 4])
def test_float32_keeps_directions_of_small_variance(n, d, span):
  """Rotated, so that no column shows that some directions vary 10^-span as far."""
  rng = np.random.default_rng(0)
  y = np.arange(n) % 5
  x = 0.7 * rng.standard_normal((5, d))[y] + rng.standard_normal((n, d))
  x = x * np.logspace(0, -span, d) @ np.linalg.qr(rng.standard_normal((d, d)))[0]
  x = (20 * x).astype(np.float32)
  value = metrics.evaluate_metric("h_score", metrics.Problem(x, y))
  assert value.details["rank"] == min(n - 1, d)
  expected = 4 if n < d else reference(x.astype(np.float64), y)
  np.testing.assert_allclose(value.score, expected, rtol=1e-3)


def test_too_little_variance_for_float32_is_said():
  rng = np.random.default_rng(0)
  y = np.arange(400) % 5
  x = 0.7 * rng.standard_normal((5, 20))[y] + rng.standard_normal((400, 20))
  x = x * np.logspace(0, -5.5, 20) @ np.linalg.qr(rng.standard_normal((20, 20)))[0]
  said = "too little for float32: compute in float64"
  value = metrics.evaluate_metric("h_score", metrics.Problem(x.astype(np.float32), y))
  assert said in value.status
  with jax.enable_x64(True):
    value = metrics.evaluate_metric("h_score", metrics.Problem(x, y))
  assert value.status == "ok"
  np.testing.assert_allclose(value.score, reference(x, y), rtol=1e-6)


def test_invariances(x64):
  x, y = samples(150, 12)
  rng = np.random.default_rng(1)
  before = both(x, y)
  tolerance = 1e-9 if x64 else 1e-5
  turn = np.linalg.qr(rng.standard_normal((12, 12)))[0]
  for moved in (x @ turn, 7 * x, x + 5):
    np.testing.assert_allclose(both(moved, y), before, rtol=tolerance)
  skewed = both(x * np.linspace(0.5, 3, 12), y)
  np.testing.assert_allclose(skewed[0], before[0], rtol=tolerance)
  assert abs(skewed[1] - before[1]) > 1e-3
  twice = both(np.concatenate([x, x]), np.concatenate([y, y]))
  np.testing.assert_allclose(twice[0], before[0], rtol=tolerance)


@pytest.mark.parametrize("d", [29, 30, 60])
def test_as_many_directions_as_samples_explain_everything(x64, d):
  x, y = samples(30, d)
  problem = metrics.Problem(x, y)
  value = metrics.evaluate_metric("h_score", problem)
  np.testing.assert_allclose(value.score, 3, rtol=1e-5)
  assert "the features span all N - 1 directions" in value.status
  assert metrics.evaluate_metric("h_score_regularized", problem).score < 2.9


def test_constant_and_repeated_features_add_nothing(x64):
  x, y = samples(150, 12)
  padded = np.concatenate([x, np.full((150, 1), 0.1), x[:, :1]], axis=1)
  got = plain(padded, y, num_classes=4)
  assert int(got.rank) == 12
  np.testing.assert_allclose(
    got.score, plain(x, y, num_classes=4).score, rtol=1e-9 if x64 else 1e-5
  )


def test_one_feature(x64):
  x, y = samples(150, 1)
  wide = x - x.mean()
  share = sum(wide[y == c].sum() ** 2 / np.sum(y == c) for c in range(4))
  share /= np.sum(wide**2)
  expected = [share, share * 150 / 149]  # there is nothing to shrink
  np.testing.assert_allclose(both(x, y), expected, rtol=1e-9 if x64 else 1e-5)


@pytest.mark.parametrize("shape", [(150, 12), (30, 50)])
def test_constant_features_score_zero_and_say_so(shape):
  _, y = samples(*shape)
  problem = metrics.Problem(np.full(shape, 0.1), y)
  for name in ("h_score", "h_score_regularized"):
    value = metrics.evaluate_metric(name, problem)
    assert value.score == 0
    assert value.status.startswith("the features are constant")


def test_points_in_perfect_classes_score_all_there_is(x64):
  y = np.arange(40) % 4
  x = np.eye(4)[y]
  np.testing.assert_allclose(plain(x, y, num_classes=4).score, 3, rtol=1e-5)
  # A thousand classes, of one sample each and of none.
  x, y = samples(1100, 12, k=900)
  got = plain(x, y, num_classes=1000).score
  np.testing.assert_allclose(got, reference(x, y), rtol=1e-9 if x64 else 1e-4)


@pytest.mark.parametrize("function", [h_score, h_score_regularized])
def test_refuses_one_class(function):
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    function(np.ones((4, 2)), np.zeros(4, int), num_classes=1)
