"""Discriminants against a plain inverse, on both ways to the factor."""

import functools

import jax
import numpy as np
import pytest

from lead_jax.statistics._classes import class_means
from lead_jax.statistics._discriminant import (
  centre_and_rotate,
  linear_discriminants,
  pooled_scatter,
)


@functools.partial(jax.jit, static_argnames=("num_classes",))
def run(x, y, shrinkage, *, num_classes):
  x_nm = centre_and_rotate(x)
  mean_km, count_k, _ = class_means(x_nm, y, num_classes=num_classes)
  scatter = pooled_scatter(x_nm, y, mean_km, dim=x.shape[1])
  shrinkage = shrinkage.astype(x.dtype)
  return linear_discriminants(x_nm, mean_km, count_k, scatter, shrinkage)


def reference(x, y, shrinkage):
  x = x.astype(np.float64) - x.astype(np.float64).mean(axis=0)
  classes, sizes = np.unique(y, return_counts=True)
  means = np.stack([x[y == c].mean(axis=0) for c in classes])
  within = x - means[np.searchsorted(classes, y)]
  cov = within.T @ within / len(y)
  sphere = np.trace(cov) / x.shape[1] * np.eye(x.shape[1])
  inverse = np.linalg.inv((1 - shrinkage) * cov + shrinkage * sphere)
  linear = x @ inverse @ means.T
  return linear - 0.5 * np.sum(means @ inverse * means, axis=1) + np.log(sizes / len(y))


def blobs(n, d, k=4, decay=0.0):
  rng = np.random.default_rng(0)
  y = np.arange(n) % k
  axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
  spectrum = np.arange(1, d + 1.0) ** -decay
  means = 0.3 * rng.standard_normal((k, d))
  return 3 + ((rng.standard_normal((n, d)) + means[y]) * spectrum) @ axes, y


@pytest.mark.parametrize(("n", "d"), [(90, 12), (20, 35)])
@pytest.mark.parametrize("shrinkage", [0.3, 1.0])
def test_is_the_plain_inverse(x64, n, d, shrinkage):
  x, y = blobs(n, d)
  x = x.astype(np.float64 if x64 else np.float32)
  got = run(x, y, np.float64(shrinkage), num_classes=4)
  expected = reference(x, y, shrinkage)
  assert got.decision_nk.dtype == x.dtype
  np.testing.assert_allclose(
    got.decision_nk, expected, atol=1e-9 if x64 else 1e-4 * np.abs(expected).max()
  )
  assert bool(got.singular) == (n < d)


def test_float32_goes_past_the_cholesky_factor():
  # Variances over 8 decades: the Gram matrix in float32 knows 7, the samples 14.
  x, y = blobs(130, 40, decay=2.5)
  x = x.astype(np.float32)
  got = run(x, y, np.float64(1e-10), num_classes=4)
  expected = reference(x, y, 1e-10)
  np.testing.assert_allclose(
    jax.nn.softmax(got.decision_nk, axis=1),
    jax.nn.softmax(expected.astype(np.float32), axis=1),
    atol=2e-3,
  )
  assert not got.singular


def test_blocks_of_rows_are_all_counted():
  # 130 rows in blocks of 12, the last of which overlaps the one before; the sixth feature
  # is the sum of the others up to what float32 cannot see in a Gram matrix.
  x, y = blobs(130, 5)
  rng = np.random.default_rng(2)
  last = x.sum(axis=1) + 3e-4 * rng.standard_normal(130)
  x = np.concatenate([x, last[:, None]], axis=1).astype(np.float32)
  got = run(x, y, np.float64(1e-10), num_classes=4)
  np.testing.assert_allclose(
    jax.nn.softmax(got.decision_nk, axis=1),
    jax.nn.softmax(reference(x, y, 1e-10).astype(np.float32), axis=1),
    atol=5e-3,
  )


def test_dependent_features_are_singular_and_constant_ones_are_not(x64):
  x, y = blobs(90, 12)
  for last, singular in [(x[:, 0] + x[:, 1], True), (np.full(90, 7.0), False)]:
    wide = np.concatenate([x, last[:, None]], axis=1)
    wide = wide.astype(np.float64 if x64 else np.float32)
    got = run(wide, y, np.float64(1e-10), num_classes=4)
    assert bool(got.singular) == singular
    assert np.all(np.isfinite(got.decision_nk))


def test_rotation_keeps_all_distances(x64):
  x, _ = blobs(20, 35)
  x = x.astype(np.float64 if x64 else np.float32)
  got = np.asarray(jax.jit(centre_and_rotate)(x), np.float64)
  assert got.shape == (20, 20)
  x = x - x.mean(axis=0)
  np.testing.assert_allclose(got @ got.T, x @ x.T, atol=1e-9 if x64 else 1e-3)


def test_an_empty_class_is_impossible():
  x, y = blobs(90, 12)
  got = run(
    x.astype(np.float32), np.where(y == 3, 4, y), np.float64(0.3), num_classes=5
  )
  assert np.all(got.decision_nk[:, 3] == -np.inf)
  assert np.all(np.isfinite(got.decision_nk[:, [0, 1, 2, 4]]))
