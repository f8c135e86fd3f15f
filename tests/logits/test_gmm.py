"""One Gaussian a class, against scipy and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from lead_jax.logits._gmm import gmm_decision

solve = jax.jit(
  gmm_decision, static_argnames=("num_classes", "shrinkage", "batch_size")
)


def blobs(n, d, k, seed=0):
  rng = np.random.default_rng(seed)
  labels = np.concatenate([np.arange(k), np.arange(k), rng.integers(0, k, n - 2 * k)])
  mixing = rng.standard_normal((k, d, d)) / np.sqrt(d)
  noise = np.einsum("nd,nde->ne", rng.standard_normal((n, d)), mixing[labels])
  return 5 + rng.standard_normal((k, d))[labels] + noise, labels


def reference(x, y, k, shrinkage):
  columns = []
  for c in range(k):
    own = x[y == c]
    s = np.cov(own.T, bias=True)
    d = x.shape[1]
    s = (1 - shrinkage) * s + shrinkage * np.trace(s) / d * np.eye(d)
    density = multivariate_normal(own.mean(0), s).logpdf(x)
    columns.append(np.log(len(own) / len(x)) + density)
  return np.stack(columns, axis=1)


@pytest.mark.parametrize(("n", "d"), [(200, 6), (30, 24)])
@pytest.mark.parametrize("shrinkage", [0.1, 0.5])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_log_densities_are_scipys(x64, n, d, shrinkage, batch_size):
  x, y = blobs(n, d, 3)
  dtype = np.float64 if x64 else np.float32
  got = solve(
    x.astype(dtype), y, num_classes=3, shrinkage=shrinkage, batch_size=batch_size
  )
  assert got.dtype == dtype
  tolerance = 1e-9 if x64 else 1e-4
  np.testing.assert_allclose(
    got, reference(x, y, 3, shrinkage), rtol=tolerance, atol=tolerance
  )


def test_little_shrinkage_is_scikit_learns_single_component():
  x, y = blobs(300, 4, 3)
  with jax.enable_x64(True):
    got = np.asarray(solve(x, y, num_classes=3, shrinkage=1e-9))
  for c in range(3):
    mixture = GaussianMixture(1, reg_covar=0).fit(x[y == c])
    expected = mixture.score_samples(x) + np.log(np.mean(y == c))
    np.testing.assert_allclose(got[:, c], expected, rtol=1e-6)


def test_scale_shifts_all_log_densities_alike(x64):
  x, y = blobs(100, 5, 3)
  dtype = np.float64 if x64 else np.float32
  first = solve(x.astype(dtype), y, num_classes=3)
  second = solve((1000 * x).astype(dtype), y, num_classes=3)
  np.testing.assert_allclose(
    second, first - 5 * np.log(1000.0), atol=1e-8 if x64 else 1e-2
  )


def test_shrinkage_is_a_tenth_by_default(x64):
  x, y = blobs(60, 5, 3)
  got = gmm_decision(x.astype(np.float64 if x64 else np.float32), y, num_classes=3)
  np.testing.assert_allclose(got, reference(x, y, 3, 0.1), rtol=1e-4, atol=1e-4)


def test_where_the_origin_lies_does_not_count(x64):
  x, y = blobs(100, 5, 3)
  x = np.round(x * 64) / 64  # exact in float32, far away too
  far = x + np.array([65536, -65536, 0, 16384, 0])
  dtype = np.float64 if x64 else np.float32
  first = solve(x.astype(dtype), y, num_classes=3)
  second = solve(far.astype(dtype), y, num_classes=3)
  # Observed in float32: 1.5e-4.
  np.testing.assert_allclose(second, first, atol=1e-8 if x64 else 5e-4)


def test_a_class_without_spread_has_the_pooled_variance(x64):
  x, y = blobs(60, 5, 3)
  x = x.astype(np.float64 if x64 else np.float32) / 8
  y[np.flatnonzero(y == 2)[1:]] = 0
  means = np.stack([x[y == c].mean(0) for c in range(3)])
  pooled = np.mean((x - means[y]) ** 2)
  density = multivariate_normal(means[2], 0.1 * pooled * np.eye(5)).logpdf(x)
  got = np.asarray(solve(x, y, num_classes=3))[:, 2]
  np.testing.assert_allclose(got, density + np.log(1 / 60), rtol=1e-4)
  # Where no class has spread, the variance is one.
  got = solve(np.ones_like(x), np.arange(60) % 2, num_classes=2)
  density = multivariate_normal(np.ones(5), 0.1 * np.eye(5)).logpdf(np.ones(5))
  np.testing.assert_allclose(got, density + np.log(0.5), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e3, 1e-3])
def test_rounding_is_no_spread_and_little_spread_is(scale):
  x, y = blobs(60, 5, 3)
  twins = np.flatnonzero(y == 2)
  assert len(twins) > 3
  with jax.enable_x64(True):
    # Copies whose mean is not quite them: it lies above that of the others.
    x[twins] = 7.1
    means = np.stack([x[y == c].mean(0) for c in range(3)])
    pooled = np.mean((x - means[y]) ** 2)
    got = np.asarray(solve(scale * x, y, num_classes=3))[:, 2]
    log_n = multivariate_normal(means[2], 0.1 * pooled * np.eye(5)).logpdf(x)
    expected = log_n + np.log(len(twins) / 60) - 5 * np.log(scale)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    x[twins] += 1e-9 * np.random.default_rng(1).standard_normal((len(twins), 5))
    got = np.asarray(solve(scale * x, y, num_classes=3))[twins, 2]
    own = (x[twins] - x[twins].mean(0)) * 1e9
    expected = reference(own, np.zeros(len(own)), 1, 0.1)[:, 0]
    expected += np.log(len(twins) / 60) - 5 * np.log(scale * 1e-9)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_densities_keep_the_type_of_features(x64):
  x, y = blobs(60, 5, 3)
  assert solve(x.astype(np.float32), y, num_classes=3).dtype == np.float32


def test_empty_class_is_impossible():
  x, y = blobs(60, 5, 3)
  got = np.asarray(solve(x.astype(np.float32), y * 2, num_classes=5))
  assert np.all(got[:, [1, 3]] == -np.inf)
  assert np.all(np.isfinite(got[:, [0, 2, 4]]))


def test_single_sample_and_constant_features_stay_finite():
  x, y = blobs(60, 5, 3)
  y[np.flatnonzero(y == 2)[1:]] = 0
  assert np.all(np.isfinite(solve(x.astype(np.float32), y, num_classes=3)))
  assert np.all(np.isfinite(solve(np.ones((60, 5), np.float32), y, num_classes=3)))


@pytest.mark.parametrize(
  ("name", "value"),
  [("num_classes", 1), ("shrinkage", 0.0), ("shrinkage", 1.5), ("batch_size", 0)],
)
def test_refuses_wrong_arguments(name, value):
  options = {"num_classes": 2, name: value}
  with pytest.raises(ValueError, match=f"{name} must be"):
    gmm_decision(jnp.ones((4, 2)), jnp.zeros(4, int), **options)
