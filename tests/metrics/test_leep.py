"""LEEP against a plain loop over samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.metrics._leep import leep

of = jax.jit(leep, static_argnames="num_classes")


def data(n=60, z=7, k=3, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  theta = rng.dirichlet(np.full(z, 0.3), n)
  theta[np.arange(n), y] += 0.5
  return theta / theta.sum(axis=1, keepdims=True), y.astype(np.int32)


def reference(theta, y, k):
  joint = np.zeros((theta.shape[1], k))
  for row, label in zip(theta, y, strict=True):
    joint[:, label] += row / len(y)
  total = 0.0
  for row, label in zip(theta, y, strict=True):
    alive = joint.sum(axis=1) > 0
    given = joint[alive, label] / joint[alive].sum(axis=1)
    total += np.log(np.sum(given * row[alive])) / len(y)
  return total


def test_leep_is_the_loop(x64):
  theta, y = data()
  theta[:, 5] = 0  # a source class without mass
  theta /= theta.sum(axis=1, keepdims=True)
  got = of(theta.astype(np.float64 if x64 else np.float32), y, num_classes=3)
  np.testing.assert_allclose(got, reference(theta, y, 3), rtol=1e-12 if x64 else 1e-5)


def test_a_perfect_source_has_zero():
  y = np.array([0, 1, 2, 2], np.int32)
  assert float(of(np.eye(3, dtype=np.float32)[y], y, num_classes=3)) == 0


def test_an_ignorant_source_has_minus_the_entropy_of_the_labels():
  y = np.array([0, 0, 0, 1], np.int32)
  got = of(np.full((4, 5), 0.2, np.float32), y, num_classes=2)
  expected = 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
  np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_long_sums_keep_their_digits():
  """Equal numbers in float32, 300,000 of them one by one, add up to 1e-3 too little."""
  y = (np.arange(400_000) % 4 == 0).astype(np.int32)
  row = np.array([[0.1, 0.9], [0.7, 0.3]])
  joint = row * np.array([[0.75], [0.25]])
  expected = np.log((joint / joint.sum(axis=0) * row).sum(axis=1)) @ [0.75, 0.25]
  got = of(row[y].astype(np.float32), y, num_classes=2)
  np.testing.assert_allclose(got, expected, rtol=5e-6)


def test_leep_needs_two_classes():
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    leep(jnp.ones((4, 2)) / 2, jnp.zeros(4, jnp.int32), num_classes=1)
