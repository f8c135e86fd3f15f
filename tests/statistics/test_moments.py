"""Moments of batches against those of all samples at once."""

import itertools

import jax
import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage

from lead_jax.statistics._moments import (
  add_batch,
  moments_classes,
  moments_intensity,
  moments_scatter,
  total_scatter,
  zero_moments,
)


def samples(n=500, d=6, k=3, shift=40.0, seed=0):
  rng = np.random.default_rng(seed)
  y = rng.integers(0, k, n)
  x = shift + rng.standard_normal((k, d))[y] + rng.standard_normal((n, d))
  return x, y


def streamed(x, y, k, cuts, shift=None):
  shift = x[:10].mean(axis=0, dtype=np.float64) if shift is None else shift
  moments = zero_moments(shift, num_classes=k)
  edges = [0, *cuts, len(x)]
  for i, j in itertools.pairwise(edges):
    moments = add_batch(moments, x[i:j], y[i:j])
  return moments


def test_scatter_is_numpys(x64):
  x, y = samples()
  got = jax.jit(total_scatter, static_argnames="num_classes")(
    x.astype(np.float64 if x64 else np.float32), y, num_classes=4
  )
  centred = x - x.mean(axis=0)
  tolerance = 1e-10 if x64 else 1e-4
  np.testing.assert_allclose(got.mean_d, x.mean(axis=0), rtol=tolerance)
  np.testing.assert_array_equal(got.count_k, np.bincount(y, minlength=4))
  np.testing.assert_allclose(
    got.gram_dd, centred.T @ centred, rtol=tolerance, atol=500 * tolerance
  )
  for c in range(4):
    np.testing.assert_allclose(
      got.deviation_kd[c],
      centred[y == c].sum(axis=0),
      rtol=tolerance,
      atol=tolerance * 50,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [None, 0.0])
def test_batches_of_any_sizes_give_the_whole(dtype, shift):
  x, y = samples()
  x = x.astype(dtype)
  wide = x.astype(np.float64)
  shift = None if shift is None else np.full(6, shift)
  moments = streamed(x, y, 4, (1, 2, 100, 163), shift)
  scatter = moments_scatter(moments)
  centred = wide - wide.mean(axis=0)
  np.testing.assert_allclose(scatter.mean_d, wide.mean(axis=0), rtol=1e-13)
  # Sums about zero lose the digits of (40 / 1)^2.
  tolerance = 1e-11 if shift is None else 1e-9
  np.testing.assert_allclose(
    scatter.gram_dd, centred.T @ centred, rtol=tolerance, atol=500 * tolerance
  )
  mean_kd, variance_kd = moments_classes(moments)
  for c in range(3):
    rows = wide[y == c]
    np.testing.assert_allclose(mean_kd[c] + moments.shift_d, rows.mean(axis=0))
    np.testing.assert_allclose(variance_kd[c], rows.var(axis=0), rtol=tolerance)
  assert not mean_kd[3].any()
  assert not variance_kd[3].any()
  expected = ledoit_wolf_shrinkage(centred, assume_centered=True)
  np.testing.assert_allclose(moments_intensity(moments), expected, rtol=100 * tolerance)


def test_many_batches_lose_nothing():
  """A spread a thousandth of the mean, in float32, over a hundred thousand samples."""
  rng = np.random.default_rng(0)
  block = (10 + 0.01 * rng.standard_normal((1000, 2))).astype(np.float32)
  y = np.zeros(1000, int)
  moments = zero_moments(block[0].astype(np.float64), num_classes=1)
  for _ in range(100):
    moments = add_batch(moments, block, y)
  centred = block.astype(np.float64)
  centred = centred - centred.mean(axis=0)
  got = moments_scatter(moments)
  assert float(got.count_k[0]) == 1e5
  np.testing.assert_allclose(got.gram_dd, 100 * centred.T @ centred, rtol=1e-10)


def test_batches_add_up_and_leave_the_start_alone():
  x, y = samples()
  start = zero_moments(x[0], num_classes=3)
  whole = add_batch(start, x, y)
  parts = add_batch(add_batch(start, x[:200], y[:200]), x[200:], y[200:])
  for one, other in zip(whole, parts, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-9)
  assert not start.count_k.any()  # unchanged


def test_identical_samples_have_no_spread():
  moments = streamed(np.full((20, 3), 0.1), np.arange(20) % 2, 2, (7,))
  assert moments_intensity(moments) == 1
  assert np.abs(moments_scatter(moments).gram_dd).max() < 1e-30


def test_refuses_no_classes():
  with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
    zero_moments(np.zeros(3), num_classes=0)
