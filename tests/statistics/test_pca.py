"""Principal components against scikit-learn's, and at their edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from lead_jax.statistics import pca

run = jax.jit(pca, static_argnames=("dim",))


def samples(n, d, seed=0):
  rng = np.random.default_rng(seed)
  mixing = rng.standard_normal((d, d)) * np.arange(1, d + 1) ** -0.5
  return 4 + rng.standard_normal((n, d)) @ mixing


def aligned(ours, theirs):
  """Returns our columns with the signs of theirs."""
  return ours * np.sign(np.sum(np.asarray(ours) * theirs, axis=0, keepdims=True))


@pytest.mark.parametrize(("n", "d", "dim"), [(80, 12, 5), (12, 40, 6), (12, 12, 11)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_is_scikit_learns(x64, n, d, dim, scale):
  x = (scale * samples(n, d)).astype(np.float64 if x64 else np.float32)
  model = PCA(dim, svd_solver="full").fit(x.astype(np.float64))
  projected = model.transform(x.astype(np.float64))
  got = run(x, dim=dim)
  assert got.projected_np.dtype == x.dtype
  rtol = 1e-9 if x64 else 1e-3
  np.testing.assert_allclose(got.mean_d, model.mean_, rtol=1e-5)
  # Relative to the largest: the inner products hold no more of the small ones.
  largest = model.explained_variance_[0]
  np.testing.assert_allclose(
    got.variance_p / largest,
    model.explained_variance_ / largest,
    atol=1e-12 if x64 else 1e-6,
  )
  np.testing.assert_allclose(
    aligned(got.axes_dp, model.components_.T), model.components_.T, atol=10 * rtol
  )
  np.testing.assert_allclose(
    aligned(got.projected_np, projected),
    projected,
    atol=10 * rtol * np.abs(projected).max(),
  )


@pytest.mark.parametrize(("n", "d"), [(300, 40), (40, 300), (40, 40)])
@pytest.mark.parametrize("offset", [0, 10])
def test_small_variances_are_right_in_float32(n, d, offset):
  rng = np.random.default_rng(2)
  x = rng.standard_normal((n, d)) * np.logspace(0, -4.5, d)
  x = offset * 1e-3 + x @ np.linalg.qr(rng.standard_normal((d, d)))[0]
  x = x.astype(np.float32)
  dim = min(n - 1, d)
  wide = x.astype(np.float64)
  u, root, _ = np.linalg.svd(wide - wide.mean(axis=0), full_matrices=False)
  got = run(x, dim=dim)
  # What float32 itself adds: a square of 1e-10 where the plain inner products add 1e-7.
  largest = root[0] ** 2 / (n - 1)
  np.testing.assert_allclose(
    got.variance_p, root[:dim] ** 2 / (n - 1), rtol=5e-3, atol=1e-10 * largest
  )
  z = np.asarray(got.projected_np, np.float64)
  np.testing.assert_allclose(
    np.linalg.norm(z, axis=0), root[:dim], rtol=1e-2, atol=1e-5 * root[0]
  )
  # Half of the directions go down to 1e-5 of the largest variance, three quarters to 1e-7.
  kept = 3 * dim // 4
  angles = np.linalg.svd(u[:, :kept].T @ np.linalg.qr(z[:, :kept])[0], compute_uv=False)
  assert angles.min() > 0.999


@pytest.mark.parametrize(("n", "d"), [(50, 12), (12, 50)])
def test_directions_without_variance_are_zero(x64, n, d):
  rng = np.random.default_rng(1)
  x = rng.standard_normal((n, 3)) @ rng.standard_normal((3, d))
  got = run(x.astype(np.float64 if x64 else np.float32), dim=8)
  expected = PCA(3).fit(x).explained_variance_
  np.testing.assert_allclose(got.variance_p[:3], expected, rtol=1e-9 if x64 else 1e-4)
  # Rounding of the features themselves may be a direction, but a small one.
  small = 1e-20 if x64 else 1e-6
  assert np.all(got.variance_p[3:] <= max(small, 1e-13) * expected[0])
  assert np.all(np.abs(got.projected_np[:, 3:]) < (1e-5 if x64 else 1e-2))
  assert np.all(np.isfinite(got.axes_dp))


def test_constant_samples_have_no_components(x64):
  x = np.full((6, 4), 3.0, np.float64 if x64 else np.float32)
  for rows in (x, x.T):
    got = run(rows, dim=2)
    assert np.all(np.asarray(got.variance_p) == 0)
    assert np.all(np.asarray(got.projected_np) == 0)


@pytest.mark.parametrize("dim", [0, 5])
def test_refuses_a_wrong_dim(dim):
  with pytest.raises(ValueError, match=rf"dim must be in \[1, 4\].*got {dim}"):
    pca(jnp.ones((9, 4)), dim=dim)
