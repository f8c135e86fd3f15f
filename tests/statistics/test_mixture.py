"""Mixtures by EM against scikit-learn's, from the same start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.mixture import GaussianMixture

from lead_jax.statistics import _mixture as mixture
from lead_jax.statistics._mixture import fit_mixture, kmeans

fit = jax.jit(
  fit_mixture,
  static_argnames=("components", "capacity", "reg", "tol", "max_iter"),
)
cluster = jax.jit(kmeans, static_argnames=("clusters", "max_iter"))


def data(n=300, d=6, groups=8, noise=1.0, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % groups
  scales = np.arange(1, d + 1) ** -0.5
  x = 2 * rng.standard_normal((groups, d))[y] + noise * rng.standard_normal((n, d))
  return x * scales[None, :], y


class FromLabels(GaussianMixture):
  """scikit-learn's mixture, started from given clusters."""

  def __init__(self, start, **options):
    super().__init__(covariance_type="full", **options)
    self.start = start

  def _initialize_parameters(self, x, random_state, **kwargs):
    self._initialize(x, np.eye(self.n_components)[self.start], **kwargs)


def reference(x, start, components, **options):
  found = FromLabels(start, n_components=components, **options).fit(x)
  return found, found.predict_proba(x)


def start_of(x, components, seed=0):
  found = SklearnKMeans(components, n_init=1, random_state=seed).fit(x)
  return found.labels_.astype(np.int32)


def cast(x, x64):
  return x.astype(np.float64 if x64 else np.float32)


def test_fit_is_scikit_learns(x64):
  """Overlapping clusters: some hundred samples have divided posteriors."""
  x, _ = data()
  start = start_of(x, 8)
  expected, posteriors = reference(x, start, 8)
  assert np.mean(posteriors.max(axis=1) < 0.99) > 0.1
  assert 3 < expected.n_iter_ < 100
  ours = fit(cast(x, x64), start, components=8)
  assert bool(ours.converged)
  assert not bool(ours.overflow)
  assert int(ours.steps) == expected.n_iter_
  rtol = 1e-9 if x64 else 1e-5
  np.testing.assert_allclose(ours.log_likelihood, expected.score(x), rtol=rtol)
  atol = 1e-8 if x64 else 2e-4
  np.testing.assert_allclose(ours.posteriors(300), posteriors, rtol=0, atol=atol)
  np.testing.assert_allclose(ours.size_c, posteriors.sum(0), rtol=1e2 * atol)


def test_screening_leaves_posteriors_as_they_are(x64, monkeypatch):
  """Of the first feature alone, and with a list a quarter as long as the data."""
  monkeypatch.setattr(mixture, "_SCREEN_DIM", 1)
  x, y = data(noise=0.2)
  x[:, 0] = 20 * y + x[:, 0]
  start = y.astype(np.int32)
  _, posteriors = reference(x, start, 8)
  ours = fit_mixture(jnp.asarray(cast(x, x64)), start, components=8, capacity=75)
  assert not bool(ours.overflow)
  np.testing.assert_allclose(ours.posteriors(300), posteriors, rtol=0, atol=1e-6)


def test_fewer_samples_than_features_in_a_component(x64):
  """Covariances whose ridge is far below the rounding of their entries in float32."""
  x, _ = data(n=120, d=40, groups=20)
  x = 10 * x
  start = start_of(x, 20)
  assert np.bincount(start).max() < 20
  expected, posteriors = reference(x, start, 20)
  ours = fit(cast(x, x64), start, components=20)
  np.testing.assert_allclose(ours.posteriors(120), posteriors, rtol=0, atol=1e-6)
  np.testing.assert_allclose(
    ours.log_likelihood, expected.score(x), rtol=1e-9 if x64 else 1e-4
  )


def test_too_small_a_list_is_seen():
  x, _ = data()
  assert bool(fit(x.astype(np.float32), start_of(x, 8), components=8, capacity=20)[5])


