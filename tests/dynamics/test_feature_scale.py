"""Scaling and centring of features against float64, and at the ends of the range."""

import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.dynamics._feature_scale import centre_features, scale_features


def some(n=6, d=4, seed=0):
  return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e30])
def test_scales_are_root_mean_squares(factor):
  x = some() * np.float32(factor)
  wide = x.astype(np.float64)
  whole = wide / np.sqrt(np.mean(wide**2))
  by_row = wide / np.sqrt(np.mean(wide**2, axis=1, keepdims=True))
  np.testing.assert_array_equal(scale_features(jnp.asarray(x)), x)
  np.testing.assert_allclose(
    scale_features(jnp.asarray(x), "rms"), whole, rtol=1e-6, atol=1e-40
  )
  found = scale_features(jnp.asarray(x), "sample")
  np.testing.assert_allclose(found, by_row, rtol=1e-6)


@pytest.mark.parametrize("feature_scale", ["rms", "sample"])
def test_zeros_stay_zeros(feature_scale):
  np.testing.assert_array_equal(scale_features(jnp.zeros((3, 2)), feature_scale), 0)


@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e37])
def test_centring_is_that_of_float64(factor):
  x = (some() + np.float32(3)) * np.float32(factor)
  wide = x.astype(np.float64)
  expected = wide - wide.mean(axis=0)
  found = np.asarray(centre_features(jnp.asarray(x)), np.float64)
  np.testing.assert_allclose(found / factor, expected / factor, atol=2e-6)


def test_centring_of_entries_far_apart_does_not_overflow():
  """The largest entry is what squares and sums are bounded by, whatever its sign."""
  x = np.array([[-3e37, 0.0], [-2e37, 1e-3], [-1e37, 2e-3]], np.float32)
  found = np.asarray(centre_features(jnp.asarray(x)))
  np.testing.assert_allclose(found[:, 0], [-1e37, 0, 1e37], rtol=1e-5, atol=1e31)


def test_centring_far_from_the_origin_keeps_the_digits_of_the_differences():
  n = 1000
  x = (some(n) + 1e5 * np.array([1, -2, 3, 0.3])).astype(np.float32)
  wide = x.astype(np.float64)
  found = np.asarray(centre_features(jnp.asarray(x)))
  np.testing.assert_allclose(found, wide - wide.mean(axis=0), atol=1e-5)


def test_rows_at_the_mean_are_zero_and_no_others():
  """Four times the last digit, of the usual size, is the bound: 4.77e-7 of it."""
  one = np.ones((1, 2))
  for size, at_mean in ((1e-8, True), (4.4e-7, True), (5.2e-7, False), (3e-6, False)):
    x = np.concatenate([1e3 * one, -1e3 * one, [[0, 0]]])
    usual = np.sqrt(np.mean(np.sum(x**2, axis=1)))
    x[2, 0] = 1.5 * size * usual  # and the mean follows by a third of it
    found = np.asarray(centre_features(jnp.asarray(x, jnp.float32)))
    assert np.all(found[2] == 0) == at_mean, size
    assert np.all(found[:2] != 0)
  np.testing.assert_array_equal(centre_features(jnp.full((3, 2), 7.3)), 0)
  np.testing.assert_array_equal(centre_features(jnp.zeros((3, 2))), 0)


def test_sizes_of_rows_and_entries_may_be_far_apart():
  """Squares of one over another, or of all over the largest, leave float32."""
  x = np.array([[1e-25, 3e-25], [1.0, 2.0], [2e25, 1e25]], np.float32)
  expected = np.sqrt([[0.2, 1.8], [0.4, 1.6], [1.6, 0.4]])
  np.testing.assert_allclose(
    scale_features(jnp.asarray(x), "sample"), expected, rtol=1e-6
  )
  whole = x / np.sqrt(np.mean(np.square(x.astype(np.float64))))
  np.testing.assert_allclose(
    scale_features(jnp.asarray(x), "rms"), whole, rtol=1e-6, atol=1e-40
  )
