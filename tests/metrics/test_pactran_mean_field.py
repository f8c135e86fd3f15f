"""PACTran-Dirichlet and PACTran-Gamma against loops over the mean field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma, gammaln

import lead_jax
from lead_jax.metrics import Problem, _pactran_mean_field as module, evaluate_metric
from tests.metrics.test_leep import data

of = jax.jit(module.pactran_mean_field, static_argnames=("num_classes", "prior"))


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
  monkeypatch.setattr(module, "_BLOCK", block)
  s, y = data()
  got = jax.jit(
    lambda s, y: module.pactran_mean_field(s, y, num_classes=3, prior=rule)
  )(s.astype(np.float64 if x64 else np.float32), y)
  expected = field_reference(s, y, 3, rule)
  np.testing.assert_allclose(got, expected, rtol=1e-6 if x64 else 1e-5)


@pytest.mark.parametrize("prior", ["dirichlet", "gamma"])
def test_a_telling_source_is_better_than_an_ignorant_one(prior):
  y = (np.arange(60) % 3).astype(np.int32)
  telling = np.full((60, 3), 0.01, np.float32) + 0.97 * np.eye(3, dtype=np.float32)[y]
  ignorant = np.full((60, 3), 1 / 3, np.float32)
  best, worst = (of(s, y, num_classes=3, prior=prior) for s in (telling, ignorant))
  assert float(best) > float(worst) + 0.05


def test_posteriors_of_a_mixture_serve_as_source_probabilities():
  s, y = data()
  x = np.random.default_rng(0).normal(size=(60, 5))
  given = Problem(x, y, gmm_responsibilities=s)
  for name in ("pactran_dirichlet", "pactran_gamma"):
    score = evaluate_metric(name, given).score
    assert score == lead_jax.score(name, x, y, source_probs=s)
    with pytest.raises(ValueError, match="needs source_probs or gmm_responsibilities"):
      evaluate_metric(name, Problem(x, y))


def test_refuses_wrong_arguments():
  s, y = jnp.ones((4, 1)), jnp.zeros(4, jnp.int32)
  for options, message in (
    ({"iterations": 0}, "iterations must be at least 1, got 0"),
    ({"num_classes": 1}, "num_classes must be at least 2, got 1"),
    ({"prior": "normal"}, "prior must be one of .* got 'normal'"),
  ):
    with pytest.raises(ValueError, match=message):
      module.pactran_mean_field(s, y, **{"num_classes": 3, "prior": "gamma"} | options)
  with pytest.raises(ValueError, match="iterations must be a whole number"):
    module.PACTranOptions(iterations=1.5)
