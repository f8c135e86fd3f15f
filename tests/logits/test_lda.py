"""LDA against scikit-learn, and at its edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from lead_jax.logits._lda import lda_decision

solve = jax.jit(lda_decision, static_argnames=("num_classes", "shrinkage"))


def blobs(n, d, k, seed=0, scale=1.0):
  rng = np.random.default_rng(seed)
  labels = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
  means = rng.standard_normal((k, d))
  mixing = rng.standard_normal((d, d)) / np.sqrt(d)
  features = 3 + means[labels] + rng.standard_normal((n, d)) @ mixing
  return scale * features, labels


@pytest.mark.parametrize(("n", "d"), [(200, 12), (40, 64)])
@pytest.mark.parametrize("shrinkage", [0.3, 1.0])
def test_posteriors_are_scikit_learns(x64, n, d, shrinkage):
  x, y = blobs(n, d, 5)
  model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, y)
  expected = model.predict_log_proba(x)
  dtype = np.float64 if x64 else np.float32
  got = solve(x.astype(dtype), y, num_classes=5, shrinkage=shrinkage)
  assert got.dtype == dtype
  np.testing.assert_allclose(
    jax.nn.log_softmax(got, axis=1), expected, atol=1e-9 if x64 else 2e-3, rtol=1e-4
  )


def test_default_shrinkage_is_that_intensity(x64):
  x, y = blobs(150, 20, 4)
  within = x - np.stack([x[y == c].mean(0) for c in range(4)])[y]
  intensity = float(ledoit_wolf_shrinkage(within, assume_centered=True))
  dtype = np.float64 if x64 else np.float32
  np.testing.assert_allclose(
    solve(x.astype(dtype), y, num_classes=4),
    solve(x.astype(dtype), y, num_classes=4, shrinkage=intensity),
    rtol=1e-8 if x64 else 1e-3,
    atol=1e-8 if x64 else 1e-3,
  )


def test_scale_and_shift_change_nothing(x64):
  x, y = blobs(100, 8, 3)
  dtype = np.float64 if x64 else np.float32
  first = solve(x.astype(dtype), y, num_classes=3)
  second = solve((1000 * x + 50).astype(dtype), y, num_classes=3)
  np.testing.assert_allclose(second, first, atol=1e-9 if x64 else 1e-3)


def test_where_the_origin_lies_does_not_count(x64):
  x, y = blobs(100, 8, 3)
  x = np.round(x * 64) / 64  # exact in float32, far away too
  far = x + np.array([65536, -65536, 0, 16384, 0, 0, 32768, 0])
  dtype = np.float64 if x64 else np.float32
  # Up to what is common to all classes.
  apart = lambda decision: decision - decision.mean(axis=1, keepdims=True)
  first = apart(solve(x.astype(dtype), y, num_classes=3))
  second = apart(solve(far.astype(dtype), y, num_classes=3))
  # Observed in float32: 5e-5 of 39.
  np.testing.assert_allclose(second, first, atol=1e-8 if x64 else 1e-4)


def test_empty_class_is_impossible_and_the_rest_unmoved(x64):
  x, y = blobs(100, 8, 3)
  y = np.where(y == 2, 3, y)
  got = np.asarray(solve(x.astype(np.float32), y, num_classes=4))
  three = np.asarray(solve(x.astype(np.float32), np.where(y == 3, 2, y), num_classes=3))
  assert np.all(got[:, 2] == -np.inf)
  np.testing.assert_allclose(got[:, [0, 1, 3]], three, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(30, 5), (6, 20)])
def test_degenerate_features_stay_finite(shape):
  n, d = shape
  y = np.arange(n) % 3
  for x in (np.ones((n, d)), np.eye(3, d)[y], np.zeros((n, d))):
    assert np.all(np.isfinite(solve(jnp.asarray(x, jnp.float32), y, num_classes=3)))


def test_no_shrinkage_is_estimated_of_two_values_beside_a_constant(x64):
  """The covariance of every sample is that of all: S is singular without a ridge."""
  y = np.arange(40) % 2
  column = 3 * y + np.tile([1, 1, -1, -1], 10)
  x = np.stack([column, np.full(40, 5)], axis=1).astype(float if x64 else np.float32)
  got = np.asarray(solve(x, y, num_classes=2))
  expected = 3 * column - 4.5  # of N(0, 1) and N(3, 1)
  np.testing.assert_allclose(got[:, 1] - got[:, 0], expected, rtol=1e-4)


@pytest.mark.parametrize("bad", [0.0, -1.0, 1.5, float("nan"), "oas"])
def test_refuses_a_wrong_shrinkage(bad):
  with pytest.raises(ValueError, match="shrinkage"):
    lda_decision(jnp.ones((4, 2)), jnp.zeros(4, int), num_classes=2, shrinkage=bad)


def test_refuses_one_class():
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    lda_decision(jnp.ones((4, 2)), jnp.zeros(4, int), num_classes=1)
