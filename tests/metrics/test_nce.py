"""NCE against scikit-learn's conditional entropy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from lead_jax.metrics._nce import nce
from tests.metrics.test_leep import data

of = jax.jit(nce, static_argnames="num_classes")


def entropy(y):
  q = np.bincount(y) / len(y)
  return -np.sum(q * np.log(q, where=q > 0, out=np.zeros_like(q)))


def test_nce_is_mutual_information_less_entropy(x64):
  theta, y = data()
  expected = mutual_info_score(theta.argmax(axis=1), y) - entropy(y)
  got = of(theta.astype(np.float64 if x64 else np.float32), y, num_classes=3)
  assert -1 < expected < -0.1
  np.testing.assert_allclose(got, expected, rtol=1e-12 if x64 else 1e-5)


def test_limits():
  y = np.array([0, 1, 2, 2], np.int32)
  assert float(of(np.eye(3, dtype=np.float32)[y], y, num_classes=3)) == 0
  constant = np.eye(3, dtype=np.float32)[[1, 1, 1, 1]]
  np.testing.assert_allclose(of(constant, y, num_classes=3), -entropy(y), rtol=1e-6)


def test_a_thousand_classes_of_one_sample():
  y = np.arange(1000, dtype=np.int32)
  got = of(np.eye(2, dtype=np.float32)[y % 2], y, num_classes=1000)
  np.testing.assert_allclose(got, -np.log(500), rtol=1e-5)


def test_nce_needs_two_classes():
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    nce(jnp.ones((4, 2)) / 2, jnp.zeros(4, jnp.int32), num_classes=1)