def test_not_converged_is_seen():
  x, _ = data()
  ours = fit(cast(x, False), start_of(x, 8), components=8, max_iter=2)
  assert not bool(ours.converged)
  assert int(ours.steps) == 2


def test_zero_features_change_nothing_but_the_constant():
  x, _ = data()
  start = start_of(x, 8)
  wide = np.pad(x, ((0, 0), (0, 3)))
  with jax.enable_x64(True):
    ours = fit(x, start, components=8)
    padded = fit(wide, start, components=8)
    np.testing.assert_allclose(
      padded.posteriors(300), ours.posteriors(300), rtol=0, atol=1e-9
    )
    constant = -3 * 0.5 * np.log(2 * np.pi * 1e-6)
    np.testing.assert_allclose(
      padded.log_likelihood, ours.log_likelihood + constant, rtol=1e-9
    )


def test_degenerate_components(x64):
  """Copies, a component of one sample, an empty one, and a single feature."""
  x = np.array([[0.0], [0.0], [0.0], [5.0], [9.0], [9.1]])
  start = np.array([0, 0, 0, 1, 2, 2], np.int32)
  ours = fit(cast(x, x64), start, components=4)
  expected = np.eye(4)[start]
  np.testing.assert_allclose(ours.posteriors(6), expected, rtol=0, atol=1e-6)
  assert bool(jnp.isfinite(ours.log_likelihood))


def test_kmeans_is_a_fixed_point_as_good_as_scikit_learns(x64):
  x, _ = data(n=300, noise=0.5)
  ours = cluster(cast(x, x64), clusters=8, key=jax.random.key(0))
  assert bool(ours.converged)
  labels = np.asarray(ours.labels_n)
  centres = np.stack([x[labels == c].mean(axis=0) for c in range(8)])
  np.testing.assert_allclose(ours.centre_cd, centres, rtol=0, atol=1e-5)
  square = ((x[:, None] - centres[None]) ** 2).sum(axis=2)
  np.testing.assert_array_equal(square.argmin(axis=1), labels)
  np.testing.assert_allclose(ours.inertia, square.min(axis=1).sum(), rtol=1e-5)
  theirs = SklearnKMeans(8, n_init=1, init="random", random_state=0).fit(x)
  assert float(ours.inertia) < 1.3 * theirs.inertia_


def test_kmeans_leaves_no_cluster_empty():
  x = np.repeat(np.arange(5.0), 8)[:, None].astype(np.float32)
  ours = cluster(x, clusters=5, key=jax.random.key(1))
  assert np.bincount(ours.labels_n, minlength=5).tolist() == [8] * 5
  assert float(ours.inertia) == 0


def test_kmeans_of_copies_alone():
  ours = cluster(np.ones((6, 2), np.float32), clusters=3, key=jax.random.key(0))
  assert float(ours.inertia) == 0
  np.testing.assert_allclose(ours.centre_cd[ours.labels_n], 1)


def test_kmeans_starts_far_apart():
  """One sample in a thousand, far away, is a centre whatever the key."""
  x = np.random.default_rng(0).standard_normal((300, 2)).astype(np.float32)
  x[7] += 1000
  for seed in range(3):
    ours = cluster(x, clusters=2, key=jax.random.key(seed))
    assert np.bincount(ours.labels_n).tolist() in ([299, 1], [1, 299])


@pytest.mark.parametrize(
  ("name", "value"),
  [("components", 0), ("capacity", 0), ("capacity", 9), ("reg", 0.0), ("max_iter", 0)],
)
def test_fit_refuses_wrong_arguments(name, value):
  options = {"components": 2, name: value}
  with pytest.raises(ValueError, match=name):
    fit_mixture(jnp.ones((8, 2)), jnp.zeros(8, jnp.int32), **options)


@pytest.mark.parametrize(("name", "value"), [("clusters", 9), ("max_iter", 0)])
def test_kmeans_refuses_wrong_arguments(name, value):
  options = {"clusters": 2, name: value}
  with pytest.raises(ValueError, match=name):
    kmeans(jnp.ones((8, 2)), key=jax.random.key(0), **options)
