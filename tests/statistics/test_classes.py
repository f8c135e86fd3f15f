"""Class means against NumPy's, and at their edges."""

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.statistics._classes import class_means

run = jax.jit(class_means, static_argnames=("num_classes",))


def test_means_sizes_and_priors(x64):
  rng = np.random.default_rng(0)
  y = rng.integers(0, 5, 60)
  x = (3 + rng.standard_normal((60, 4))).astype(np.float64 if x64 else np.float32)
  got = run(x, y, num_classes=5)
  expected = np.stack([x[y == c].astype(np.float64).mean(axis=0) for c in range(5)])
  assert got.mean_kd.dtype == got.count_k.dtype == x.dtype
  np.testing.assert_allclose(got.mean_kd, expected, rtol=1e-12 if x64 else 1e-6)
  np.testing.assert_array_equal(got.count_k, np.bincount(y, minlength=5))
  np.testing.assert_allclose(got.prior_k, np.bincount(y, minlength=5) / 60, rtol=1e-6)


def test_an_empty_class_has_mean_zero():
  got = run(jnp.ones((4, 2)), jnp.array([0, 0, 2, 2]), num_classes=3)
  np.testing.assert_array_equal(got.mean_kd, [[1, 1], [0, 0], [1, 1]])
  np.testing.assert_array_equal(got.count_k, [2, 0, 2])


def test_classes_of_one_are_their_own_means():
  x = np.arange(6.0, dtype=np.float32).reshape(3, 2)
  got = run(x, np.array([2, 0, 1]), num_classes=3)
  np.testing.assert_array_equal(got.mean_kd, x[[1, 2, 0]])
