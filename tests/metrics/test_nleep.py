"""NLEEP: its number from given posteriors, and what it says of its mixtures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

import lead_jax
from lead_jax.metrics import Problem, _nleep as nleep, evaluate_metric
from tests.metrics.test_leep import data as distributions, reference


def data(n=90, d=5, k=3, spread=1.0):
  rng = np.random.default_rng(0)
  y = np.arange(n) % k
  return 4 * rng.normal(size=(k, d))[y] + spread * rng.normal(size=(n, d)), y


def test_given_posteriors_decide(x64):
  r, y = distributions()
  x = np.random.default_rng(0).normal(size=(60, 4))
  r = r.astype(np.float64 if x64 else np.float32)
  got = lead_jax.score("nleep", x, y, gmm_responsibilities=r, log=True)
  np.testing.assert_allclose(got, reference(r, y, 3), rtol=1e-10 if x64 else 1e-5)
  plain = lead_jax.score("nleep", x, y, gmm_responsibilities=r)
  assert np.exp(got) < plain < 1


def test_components_are_principal_ones(x64):
  """With the dimensions of scikit-learn, filled up by zeros."""
  x = np.random.default_rng(1).normal(size=(90, 20)) * np.arange(1, 21) ** -0.7
  theirs = PCA(n_components=0.8, svd_solver="full").fit(x)
  dtype = np.float64 if x64 else np.float32
  ours, dims = nleep.project_to_variance(jnp.asarray(x, dtype), pca_variance=0.8)
  assert dims == theirs.n_components_
  assert ours.shape == (90, 16)
  assert not np.any(ours[:, dims:])
  np.testing.assert_allclose(
    np.abs(ours[:, :dims]), np.abs(theirs.transform(x)), atol=1e-10 if x64 else 1e-4
  )


def test_separate_classes_are_found_and_the_spread_said():
  x, y = data(spread=0.1)
  value = evaluate_metric("nleep", Problem(x.astype(np.float32), y))
  np.testing.assert_allclose(value.score, 1, rtol=1e-5)
  assert value.details["components"] == 15
  assert value.spread.draws == "3 mixtures"
  assert value.spread.std < 1e-5
  assert evaluate_metric("nleep", Problem(x, y), seeds=1).spread is None


def test_fewer_components_where_there_are_few_samples():
  x, y = data(n=24)
  value = evaluate_metric("nleep", Problem(x, y))
  assert value.status.startswith("3 components: 15 need 30 samples, not 24")
  assert value.details["components"] == 3


def test_a_component_of_one_sample_is_said():
  x, y = data(spread=0.1)
  x[7] += 1000
  value = evaluate_metric("nleep", Problem(x, y), pca_variance=1.0)
  assert "components hold at most one sample" in value.status


def test_no_convergence_is_said(monkeypatch):
  x, y = data()
  real = nleep.fit_growing
  monkeypatch.setattr(
    nleep, "fit_growing", lambda *a: real(*a)._replace(converged=False)
  )
  assert "a mixture did not converge" in evaluate_metric("nleep", Problem(x, y)).status


def test_lists_grow_until_they_hold_all_candidates():
  """Two components of equal samples: every sample is a candidate of both."""
  rng = np.random.default_rng(0)
  x = rng.normal(size=(200, 2)).astype(np.float32)
  mixture = nleep.fit_growing(jnp.asarray(x), jnp.asarray(np.arange(200) % 8), 8)
  assert not bool(mixture.overflow)
  assert mixture.index_cb.shape[1] > 32
  np.testing.assert_allclose(mixture.posteriors(200).sum(axis=1), 1, rtol=1e-5)


def test_constant_features_are_refused():
  with pytest.raises(ValueError, match="the features are constant"):
    evaluate_metric("nleep", Problem(np.ones((20, 3)), np.arange(20) % 2))


def test_a_class_a_sample():
  x = np.random.default_rng(0).normal(size=(6, 10))
  value = evaluate_metric("nleep", Problem(x, np.arange(6)))
  assert value.score == pytest.approx(1)


@pytest.mark.parametrize(
  ("name", "value"),
  [("pca_variance", 0.0), ("components_per_class", 0), ("log", 1), ("seeds", 0)],
)
def test_refuses_wrong_options(name, value):
  with pytest.raises(ValueError, match=f"{name} must be"):
    lead_jax.score("nleep", *data(), **{name: value})


def test_posteriors_under_jit():
  r, y = distributions()
  of = jax.jit(nleep.nleep, static_argnames=("num_classes", "log"))
  got = of(r.astype(np.float32), y, num_classes=3, log=True)
  np.testing.assert_allclose(got, reference(r, y, 3), rtol=1e-5)
