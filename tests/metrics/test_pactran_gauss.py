"""PACTran-Gauss against scikit-learn's optimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import lead_jax
from lead_jax.metrics import Problem, _pactran_gauss as pactran_gauss, evaluate_metric

gauss = jax.jit(
  pactran_gauss.pactran_gauss, static_argnames=("num_classes", "lam", "s2", "max_iter")
)


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
def test_is_the_bound_at_scikit_learns_optimum(x64, lam, s2):
  x, y = data()
  score, loss = gauss_reference(x, y, lam, s2)
  got = gauss(x.astype(np.float64 if x64 else np.float32), y, num_classes=3, lam=lam,
              s2=s2)  # fmt: skip
  assert bool(got.converged)
  np.testing.assert_allclose(got.optimum, loss, rtol=1e-8 if x64 else 1e-5)
  np.testing.assert_allclose(got.score, score, rtol=1e-6 if x64 else 1e-4)


def test_ignores_where_the_features_lie_and_which_way_they_point():
  x, y = data()
  turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))
  expected = gauss(x.astype(np.float32), y, num_classes=3).score
  got = gauss((x @ turn + 7).astype(np.float32), y, num_classes=3).score
  np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_of_constant_features_is_the_entropy_with_a_flat_bound():
  x, y = np.full((90, 5), 2.0, np.float32), data()[1]
  np.testing.assert_allclose(gauss(x, y, num_classes=3).optimum, np.log(3), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e2, 1e4, 1e6])
def test_float32_keeps_the_curvature_of_separated_classes(scale):
  rng = np.random.default_rng(0)
  y = np.arange(120) % 4
  x = 2 * rng.standard_normal((4, 16))[y] + rng.standard_normal((120, 16))
  x = (scale * x).astype(np.float32)
  single = evaluate_metric("pactran_gauss", Problem(x, y))
  with jax.enable_x64(True):
    double = evaluate_metric("pactran_gauss", Problem(x.astype(np.float64), y))
  assert single.status == double.status == "ok"
  assert single.score == pytest.approx(double.score, rel=1e-3)
  assert single.details["curvature"] == pytest.approx(
    double.details["curvature"], rel=1e-2
  )


def test_says_that_it_did_not_converge(monkeypatch):
  x, y = data()
  assert not bool(gauss(x.astype(np.float32), y, num_classes=3, max_iter=1).converged)
  found = gauss(x.astype(np.float32), y, num_classes=3)
  monkeypatch.setattr(
    pactran_gauss,
    "_jitted",
    lambda *a, **k: found._replace(converged=jnp.asarray(False)),
  )
  value = evaluate_metric("pactran_gauss", Problem(x, y))
  assert value.status == "the classifier did not converge"


def test_refuses_wrong_arguments():
  x, y = data()
  for name, value in (("lam", 0.0), ("s2", -1.0), ("lam", "1")):
    with pytest.raises(ValueError, match=f"{name} must be (above 0|a number)"):
      lead_jax.score("pactran_gauss", x, y, **{name: value})
  with pytest.raises(ValueError, match="max_iter"):
    pactran_gauss.pactran_gauss(jnp.asarray(x), y, num_classes=3, max_iter=0)
  with pytest.raises(ValueError, match="num_classes"):
    pactran_gauss.pactran_gauss(jnp.asarray(x), y, num_classes=1)
