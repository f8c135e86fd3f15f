"""Leave-one-out dynamics against as many trainings as there are samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.logits._held_out_flow import (
  contour,
  held_out_flow,
  held_out_ridge,
  kernel_spectrum,
  trained_flow,
  trained_ridge,
)

N, K = 40, 3
TIMES = (0.01, 0.3, 1.0, 10.0, 1e4)
# Seen: 1e-13 and, late, 2.4e-5 (`python -m experiments.check_held_out`).
FLOAT64, FLOAT32 = 1e-11, 1e-4


@pytest.fixture(scope="module")
def problem():
  """A kernel of a linear and a local part, and labels that it half explains."""
  rng = np.random.default_rng(0)
  y = np.arange(N) % K
  x = rng.standard_normal((N, 7)) + rng.standard_normal((K, 7))[y]
  distance = np.square(x[:, None] - x[None]).sum(axis=-1)
  return x @ x.T / 7 + 0.3 * np.exp(-distance / 14), np.eye(K)[y]


def trained_without_each(kernel, targets, function):
  """f_{-i}(x_i) = k_i^T function(K_{-i}) y_{-i}, one decomposition a sample."""
  rows = []
  for i in range(len(kernel)):
    rest = np.delete(np.arange(len(kernel)), i)
    s, u = np.linalg.eigh(kernel[np.ix_(rest, rest)])
    rows.append(kernel[i, rest] @ u @ (function(s)[:, None] * (u.T @ targets[rest])))
  return np.stack(rows)


def flow(eta_t):
  return lambda s: np.where(s > 0, -np.expm1(-eta_t * s) / np.where(s > 0, s, 1), eta_t)


def decomposed(problem, x64):
  dtype = np.float64 if x64 else np.float32
  kernel, targets = (a.astype(dtype) for a in problem)
  return jax.jit(kernel_spectrum)(kernel), jnp.asarray(targets)


def test_flow_is_that_of_n_trainings_at_every_time(x64, problem):
  spectrum, targets = decomposed(problem, x64)
  over_times = jax.jit(jax.vmap(held_out_flow, in_axes=(None, None, 0)))
  found = over_times(spectrum, targets, jnp.asarray(TIMES, targets.dtype))
  for eta_t, ours in zip(TIMES, found, strict=True):
    theirs = trained_without_each(*problem, flow(eta_t))
    np.testing.assert_allclose(ours, theirs, atol=FLOAT64 if x64 else FLOAT32)


def test_ridge_is_that_of_n_fits(x64, problem):
  spectrum, targets = decomposed(problem, x64)
  for ridge in (1e-2, 1.0, 30.0):
    ours = held_out_ridge(spectrum, targets, jnp.asarray(ridge, targets.dtype))
    theirs = trained_without_each(*problem, lambda s, r=ridge: 1 / (s + r))
    np.testing.assert_allclose(ours, theirs, atol=FLOAT64 if x64 else FLOAT32)


def test_the_ridge_formula_is_wrong_for_the_flow(problem):
  """Why there is a contour integral: with the flow's smoother the formula is far off."""
  kernel, targets = problem
  s, u = np.linalg.eigh(kernel)
  errors = {}
  for eta_t in TIMES:
    residual = np.exp(-eta_t * s)
    top, low = u @ (residual[:, None] * (u.T @ targets)), u**2 @ residual
    formula = targets - top / low[:, None]
    theirs = trained_without_each(kernel, targets, flow(eta_t))
    errors[eta_t] = np.abs(formula - theirs).max() / np.abs(theirs).max()
  assert errors[0.01] < 0.02  # right where nothing has been learnt yet
  assert errors[1.0] > 0.01
  assert errors[10.0] > 0.1
  assert errors[1e4] > 1


def test_at_time_zero_nothing_is_known(x64, problem):
  spectrum, targets = decomposed(problem, x64)
  none = held_out_flow(spectrum, targets, jnp.zeros((), targets.dtype))
  np.testing.assert_allclose(none, 0, atol=1e-12 if x64 else 1e-5)
  np.testing.assert_array_equal(trained_flow(spectrum, targets, 0.0), 0)


def test_late_flow_is_ridge_without_ridge(problem):
  with jax.enable_x64(True):
    spectrum, targets = decomposed(problem, True)
    late = held_out_flow(spectrum, targets, jnp.asarray(1e9))
    np.testing.assert_allclose(
      late, held_out_ridge(spectrum, targets, jnp.asarray(1e-9)), atol=1e-6
    )


def test_a_twin_predicts_its_twin():
  """Two equal samples and nothing else: each is predicted by the other's label."""
  kernel = jnp.asarray([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 2.0]])
  targets = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
  found = held_out_flow(kernel_spectrum(kernel), targets, jnp.asarray(50.0))
  expected = [[0, 1], [1, 0], [0, 0]]  # of the third nobody knows anything
  np.testing.assert_allclose(found, expected, atol=1e-4)


def test_smoothers_of_the_trained_samples(x64, problem):
  kernel, targets = problem
  s, u = np.linalg.eigh(kernel)
  spectrum, y = decomposed(problem, x64)
  for ours, factor in (
    (trained_flow(spectrum, y, 2.0), 1 - np.exp(-2 * s)),
    (trained_ridge(spectrum, y, 0.5), s / (s + 0.5)),
  ):
    theirs = u @ (factor[:, None] * (u.T @ targets))
    np.testing.assert_allclose(ours, theirs, atol=FLOAT64 if x64 else FLOAT32)


@pytest.mark.parametrize(("nodes", "error"), [(8, 1e-3), (16, 5e-7), (32, 3e-14)])
def test_the_contour_is_the_exponential(nodes, error):
  z, w = contour(nodes)
  x = np.concatenate([[0], np.logspace(-4, 8, 300)])[:, None]
  assert np.abs((w / (z + x)).real.sum(axis=1) - np.exp(-x[:, 0])).max() < error


@pytest.mark.parametrize("nodes", [2, 8, 32])
def test_half_of_the_contour_is_kept(nodes):
  z, w = contour(nodes)
  assert len(z) == len(w) == nodes // 2
  assert np.all(z.imag > 0)


def test_what_is_no_kernel_of_numbers_is_refused(problem):
  spectrum = kernel_spectrum(jnp.asarray(problem[0], jnp.float32))
  halves = jnp.asarray(problem[1], jnp.float16)
  with pytest.raises(ValueError, match="float32 or float64, got float16"):
    held_out_flow(spectrum, halves, jnp.asarray(1.0))


def test_spectra_are_of_the_symmetric_part_and_count_time_by_the_trace(x64, problem):
  kernel = problem[0]
  turned = kernel + np.triu(np.ones_like(kernel), 1) - np.tril(np.ones_like(kernel), -1)
  spectrum = kernel_spectrum(jnp.asarray(turned))
  expected = np.linalg.eigvalsh(kernel)
  scale = expected.max()
  tolerance = FLOAT64 if x64 else FLOAT32
  np.testing.assert_allclose(spectrum.values / scale, expected / scale, atol=tolerance)
  np.testing.assert_allclose(spectrum.mean, np.trace(kernel) / len(kernel), rtol=1e-5)


@pytest.mark.parametrize("nodes", [0, 7])
def test_contours_have_pairs_of_nodes(nodes):
  with pytest.raises(ValueError, match=f"even and at least 2, got {nodes}"):
    contour(nodes)
