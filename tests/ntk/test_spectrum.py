"""Spectra of the classes' kernels against NumPy, with classes smaller than S."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import ntk
from lead_jax.ntk import _heads as heads
from tests.tolerances import KERNEL, SUM, assert_close

LABELS = np.array([2, 0, 0, 1, 0, 0, 2, 0, 2, 0])  # class 3 is empty, class 1 has one


def _setup(x64):
  x = jax.random.normal(jax.random.key(0), (len(LABELS), 6)) * 2
  params = heads.init_head(heads.MLPHead(4, (8, 12)), jax.random.key(1), 6, x.dtype)
  return params, x


def test_first_samples_of_each_class():
  indices, mask = ntk.class_indices(LABELS, num_classes=4, samples_per_class=3)
  np.testing.assert_array_equal(np.sum(mask, axis=1), [3, 1, 3, 0])
  np.testing.assert_array_equal(indices[0], [1, 2, 4])
  np.testing.assert_array_equal(indices[1], [3, 0, 0])
  np.testing.assert_array_equal(indices[2], [0, 6, 8])


def test_drawn_samples_are_of_the_class_distinct_and_vary_with_the_key():
  labels = jnp.repeat(jnp.arange(3), 50)
  draw = lambda seed: ntk.class_indices(
    labels, num_classes=3, samples_per_class=20, key=jax.random.key(seed)
  )[0]
  first = draw(0)
  np.testing.assert_array_equal(
    labels[first], np.repeat(np.arange(3), 20).reshape(3, 20)
  )
  assert all(len(set(row.tolist())) == 20 for row in first)
  np.testing.assert_array_equal(first, draw(0))
  assert np.any(first != draw(1))


@pytest.mark.parametrize("batch_size", [3, 8])
def test_spectra_and_mean_eigenvalues(x64, batch_size):
  params, x = _setup(x64)
  indices, mask = ntk.class_indices(LABELS, num_classes=4, samples_per_class=5)

  @jax.jit
  def compute(params, x):
    kernels = ntk.class_kernels(params, x, indices, mask, batch_size=batch_size)
    return kernels, ntk.class_spectra(kernels, mask)

  kernels, spectra = compute(params, x)
  for c in range(3):
    rows = np.flatnonzero(c == LABELS)[:5]
    kernel = np.asarray(ntk.head_kernel(params, x[rows]))
    assert_close(kernels[c, : len(rows), : len(rows)], kernel, KERNEL)
    reference = np.linalg.eigvalsh(kernel)[::-1]
    assert_close(spectra[c, : len(rows)], reference, KERNEL)
    assert np.all(spectra[c, len(rows) :] == 0)
  diagonal = jnp.diagonal(kernels, axis1=1, axis2=2)
  by_trace = ntk.mean_eigenvalues_by_trace(diagonal, mask)
  by_spectrum = ntk.mean_eigenvalues(spectra, mask)
  assert_close(by_trace[:3], by_spectrum[:3], SUM)
  assert np.isnan(by_trace[3])
  assert np.isnan(by_spectrum[3])
  # and it is the mean squared gradient norm
  norms = ntk.head_kernel_diagonal(params, x)
  assert_close(by_trace[2], np.asarray(norms)[LABELS == 2].mean(), SUM)


def test_spectra_are_those_of_the_symmetric_part(x64):
  """What rounding makes of the two halves of a kernel does not choose between them."""
  rng = np.random.default_rng(0)
  half = rng.standard_normal((2, 4, 4))
  kernels = jnp.asarray(half @ half.transpose(0, 2, 1))
  skew = jnp.asarray(0.3 * (half - half.transpose(0, 2, 1)))
  mask = jnp.ones((2, 4), bool)
  assert_close(
    ntk.class_spectra(kernels + skew, mask), ntk.class_spectra(kernels, mask), KERNEL
  )


def test_what_is_beyond_a_class_is_zero_and_not_rounding():
  kernels = jnp.asarray([np.diag([2.0, 1.0, 1e-9])])
  mask = jnp.array([[True, True, False]])
  np.testing.assert_array_equal(ntk.class_spectra(kernels, mask), [[2.0, 1.0, 0.0]])


@pytest.mark.parametrize("initializer", ["he_normal", "torch", "ntk"])
def test_kernels_of_classes_are_of_the_heads_parameterisation(initializer):
  x = jax.random.normal(jax.random.key(0), (6, 5))
  head = heads.MLPHead(2, (4,), initializer)
  params = heads.init_head(head, jax.random.key(1), 5)
  indices, mask = ntk.class_indices(
    np.array([0, 1, 0, 1, 1, 1]), num_classes=2, samples_per_class=2
  )
  kernels = ntk.class_kernels(params, x, indices, mask, initializer=initializer)
  for c, rows in enumerate(([0, 2], [1, 3])):
    expected = ntk.head_kernel(params, x[np.array(rows)], initializer=initializer)
    assert_close(kernels[c], expected, KERNEL)


def test_features_may_be_known_where_samples_are_traced():
  """As in a loop over classes that a caller writes: known arrays beside traced ones."""
  params, x = _setup(False)
  indices, mask = ntk.class_indices(LABELS, num_classes=4, samples_per_class=3)
  one = lambda pair: ntk.class_kernels(params, x, pair[0][None], pair[1][None])[0]
  found = jax.lax.map(one, (indices, mask))
  np.testing.assert_allclose(
    found, ntk.class_kernels(params, x, indices, mask), rtol=1e-5
  )
