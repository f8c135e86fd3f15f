"""RSA against SciPy on NumPy's correlations."""

import jax
import numpy as np
import pytest
from scipy import stats

import lead_jax
from lead_jax.metrics import Problem, _rsa as rsa, evaluate_metric
from tests.metrics.test_parc import dissimilarities

score = jax.jit(rsa.rsa)


def reference(x, z):
  above = np.triu_indices(len(x), 1)
  found = stats.spearmanr(dissimilarities(x)[above], dissimilarities(z)[above])
  return 100 * found.statistic


def draw(x64, n=80):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((n, 12))
  z = np.tanh(x @ rng.standard_normal((12, 7)))
  dtype = np.float64 if x64 else np.float32
  return x.astype(dtype), z.astype(dtype), np.arange(n) % 3


def test_is_scipys(x64):
  x, z, _ = draw(x64)
  expected = reference(x, z)
  assert expected > 20
  np.testing.assert_allclose(score(x, z).score, expected, rtol=1e-9 if x64 else 1e-4)
  np.testing.assert_allclose(score(z, x).score, expected, rtol=1e-9 if x64 else 1e-4)


def test_itself_and_moved(x64):
  x, z, _ = draw(x64)
  np.testing.assert_allclose(score(x, x).score, 100, rtol=1e-5)
  order = np.random.default_rng(1).permutation(len(x))
  expected = score(x, z).score
  for a, b in [(x[order], z[order]), (7 * x + 3, z), (x, 1e-15 * z)]:
    np.testing.assert_allclose(score(a, b).score, expected, rtol=1e-9 if x64 else 1e-3)


def test_public_interface():
  x, z, y = draw(False, 300)
  value = evaluate_metric(
    "rsa", Problem(x, y, reference_features=z), samples=100, draws=3
  )
  assert value.spread.draws == "3 draws"
  assert value.score == pytest.approx(reference(x, z), abs=6)
  whole = lead_jax.score("rsa", x, y, reference_features=z)
  assert whole == pytest.approx(reference(x, z), rel=1e-4)
  with pytest.raises(ValueError, match="needs reference_features"):
    lead_jax.score("rsa", x, y)


@pytest.mark.parametrize(
  ("x", "z", "message"),
  [
    (np.eye(4), np.ones((4, 3)), "equally alike"),
    (np.eye(4), np.ones((4, 1)), "over reference_features: it needs at least 2"),
    (np.ones((4, 1)), np.eye(4), "over features: it needs at least 2"),
    (np.eye(2), np.eye(2), "at least 3 samples, got 2"),
  ],
)
def test_what_has_no_value(x, z, message):
  with pytest.raises(ValueError, match=message):
    evaluate_metric("rsa", Problem(x, np.arange(len(x)) % 2, reference_features=z))


def test_refuses_wrong_options():
  with pytest.raises(ValueError, match="draws must be at least 1"):
    rsa.DrawOptions(draws=0)
