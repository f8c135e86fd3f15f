"""Steps of the infinite-width kernel, one by one, against more digits."""

import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.ntk import _wide as wide

LONG = np.longdouble


def excess(u: np.ndarray) -> np.ndarray:
  """sin u - u cos u by its series, in more digits than float64 has."""
  u = u.astype(LONG)
  term, total = u.copy(), np.zeros_like(u)
  for n in range(1, 30):
    term = -term * u**2 / (2 * n * (2 * n + 1))  # (-1)^n u^(2n+1) / (2n+1)!
    total -= 2 * n * term
  return total


def test_the_excess_of_angles_keeps_its_digits(x64):
  dtype, eps = (np.float64, 2.2e-16) if x64 else (np.float32, 1.2e-7)
  small = np.concatenate([np.logspace(-6, -1, 40), np.linspace(0.1, 0.2499, 60)])
  large = np.linspace(0.2501, np.pi, 60)
  for angle, rounding in ((small, 8 * eps), (large, 100 * eps)):
    angle = angle.astype(dtype)
    gap = (2 * np.sin(angle.astype(LONG) / 2) ** 2).astype(dtype)
    found = wide._excess(jnp.asarray(angle), jnp.asarray(gap))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, excess(angle).astype(float), rtol=rounding)
  assert wide._excess(jnp.zeros(1), jnp.zeros(1)) == 0


@pytest.mark.parametrize(("variance", "shift"), [(0.7, 0.3), (2.0, 1e-3), (1.0, 50.0)])
def test_gaps_behind_a_bias_keep_their_digits(x64, variance, shift):
  dtype, eps = (np.float64, 2.2e-16) if x64 else (np.float32, 1.2e-7)
  rng = np.random.default_rng(0)
  left = np.exp(rng.uniform(-3, 3, 12)).astype(dtype)
  right = np.concatenate([left[:6], left[6:] * (1 + 1e-3)]).astype(dtype)
  gap = 2 * rng.uniform(size=(12, 12)) ** 6
  gap[0], gap[1], gap[:, 2] = 0, 2, 1e-9
  gap = gap.astype(dtype)
  found = wide._shifted_gap(
    jnp.asarray(gap), jnp.asarray(left), jnp.asarray(right), variance, shift
  )
  a, b = left.astype(LONG)[:, None], right.astype(LONG)[None, :]
  norm = np.sqrt((variance * a + shift) * (variance * b + shift))
  # One minus the correlation, in a form that keeps the digits of small gaps.
  inner = variance * np.sqrt(a * b)
  apart = norm - inner - shift
  exact = (apart + inner * gap.astype(LONG)) / norm
  np.testing.assert_allclose(
    found, exact.astype(float), rtol=20 * eps, atol=20 * eps**2 + 1e-17
  )
  np.testing.assert_array_equal(
    wide._shifted_gap(jnp.asarray(gap), left, right, variance, 0.0), gap
  )


def test_gaps_of_opposite_samples_are_two_at_most(x64):
  """Beyond it the angle would be no number."""
  norms = np.exp(np.random.default_rng(0).uniform(20, 40, 300))
  opposite = jnp.full((300, 300), 2.0)
  found = wide._shifted_gap(
    opposite, jnp.asarray(norms), jnp.asarray(norms), 1 / 3, 1 / 3
  )
  assert float(found.min()) > 1.9
  assert float(found.max()) <= 2
