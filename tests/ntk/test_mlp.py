"""Closed forms of the head's kernel against neural-tangents and against Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import ntk
from lead_jax.ntk import _heads as heads
from tests.tolerances import KERNEL, SUM, assert_close

SHAPES = [
  # (dim, hidden, classes)
  (5, (), 3),
  (7, (16,), 2),
  (12, (24, 40), 10),
  (30, (64, 32), 101),
  (9, (20, 30, 10), 4),
]


def _setup(dim, hidden, classes, initializer, seed=0, n=11):
  head = heads.MLPHead(classes, hidden, initializer)

  @jax.jit  # one compilation instead of one a drawing
  def draw(key):
    key_head, key_x, key_b = jax.random.split(key, 3)
    x = jax.random.normal(key_x, (n, dim)) * 3.0
    params = heads.init_head(head, key_head, dim, x.dtype)
    # Biases away from zero, so that a form that forgets them fails.
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key_b, len(leaves))
    leaves = [
      leaf + 0.3 * jax.random.normal(k, leaf.shape) if leaf.ndim == 1 else leaf
      for leaf, k in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(tree, leaves), x

  return head, *draw(jax.random.key(seed))


@pytest.mark.parametrize(
  ("dim", "hidden", "classes", "initializer"),
  [(*shape, "he_normal") for shape in SHAPES]
  + [(*SHAPES[-1], "torch"), (*SHAPES[-1], "ntk")],
)
def test_equals_neural_tangents(x64, dim, hidden, classes, initializer):
  head, params, x = _setup(dim, hidden, classes, initializer)
  apply_fn = lambda p, v: heads.apply_head(head, p, v)
  reference = jax.jit(
    lambda p, a, b: ntk.empirical_ntk(apply_fn, p, a, b, kind="summed")
  )(params, x, x[:4] * 0.7)
  ours = jax.jit(lambda p, a, b: ntk.head_kernel(p, a, b, initializer=initializer))(
    params, x, x[:4] * 0.7
  )
  assert ours.dtype == (jnp.float64 if x64 else jnp.float32)
  assert_close(ours, reference, KERNEL)


@pytest.mark.parametrize(("dim", "hidden", "classes"), SHAPES)
def test_diagonal_is_the_kernels(x64, dim, hidden, classes):
  _, params, x = _setup(dim, hidden, classes, "he_normal")
  both = jax.jit(
    lambda p, x: (ntk.head_kernel_diagonal(p, x), jnp.diag(ntk.head_kernel(p, x)))
  )
  assert_close(*both(params, x), SUM)


@pytest.mark.parametrize("initializer", ["he_normal", "torch", "ntk"])
@pytest.mark.parametrize("hidden", [(), (6,), (5, 9)])
def test_expectation_over_heads(hidden, initializer):
  """Exact at any width: narrow heads, many of them, within the Monte Carlo error."""
  dim, classes, draws = 4, 3, 20_000
  x = jax.random.normal(jax.random.key(3), (2, dim))
  head = heads.MLPHead(classes, hidden, initializer)

  def one(key):
    params = heads.init_head(head, key, dim)
    return ntk.head_kernel_diagonal(params, x, initializer=initializer)

  samples = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(5), draws))
  expected = ntk.expected_head_kernel_diagonal(
    jnp.sum(x * x, axis=1),
    dim=dim,
    num_classes=classes,
    hidden=hidden,
    initializer=initializer,
  )
  error = np.std(samples, axis=0) / np.sqrt(draws)
  assert np.all(np.abs(np.mean(samples, axis=0) - expected) < 4.5 * error + 1e-5)


def test_expectation_is_the_formula_of_the_docstring():
  got = ntk.expected_head_kernel_diagonal(jnp.float32(50.0), dim=20, num_classes=7)
  assert_close(got, np.float64(7 * ((20 + 1024 + 2048) * 50 / 20 + 3)), KERNEL)


def test_flax_dense_gives_the_same_function():
  """An MLPHead is what `flax.linen.Dense` layers with He weights compute."""
  import flax.linen as nn

  head, params, x = _setup(6, (8,), 3, "he_normal")
  hidden = nn.Dense(8).apply({"params": params["layer_0"]}, x)
  plain = nn.Dense(3).apply({"params": params["layer_1"]}, nn.relu(hidden))
  np.testing.assert_allclose(heads.apply_head(head, params, x), plain, rtol=2e-5)


def test_unknown_initializer():
  with pytest.raises(ValueError, match=r"initializer must be one of .* got 'xavier'"):
    heads.layer_scales("xavier", 3)


def test_scales_of_a_layer():
  assert heads.layer_scales("he_normal", 8) == (1.0, 0.25, 0.0)
  assert heads.layer_scales("torch", 8) == (1.0, 1 / 24, 1 / 24)
  assert heads.layer_scales("ntk", 8) == (0.5, 0.25, 0.0)


def test_a_head_keeps_the_axes_before_the_features():
  head, params, x = _setup(6, (8,), 3, "torch", n=12)
  flat = head.apply({"params": params}, x)
  stacked = head.apply({"params": params}, x.reshape(2, 2, 3, 6))
  np.testing.assert_allclose(stacked, flat.reshape(2, 2, 3, 3), rtol=1e-6)
