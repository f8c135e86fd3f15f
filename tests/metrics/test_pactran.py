"""PACTran against SciPy: scikit-learn's optimum, and loops over the mean field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma, gammaln
from sklearn.linear_model import LogisticRegression

import lead_jax
from lead_jax.metrics import pactran
from lead_jax.metrics.base import Problem
from tests.metrics.test_leep import data as distributions

gauss = jax.jit(
  pactran.pactran_gauss, static_argnames=("num_classes", "lam", "s2", "max_iter")
)
dirichlet = jax.jit(pactran.pactran_dirichlet, static_argnames=("num_classes",))
gamma = jax.jit(pactran.pactran_gamma, static_argnames=("num_classes",))


def data(n=90, d=5, k=3):
  rng = np.random.default_rng(0)
  y = (np.arange(n) % k).astype(np.int32)
  return rng.normal(size=(k, d))[y] + rng.normal(size=(n, d)) + 3, y


def gauss_reference(x, y, lam, s2):
  x = x - x.mean(axis=0)
  n, d = x.shape
  k = int(y.max()) + 1
  fit = LogisticRegression(C=lam, tol=1e-10, max_iter=10000).fit(x, y)
  p = fit.predict_proba(x)
  loss = -np.mean(np.log(p[np.arange(n), y])) + np.sum(fit.coef_**2) / (2 * lam * n)
  m = k * d / (lam * n)
  h = np.sum(((x**2).sum(1) + 1)[:, None] * (p - p**2)) + m
  return -(loss + 0.5 * m * (s2 / d) * np.log(h / m + 1e-10)), loss


@pytest.mark.parametrize(("lam", "s2"), [(1.0, 100.0), (0.1, 10.0)])
def test_gauss_is_the_bound_at_scikit_learns_optimum(x64, lam, s2):
  x, y = data()
  score, loss = gauss_reference(x, y, lam, s2)
  got = gauss(x.astype(np.float64 if x64 else np.float32), y, num_classes=3, lam=lam,
              s2=s2)  # fmt: skip
  assert bool(got.converged)
  np.testing.assert_allclose(got.optimum, loss, rtol=1e-8 if x64 else 1e-5)
  np.testing.assert_allclose(got.score, score, rtol=1e-6 if x64 else 1e-4)


def test_gauss_ignores_where_the_features_lie_and_which_way_they_point():
  x, y = data()
  turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))
  expected = gauss(x.astype(np.float32), y, num_classes=3).score
  got = gauss((x @ turn + 7).astype(np.float32), y, num_classes=3).score
  np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_gauss_of_constant_features_is_the_entropy_with_a_flat_bound():
  x, y = np.full((90, 5), 2.0, np.float32), data()[1]
  np.testing.assert_allclose(gauss(x, y, num_classes=3).optimum, np.log(3), rtol=1e-5)


def test_gauss_says_that_it_did_not_converge(monkeypatch):
  x, y = data()
  assert not bool(gauss(x.astype(np.float32), y, num_classes=3, max_iter=1).converged)
  found = gauss(x.astype(np.float32), y, num_classes=3)
  monkeypatch.setattr(
    pactran, "_gauss", lambda *a, **k: found._replace(converged=jnp.asarray(False))
  )
  value = pactran.evaluate_gauss(Problem(x, y))
  assert value.status == "the classifier did not converge"


def field_reference(s, y, k, rule):
  n, z = s.shape
  onehot = np.eye(k)[y]
  a0 = onehot.mean(axis=0)
  q = s
  for _ in range(10):
    a = np.array([[a0[c] + q[y == c, j].sum() for j in range(z)] for c in range(k)])
    rate = s @ a.sum(axis=0)
    tilt = digamma(a) - (digamma(a.sum(axis=0)) if rule == "dirichlet" else 0)
    q = s * np.exp(tilt[y])
    q = q / q.sum(axis=1, keepdims=True)
  divergence = np.sum(q * np.log(q / s))
  if rule == "dirichlet":
    log_b = gammaln(a).sum(axis=0) - gammaln(a.sum(axis=0))
    log_b0 = gammaln(a0).sum() - gammaln(a0.sum())
    return (np.sum(log_b - log_b0) - divergence) / (n * k)
  free = np.sum(gammaln(a0)[:, None] - gammaln(a)) + divergence
  return -(free + np.sum(np.log(rate) - 1)) / (n * k) - 1


@pytest.mark.parametrize("block", [512, 25])
@pytest.mark.parametrize("rule", ["dirichlet", "gamma"])
def test_mean_fields_are_the_loops(x64, rule, block, monkeypatch):
  monkeypatch.setattr(pactran, "_BLOCK", block)
  s, y = distributions()
  of = {"dirichlet": pactran.pactran_dirichlet, "gamma": pactran.pactran_gamma}[rule]
  got = jax.jit(lambda s, y: of(s, y, num_classes=3))(
    s.astype(np.float64 if x64 else np.float32), y
  )
  expected = field_reference(s, y, 3, rule)
  np.testing.assert_allclose(got, expected, rtol=1e-6 if x64 else 1e-5)


@pytest.mark.parametrize("of", [dirichlet, gamma])
def test_a_telling_source_is_better_than_an_ignorant_one(of):
  y = (np.arange(60) % 3).astype(np.int32)
  telling = np.full((60, 3), 0.01, np.float32) + 0.97 * np.eye(3, dtype=np.float32)[y]
  ignorant = np.full((60, 3), 1 / 3, np.float32)
  best, worst = of(telling, y, num_classes=3), of(ignorant, y, num_classes=3)
  assert float(best) > float(worst) + 0.05


def test_posteriors_of_a_mixture_serve_as_source_probabilities():
  x, y = data(n=60)
  s, _ = distributions()
  given = Problem(x, y, gmm_responsibilities=s)
  for name, of in (
    ("pactran_dirichlet", pactran.evaluate_dirichlet),
    ("pactran_gamma", pactran.evaluate_gamma),
  ):
    assert of(given).score == lead_jax.score(name, x, y, source_probs=s)
    with pytest.raises(ValueError, match="source_probs are needed, or gmm_resp"):
      of(Problem(x, y))


def test_refuses_wrong_arguments():
  x, y = data()
  for name, value in (("lam", 0.0), ("s2", -1.0), ("lam", "1")):
    with pytest.raises(ValueError, match=f"{name} must be a .*number"):
      lead_jax.score("pactran_gauss", x, y, **{name: value})
  with pytest.raises(ValueError, match="max_iter"):
    pactran.pactran_gauss(jnp.asarray(x), y, num_classes=3, max_iter=0)
  with pytest.raises(ValueError, match="num_classes"):
    pactran.pactran_gauss(jnp.asarray(x), y, num_classes=1)
  with pytest.raises(ValueError, match="iterations must be a whole number"):
    pactran.check_iterations(iterations=0)
  with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
    pactran.pactran_gamma(jnp.ones((4, 1)), y[:4], num_classes=3, iterations=0)
