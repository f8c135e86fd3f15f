"""The closed form of wide heads' kernels, against stax and against drawn heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import ntk
from lead_jax.ntk import _heads as heads


def features(x64, n=12, d=5):
  x = np.random.default_rng(0).standard_normal((n, d)) * 3
  return jnp.asarray(x, jnp.float64 if x64 else jnp.float32)


@pytest.mark.parametrize("hidden", [(), (64,), (1024, 2048), (5, 7, 3)])
def test_is_the_limit_that_stax_computes(hidden):
  with jax.enable_x64(True):
    x = features(True)
    run = jax.jit(ntk.wide_head_kernel, static_argnames=("num_classes", "hidden"))
    ours = run(x, num_classes=4, hidden=hidden)
    theirs = ntk.infinite_width_kernel(x, None, num_classes=4, hidden=hidden)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)  # theirs at rho = 1: 1e-8
    np.testing.assert_array_equal(ours, ours.T)
    assert np.linalg.eigvalsh(ours).min() > -1e-9 * np.linalg.eigvalsh(ours).max()


@pytest.mark.parametrize("hidden", [(64,), (5, 7, 3)])
def test_opposite_samples_are_those_of_stax(hidden):
  """The correlation is -1 below the first layer, and near 0 above it."""
  with jax.enable_x64(True):
    x = features(True, n=6)
    x = jnp.concatenate([x, -2 * x, x])
    theirs = ntk.infinite_width_kernel(x, None, num_classes=1, hidden=hidden)
    largest = float(jnp.max(theirs))
    # Seen: 2.3e-10, of theirs, and 1.1e-5.
    for dtype, error in (("float64", 1e-8), ("float32", 3e-5)):
      ours = ntk.wide_head_kernel(x.astype(dtype), hidden=hidden)
      np.testing.assert_allclose(ours, theirs, rtol=0, atol=error * largest)


@pytest.mark.parametrize("initializer", ["he_normal", "torch", "ntk"])
def test_is_the_mean_of_wide_drawn_heads(initializer):
  x, hidden, draws = features(False), (256, 384), 64
  head = heads.MLPHead(1, hidden, initializer)
  kernel = lambda key: ntk.head_kernel(
    heads.init_head(head, key, x.shape[1], x.dtype), x, initializer=initializer
  )
  drawn = jax.jit(jax.vmap(kernel))(jax.random.split(jax.random.key(1), draws))
  error = drawn.std(axis=0, ddof=1) / draws**0.5
  ours = ntk.wide_head_kernel(x, hidden=hidden, initializer=initializer)
  # Five errors of the mean, and a hundredth for the finite widths.
  assert np.all(np.abs(ours - drawn.mean(axis=0)) < 5 * error + 0.01 * np.abs(ours))


def test_diagonal_is_the_exact_expectation(x64):
  x = features(x64)
  for initializer in ("he_normal", "torch", "ntk"):
    ours = ntk.wide_head_kernel(x, num_classes=3, initializer=initializer)
    diagonal = ntk.expected_head_kernel_diagonal(
      jnp.sum(x * x, axis=1), dim=5, num_classes=3, initializer=initializer
    )
    np.testing.assert_allclose(jnp.diag(ours), diagonal, rtol=1e-12 if x64 else 1e-6)


def test_pairs_of_two_sets_are_a_block_of_the_whole(x64):
  x = features(x64)
  whole = ntk.wide_head_kernel(x)
  block = ntk.wide_head_kernel(x[:4], x[4:])
  np.testing.assert_allclose(block, whole[:4, 4:], rtol=1e-10 if x64 else 1e-5)


@pytest.mark.parametrize("hidden", [(6,), (6, 5)])
def test_samples_without_any_norm_are_those_of_a_drawn_head(x64, hidden):
  """Without biases no unit of them is active: the last layer's bias alone is left."""
  x = features(x64, n=4).at[2].set(0)
  kernel = ntk.wide_head_kernel(x, num_classes=3, hidden=hidden)
  head = heads.MLPHead(3, hidden)
  params = heads.init_head(head, jax.random.key(0), x.shape[1], x.dtype)
  drawn = ntk.head_kernel(params, x)
  np.testing.assert_array_equal(kernel[2], np.full(4, 3.0))
  np.testing.assert_array_equal(drawn[2], np.full(4, 3.0))
  np.testing.assert_array_equal(kernel[:, 2], kernel[2])
  np.testing.assert_array_equal(
    ntk.wide_head_kernel(x[2:3], x, num_classes=3, hidden=hidden), kernel[2:3]
  )
  # Where there are biases, no sample is without norm.
  biased = ntk.wide_head_kernel(x, hidden=hidden, initializer="torch")
  expected = ntk.expected_head_kernel_diagonal(
    jnp.sum(x * x, axis=1),
    dim=5,
    num_classes=1,
    hidden=hidden,
    initializer="torch",
  )
  np.testing.assert_allclose(jnp.diag(biased), expected, rtol=1e-12 if x64 else 1e-6)


def test_infinite_width_of_two_sets_is_a_block_of_the_whole():
  with jax.enable_x64(True):
    x = features(True)
    options = {"num_classes": 3, "hidden": (6, 5)}
    whole = ntk.infinite_width_kernel(x, **options)
    block = ntk.infinite_width_kernel(x[:4], 1.3 * x[4:], **options)
    scaled = ntk.infinite_width_kernel(
      jnp.concatenate([x[:4], 1.3 * x[4:]]), None, **options
    )
    np.testing.assert_allclose(block, scaled[:4, 4:], rtol=1e-12)
    np.testing.assert_allclose(
      block, ntk.wide_head_kernel(x[:4], 1.3 * x[4:], **options), rtol=1e-12
    )
    assert not np.allclose(block, whole[:4, 4:], rtol=0.01)
