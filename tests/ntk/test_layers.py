"""Empirical kernels of every layer people use, against `jax.jacobian` in float64."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import ntk


class Convolution(nn.Module):
  @nn.compact
  def __call__(self, x):
    x = nn.gelu(nn.Conv(3, (3, 3), strides=2)(x))
    x = nn.max_pool(nn.Conv(2, (2, 2), feature_group_count=1)(x), (2, 2))
    return nn.Dense(2)(x.reshape(len(x), -1))


class LayerNorm(nn.Module):
  @nn.compact
  def __call__(self, x):
    return nn.Dense(2)(nn.LayerNorm()(jnp.tanh(nn.Dense(5)(x.reshape(len(x), -1)))))


class Attention(nn.Module):
  @nn.compact
  def __call__(self, x):
    tokens = nn.Dense(4)(x.reshape(len(x), -1, 3))
    tokens = tokens + nn.MultiHeadDotProductAttention(num_heads=2)(tokens)
    return nn.Dense(2)(jnp.mean(tokens, axis=1))


class BatchNorm(nn.Module):
  """In inference: the means and variances are constants."""

  @nn.compact
  def __call__(self, x):
    x = nn.Dense(5)(x.reshape(len(x), -1))
    return nn.Dense(2)(nn.silu(nn.BatchNorm(use_running_average=True)(x)))


@functools.cache
def case(module):
  """The function, its parameters, two sets of inputs, and the kernel in NumPy."""
  with jax.enable_x64(True):
    rng = np.random.default_rng(0)
    x1, x2 = rng.standard_normal((5, 6, 6, 1)), rng.standard_normal((3, 6, 6, 1))
    network = module()
    variables = jax.jit(network.init)(jax.random.key(0), x1)
    # No value is left at one or zero, where a layer's mistakes would not show.
    moved = jax.tree.map(
      lambda leaf: np.asarray(leaf) + 0.1 * rng.uniform(0.5, 1, leaf.shape), variables
    )
    params = jax.tree.map(jnp.asarray, moved.pop("params"))
    apply_fn = lambda p, x: network.apply({"params": p, **moved}, x)

    def jacobian(x):
      leaves = jax.tree.leaves(jax.jit(jax.jacobian(apply_fn))(params, x))
      return np.concatenate([leaf.reshape(len(x), 2, -1) for leaf in leaves], axis=-1)

    j1, j2 = jacobian(jnp.asarray(x1)), jacobian(jnp.asarray(x2))
  theta = {
    same: np.einsum("nkp,mlp->nmkl", j1, other)
    for same, other in ((True, j1), (False, j2))
  }
  return apply_fn, params, x1, x2, theta


@pytest.mark.parametrize("module", [Convolution, LayerNorm, Attention, BatchNorm])
@pytest.mark.parametrize(
  ("implementation", "batch_size", "same"),
  [
    ("jacobian_contraction", None, True),
    ("jacobian_contraction", 2, False),
    ("ntk_vector_products", None, False),
    ("ntk_vector_products", 2, True),
  ],
)
def test_kernel_is_that_of_the_jacobians(module, implementation, batch_size, same):
  apply_fn, params, x1, x2, theta = case(module)
  expected = {
    "full": theta[same],
    "traced": np.einsum("nmkk->nm", theta[same]),
    "summed": theta[same].sum(axis=(2, 3)),
  }
  with jax.enable_x64(True):
    # All kinds in one program.
    kernels = jax.jit(
      lambda p: {
        kind: ntk.empirical_ntk(
          apply_fn,
          p,
          x1,
          None if same else x2,
          kind=kind,
          batch_size=batch_size,
          implementation=implementation,
        )
        for kind in expected
      }
    )(params)
    for kind, kernel in kernels.items():
      scale = np.abs(expected[kind]).max()
      np.testing.assert_allclose(kernel, expected[kind], rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("module", [Convolution, LayerNorm, Attention, BatchNorm])
def test_gradient_norms_are_those_of_the_jacobians(module):
  apply_fn, params, x1, _, theta = case(module)
  expected = np.diag(theta[True].sum(axis=(2, 3)))
  with jax.enable_x64(True):
    # Concrete values: the rows are checked too, and pass.
    for batch_size in (1, 4):
      norms = ntk.squared_gradient_norms(apply_fn, params, x1, batch_size=batch_size)
      np.testing.assert_allclose(norms, expected, rtol=1e-12)


def test_batch_norm_in_training_is_refused():
  """Its summed kernel by single rows is zero, and says nothing of the network."""
  norm = nn.BatchNorm(use_running_average=False)
  x = jax.random.normal(jax.random.key(0), (6, 3))
  variables = norm.init(jax.random.key(1), x)
  apply_fn = lambda p, x: norm.apply(
    {**variables, "params": p}, x, mutable="batch_stats"
  )[0]
  for function in (ntk.empirical_ntk, ntk.squared_gradient_norms):
    with pytest.raises(ValueError, match="rows must not influence each other"):
      function(apply_fn, variables["params"], x)
