"""Midranks and Spearman against SciPy."""

import jax
import numpy as np
import pytest
from scipy import stats

from lead_jax import statistics

midranks = jax.jit(statistics.midranks)
spearman = jax.jit(statistics.spearman)
two_valued = jax.jit(statistics.spearman_two_valued)
fast_sort = jax.jit(statistics.fast_sort)

SMALL = 700
LARGE = 40_000  # float32 values are counted into bins


def draw(kind, size, x64):
  rng = np.random.default_rng(size)
  values = {
    "normal": rng.standard_normal(size),
    "tied": np.round(rng.standard_normal(size), 1),
    "signed zeros": rng.choice([-1.0, -0.0, 0.0, 2.0], size),
    "clusters": np.where(rng.random(size) < 0.3, -0.98, 0.97)
    + 0.01 * rng.standard_normal(size),
    "tiny": 1e-30 * rng.standard_normal(size),
    "infinite": rng.choice([-np.inf, -1, 0.5, np.inf], size),
  }[kind]
  return values.astype(np.float64 if x64 else np.float32)


KINDS = ["normal", "tied", "signed zeros", "clusters", "tiny", "infinite"]


@pytest.mark.parametrize("kind", KINDS)
def test_midranks_and_order_are_scipys(x64, kind):
  values = draw(kind, SMALL, x64)
  np.testing.assert_array_equal(midranks(values), stats.rankdata(values))
  np.testing.assert_array_equal(fast_sort(values), np.sort(values))


@pytest.mark.parametrize("kind", KINDS)
def test_spearman_is_scipys(x64, kind):
  x, y = draw(kind, SMALL, x64), draw("tied", SMALL, x64)
  y = y + np.nan_to_num(x, posinf=2, neginf=-2)
  expected = stats.spearmanr(stats.rankdata(x), y).statistic
  np.testing.assert_allclose(spearman(x, y), expected, rtol=1e-9 if x64 else 1e-5)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.5, 0.98])
def test_two_valued_is_scipys(x64, kind, size, share):
  if kind == "infinite" and size == LARGE and not x64:
    pytest.skip("bins have finite edges: correlations are in [-1, 1]")
  values = draw(kind, size, x64)
  chance = np.random.default_rng(1).random(size)
  high = chance < share + 0.2 * (1 - share) * np.sign(values)
  expected = stats.spearmanr(stats.rankdata(values), high).statistic
  assert abs(expected) > 0.01
  # Seen in float32 by bins: 4e-8; of the clusters 4e-7.
  np.testing.assert_allclose(two_valued(values, high), expected, atol=2e-6)
  if x64:
    np.testing.assert_allclose(two_valued(values, high), expected, rtol=1e-9)


def test_equal_values_share_a_bin():
  """Few distinct values: nothing but ties, and no error from bins at all."""
  rng = np.random.default_rng(0)
  values = rng.choice([-1.0, 0.1, 0.101, 1.0], LARGE).astype(np.float32)
  high = rng.random(LARGE) < 0.5 + 0.3 * values
  expected = stats.spearmanr(values, high).statistic
  np.testing.assert_allclose(two_valued(values, high), expected, rtol=2e-6)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_undefined_is_nan(size):
  values = np.linspace(0, 1, size, dtype=np.float32)
  same = np.full(size, 0.3, np.float32)
  half = np.arange(size) % 2 == 0
  assert np.isnan(two_valued(same, half))
  assert np.isnan(two_valued(values, half | True))
  assert np.isnan(two_valued(values, half & False))
  if size == SMALL:
    assert np.isnan(spearman(values, same))


def test_two_values_and_opposite_orders():
  values = np.array([3.0, 1.0, 2.0], np.float32)
  np.testing.assert_array_equal(midranks(values), [3, 1, 2])
  np.testing.assert_allclose(spearman(values, values), 1, rtol=1e-6)
  np.testing.assert_allclose(spearman(values, -values), -1, rtol=1e-6)
