"""Standardised columns and correlations of rows against NumPy and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import pairwise
from sklearn.preprocessing import StandardScaler

from lead_jax import statistics
from lead_jax.statistics._similarity import directions_about
from tests.tolerances import ORACLE, assert_close

standardise = jax.jit(statistics.standardise)
correlations = jax.jit(statistics.correlations, static_argnames="centred")
pair_correlations = jax.jit(statistics.pair_correlations)


def features(x64):
  x = np.random.default_rng(0).standard_normal((40, 9))
  return x.astype(np.float64 if x64 else np.float32)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e15])
def test_standardise_is_scikit_learns(x64, scale):
  x = features(x64) * np.float32(scale)
  expected = StandardScaler().fit_transform(x.astype(np.float64) / scale)
  assert_close(standardise(x), expected, ORACLE)


def test_constant_columns_are_zero(x64):
  x = features(x64)
  x[:, 2] = 0.1  # whose mean is not exactly 0.1
  x[:, 3] = 0
  z = np.asarray(standardise(x))
  assert (z[:, [2, 3]] == 0).all()
  np.testing.assert_allclose(z[:, 4].std(), 1, rtol=1e-5)


def test_correlations_are_numpys(x64):
  x = features(x64)
  found = correlations(x)
  assert_close(found.r_nn, np.corrcoef(x), ORACLE)
  assert not found.constant_n.any()
  found = correlations(x, centred=False)
  assert_close(found.r_nn, pairwise.cosine_similarity(x.astype(np.float64)), ORACLE)


@pytest.mark.parametrize("n", [37, 40])
def test_copies_are_tied_exactly(x64, n):
  x = features(x64)[:n]
  x[20] = x[3]
  x[30] = -x[3]
  r = np.asarray(correlations(x).r_nn)
  np.testing.assert_array_equal(r[20], r[3])
  np.testing.assert_array_equal(r, r.T)
  assert (r[3, 20], r[3, 30], r[20, 20]) == (1, -1, 1)


def test_constant_rows_correlate_with_nothing(x64):
  x = features(x64)
  x[5] = 0.3
  x[6] = 0
  found = correlations(x)
  np.testing.assert_array_equal(np.flatnonzero(found.constant_n), [5, 6])
  assert (np.asarray(found.r_nn)[[5, 6]] == 0).all()
  np.testing.assert_array_equal(
    np.flatnonzero(correlations(x, centred=False).constant_n), [6]
  )


def test_pairs_stand_above_the_diagonal():
  np.testing.assert_array_equal(
    statistics.above_diagonal(np.arange(9).reshape(3, 3)), [1, 2, 5]
  )


@pytest.mark.parametrize("offset", [0, 1, 1e4])
def test_directions_keep_the_digits_of_the_differences(offset):
  rng = np.random.default_rng(1)
  centre = np.full(9, offset, np.float32)
  x = (offset + rng.standard_normal((40, 9))).astype(np.float32)
  x[0] = 0
  x[1] *= 1e-6
  wide = np.concatenate([x, centre[None]]).astype(np.longdouble)
  length = np.sqrt(np.sum(wide**2, axis=1, keepdims=True))
  unit = wide / np.where(length > 0, length, 1)
  expected = unit[:-1] - unit[-1:]
  got = directions_about(x, x - centre, centre)
  size = np.sqrt(np.sum(expected**2, axis=1, keepdims=True))
  size[1] = 1  # as far from c as a direction can be told
  error = np.abs(np.asarray(got) - expected) / np.where(size > 0, size, 1)
  assert error.max() < 1e-6


@pytest.mark.parametrize("n", [3, 99, 230, 901])
def test_pairs_alone_are_what_stands_above_the_diagonal(x64, n):
  x = np.random.default_rng(n).normal(size=(n, 7))
  x[1] = x[0]
  x[2] = 5
  whole, found = correlations(jnp.asarray(x)), pair_correlations(jnp.asarray(x))
  np.testing.assert_allclose(
    found.r_p, statistics.above_diagonal(whole.r_nn), atol=4e-7
  )
  np.testing.assert_array_equal(found.constant_n, whole.constant_n)
  assert found.r_p[0] == 1
