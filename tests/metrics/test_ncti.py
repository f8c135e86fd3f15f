"""NCTI against scikit-learn's PCA and LDA, its pool by hand, and its edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from lead_jax.metrics import METRICS, Problem, _ncti as ncti, evaluate_metric

run = jax.jit(ncti.ncti, static_argnames=("num_classes", "pca_dim", "largest_class"))


def reference(x, y, dim):
  pca = PCA(dim, svd_solver="full")
  z = pca.fit_transform(x.astype(np.float64))
  shrinkage = max(np.exp(-pca.explained_variance_[:32].sum()), 1e-10)
  if shrinkage > 1e-10:
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=float(shrinkage))
  else:
    model = LinearDiscriminantAnalysis(solver="svd")
  low = model.fit_transform(z, y)
  posterior = model.predict_proba(z)
  norms = [np.linalg.norm(posterior[y == c], "nuc") for c in np.unique(y)]
  true = posterior[np.arange(len(y)), np.searchsorted(np.unique(y), y)]
  seli = np.linalg.norm(low - low.mean(0), "nuc")
  return np.array([seli, true.mean(), np.log(sum(norms))]), shrinkage


def blobs(n=150, d=12, k=4, scale=1.0, seed=0):
  rng = np.random.default_rng(seed)
  y = rng.permutation(np.concatenate([np.arange(k), rng.integers(0, k, n - k)]))
  mixing = rng.standard_normal((d, d)) / np.sqrt(d)
  x = 0.5 * rng.standard_normal((k, d))[y] + rng.standard_normal((n, d)) @ mixing
  return scale * (3 + x), y


# Small features are shrunk (the `eigen` solver), large ones are not (`svd`); more classes
# than components; components that nothing varies along.
@pytest.mark.parametrize("scale", [0.2, 20.0])
@pytest.mark.parametrize(("k", "dim"), [(4, 8), (15, 8)])
def test_is_scikit_learns(x64, scale, k, dim):
  x, y = blobs(k=k, scale=scale)
  x = x.astype(np.float64 if x64 else np.float32)
  expected, shrinkage = reference(x, y, dim)
  assert (shrinkage > 1e-10) == (scale < 1)
  got = run(x, y, num_classes=k, pca_dim=dim)
  np.testing.assert_allclose(got.shrinkage, shrinkage, rtol=1e-4)
  np.testing.assert_allclose(got[:3], expected, rtol=1e-8 if x64 else 1e-4)
  tight = run(x, y, num_classes=k, pca_dim=dim, largest_class=int(np.bincount(y).max()))
  np.testing.assert_allclose(tight.logvc, got.logvc, rtol=1e-5)


def test_the_shrinkage_is_of_32_variances():
  x, y = blobs(d=40, scale=0.2)
  expected, shrinkage = reference(x, y, 40)
  variances = PCA(40).fit(x).explained_variance_
  assert shrinkage > 1.005 * np.exp(-variances.sum())  # more than 32 would tell
  with jax.enable_x64(True):
    got = run(x, y, num_classes=4, pca_dim=40)
  np.testing.assert_allclose(got.shrinkage, shrinkage, rtol=1e-9)
  np.testing.assert_allclose(got[:3], expected, rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1e-2])
def test_small_features_keep_their_digits_in_float32(scale):
  x, y = blobs(scale=scale)
  x = x.astype(np.float32)
  single = run(x, y, num_classes=4, pca_dim=8)
  with jax.enable_x64(True):
    double = run(x.astype(np.float64), y, num_classes=4, pca_dim=8)
  np.testing.assert_allclose(single[:3], double[:3], rtol=1e-3)


def test_saturated_posteriors_are_said_and_tie():
  x, y = blobs()
  apart = [x + far * np.eye(4, 12)[y] for far in (1e4, 1e5)]
  pooled = []
  for dtype in (np.float32, np.float64):
    with jax.enable_x64(dtype == np.float64):
      values = [evaluate_metric("ncti", Problem(a.astype(dtype), y)) for a in apart]
      assert all("saturated: every posterior is 1" in v.status for v in values)
      parts = [value.parts for value in values]
      assert METRICS["ncti"].pool_note(parts) == (
        "ncc and logvc tied for all models, within 1e-05: not counted"
      )
      pooled.append(ncti.pool_ncti(parts))
  np.testing.assert_allclose(*pooled)


def test_directions_without_spread_are_dropped(x64):
  x, y = blobs(scale=20.0)
  dtype = np.float64 if x64 else np.float32
  base = run(x.astype(dtype), y, num_classes=4, pca_dim=12)
  wide = np.concatenate([x, np.full((150, 3), 7.0), np.zeros((150, 1))], axis=1)
  got = run(wide.astype(dtype), y, num_classes=4, pca_dim=16)
  np.testing.assert_allclose(got[:3], base[:3], rtol=1e-7 if x64 else 1e-3)


@pytest.mark.parametrize(("n", "d"), [(400, 20), (100, 150)])
@pytest.mark.parametrize("span", [4, 5])
def test_directions_of_small_variance_count_in_float32_too(n, d, span):
  rng = np.random.default_rng(0)
  y = np.arange(n) % 5
  x = 0.7 * rng.standard_normal((5, d))[y] + rng.standard_normal((n, d))
  x = x * np.logspace(0, -span, d) @ np.linalg.qr(rng.standard_normal((d, d)))[0]
  x = (20 * x).astype(np.float32)
  dim = min(d, 64)
  expected, _ = reference(x, y, dim)
  got = run(x, y, num_classes=5, pca_dim=dim)
  np.testing.assert_allclose(got[:3], expected, rtol=1e-3)


def test_moving_rotating_and_relabelling_change_nothing(x64):
  x, y = blobs()
  dtype = np.float64 if x64 else np.float32
  base = run(x.astype(dtype), y, num_classes=4, pca_dim=8)
  axes = np.linalg.qr(np.random.default_rng(2).standard_normal((12, 12)))[0]
  for other, labels in [
    (x + 100, y),
    (x @ axes, y),
    (x[::-1], y[::-1]),
    (x, np.array([2, 0, 3, 1])[y]),
  ]:
    got = run(other.astype(dtype), labels, num_classes=4, pca_dim=8)
    np.testing.assert_allclose(got[:3], base[:3], rtol=1e-8 if x64 else 2e-3)


def test_fewer_components_are_said_where_the_public_code_fails():
  x, y = blobs(n=40, d=70)
  value = evaluate_metric("ncti", Problem(x, y))
  assert value.status == "39 principal components in place of 64: N=40, D=70"
  assert value.score == pytest.approx(
    value.parts["seli"] + value.parts["ncc"] - value.parts["logvc"]
  )
  assert ncti.pool_ncti([value.parts]) == [pytest.approx(value.score)]


def test_a_pool_is_scaled_part_by_part():
  parts = [
    {"seli": 100.0, "ncc": 0.5, "logvc": 4.0},
    {"seli": 300.0, "ncc": 0.9, "logvc": 2.0},
    {"seli": 200.0, "ncc": 0.6, "logvc": 6.0},
  ]
  np.testing.assert_allclose(ncti.pool_ncti(parts), [-0.5, 2, 0.5 + 0.25 - 1])
  for part in parts:
    part["logvc"] = 3.0
  np.testing.assert_allclose(ncti.pool_ncti(parts), [0, 2, 0.75])


@pytest.mark.parametrize(
  ("x", "y"),
  [
    (np.ones((8, 3)), np.arange(8) % 2),
    (np.eye(2, 3)[np.arange(8) % 2], np.arange(8) % 2),
    (np.array([[0.0], [1.0]]), np.arange(2)),
  ],
)
def test_no_spread_within_the_classes_is_an_error(x64, x, y):
  problem = Problem(x.astype(np.float64 if x64 else np.float32), y)
  with pytest.raises(ValueError, match="no spread within the classes"):
    evaluate_metric("ncti", problem)


def test_one_feature_and_a_class_of_one():
  x = 10 * np.array([[0.0], [1.0], [0.5], [5.0]])
  value = evaluate_metric("ncti", Problem(x, np.array([0, 0, 0, 1])))
  expected, _ = reference(x, np.array([0, 0, 0, 1]), 1)
  np.testing.assert_allclose(list(value.parts.values()), expected, rtol=1e-4)


def test_a_thousand_classes():
  rng = np.random.default_rng(0)
  y = np.arange(2000) % 1000
  x = 3 * rng.standard_normal((1000, 8))[y] + 3 * rng.standard_normal((2000, 8))
  value = evaluate_metric("ncti", Problem(x.astype(np.float32), y), pca_dim=8)
  expected, _ = reference(x, y, 8)
  np.testing.assert_allclose(list(value.parts.values()), expected, rtol=1e-3)


@pytest.mark.parametrize(
  ("name", "value"),
  [("num_classes", 1), ("pca_dim", 0), ("largest_class", 0), ("largest_class", 5)],
)
def test_refuses_wrong_arguments(name, value):
  options = {"num_classes": 2, "pca_dim": 1, name: value}
  with pytest.raises(ValueError, match=f"{name} must be .*, got {value}"):
    ncti.ncti(jnp.ones((4, 2)), jnp.zeros(4, int), **options)
