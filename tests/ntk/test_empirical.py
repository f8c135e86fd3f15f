"""The empirical kernels against plain JAX Jacobians, and the limits they obey."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import ntk
from lead_jax.ntk import _heads as heads
from tests.tolerances import KERNEL, assert_close


def _network(seed=0, n=7, dim=5, hidden=(8, 6), classes=4):
  head = heads.MLPHead(classes, hidden)
  x = jax.random.normal(jax.random.key(seed), (n, dim))
  params = heads.init_head(head, jax.random.key(seed + 1), dim, x.dtype)
  return (lambda p, v: heads.apply_head(head, p, v)), params, x


def _jacobian_kernel(apply_fn, params, x1, x2):
  flat = lambda x: jnp.concatenate(
    [
      leaf.reshape(*leaf.shape[:2], -1)
      for leaf in jax.tree.leaves(jax.jacobian(lambda p: apply_fn(p, x))(params))
    ],
    axis=-1,
  )
  return jnp.einsum("nkp,mlp->nmkl", flat(x1), flat(x2), precision="highest")


@pytest.mark.parametrize(
  ("batch_size", "implementation"),
  [
    (None, "jacobian_contraction"),
    (3, "jacobian_contraction"),
    (50, "ntk_vector_products"),
  ],
)
def test_all_kinds(x64, batch_size, implementation):
  apply_fn, params, x = _network()
  columns = x[:5] * 1.3
  full = jax.jit(lambda p: _jacobian_kernel(apply_fn, p, x, columns))(params)
  options = {"batch_size": batch_size, "implementation": implementation}
  get = lambda kind: jax.jit(
    lambda p: ntk.empirical_ntk(apply_fn, p, x, columns, kind=kind, **options)
  )(params)
  assert_close(get("full"), full, KERNEL)
  assert_close(get("traced"), jnp.einsum("nmkk->nm", full), KERNEL)
  assert_close(get("summed"), jnp.sum(full, axis=(2, 3)), KERNEL)


def test_works_on_a_flax_convolution_with_every_parameter(x64):
  import flax.linen as nn

  class Network(nn.Module):
    @nn.compact
    def __call__(self, image):
      hidden = nn.relu(nn.Conv(3, (3, 3), param_dtype=image.dtype)(image))
      return nn.Dense(2, param_dtype=image.dtype)(jnp.mean(hidden, axis=(1, 2)))

  network = Network()
  images = jax.random.normal(jax.random.key(0), (4, 6, 6, 1))
  params = network.init(jax.random.key(1), images)["params"]
  apply_fn = lambda p, image: network.apply({"params": p}, image)
  kernel = jax.jit(lambda p: ntk.empirical_ntk(apply_fn, p, images, kind="summed"))(
    params
  )
  for batch_size in (1, 3):
    norms = ntk.squared_gradient_norms(apply_fn, params, images, batch_size=batch_size)
    assert_close(norms, jnp.diag(kernel), KERNEL)


def test_gradient_norms_of_the_head_are_its_diagonal(x64):
  apply_fn, params, x = _network(classes=9)
  assert_close(
    ntk.squared_gradient_norms(apply_fn, params, x),
    ntk.head_kernel_diagonal(params, x),
    KERNEL,
  )


def test_wide_heads_approach_the_infinite_width_kernel():
  x = jax.random.normal(jax.random.key(0), (6, 10))
  errors = []
  for width in (16, 128, 1024):
    hidden = (width, width)
    limit = jax.jit(
      lambda x, hidden=hidden: ntk.infinite_width_kernel(
        x, num_classes=3, hidden=hidden
      )
    )(x)
    head = heads.MLPHead(3, hidden)
    draw = lambda key, head=head: ntk.head_kernel(heads.init_head(head, key, 10), x)
    kernels = jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(1), 8))
    deviations = jnp.linalg.norm(kernels - limit[None], axis=(1, 2))
    errors.append(float(jnp.mean(deviations) / jnp.linalg.norm(limit)))
  # Fluctuations fall like 1/sqrt(width), by 2.8 a step; the narrowest is not yet there.
  assert errors[0] > 1.7 * errors[1] > 1.7 * 2.3 * errors[2], errors
  assert errors[2] < 0.15


def test_infinite_width_diagonal_is_the_expectation(x64):
  x = jax.random.normal(jax.random.key(0), (6, 10))
  kernel = ntk.infinite_width_kernel(x, num_classes=5, hidden=(12, 30))
  expected = ntk.expected_head_kernel_diagonal(
    jnp.sum(x * x, axis=1), dim=10, num_classes=5, hidden=(12, 30)
  )
  # In float32 stax's own arccos near 1 costs up to 5e-5 on the diagonal.
  assert_close(jnp.diag(kernel), expected, {**KERNEL, np.dtype("float32"): 1e-4})


def test_bad_arguments():
  apply_fn, params, x = _network()
  with pytest.raises(ValueError, match="kind must be one of"):
    ntk.empirical_ntk(apply_fn, params, x, kind="partial")
  with pytest.raises(ValueError, match="implementation must be one of"):
    ntk.empirical_ntk(apply_fn, params, x, implementation="structured")
  with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
    ntk.empirical_ntk(apply_fn, params, x, batch_size=0)


def test_kernel_is_positive_semi_definite(x64):
  apply_fn, params, x = _network(n=20)
  kernel = jax.jit(lambda p: ntk.empirical_ntk(apply_fn, p, x, kind="summed"))(params)
  eigenvalues = np.linalg.eigvalsh(kernel)
  assert eigenvalues[0] > -1e-5 * eigenvalues[-1]
