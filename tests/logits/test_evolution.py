"""Evolution against neural-tangents, against its limits, and against real training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import logits, ntk
from lead_jax.ntk import _heads as heads, _neural_tangents as neural_tangents
from tests.tolerances import KERNEL, SUM, assert_close

N, K = 12, 3
LABELS = np.arange(N) % K


def _start():
  return jax.nn.softmax(jax.random.normal(jax.random.key(0), (N, K)), axis=1)


def _kernel(seed=1):
  x = jax.random.normal(jax.random.key(seed), (N, 8))
  params = heads.init_head(heads.MLPHead(K, (16,)), jax.random.key(2), 8, x.dtype)
  return ntk.head_kernel(params, x)


@pytest.mark.parametrize("t", [0.0, 0.01, 1.0, 30.0])
def test_full_kernel_equals_neural_tangents(x64, t):
  """Its loss is a mean over N x K entries, ours a sum, so its time is ours times NK."""
  start, kernel = _start(), _kernel()
  kernel = kernel / jnp.trace(kernel)
  targets = jax.nn.one_hot(LABELS, K, dtype=start.dtype)
  predict = neural_tangents.load("a test").predict.gradient_descent_mse(kernel, targets)
  reference = predict(t * N * K, start, None)
  ours = jax.jit(logits.evolve_full_kernel)(start, LABELS, kernel, t)
  assert_close(ours, reference, {k: 5 * v for k, v in KERNEL.items()})


def test_limits_in_time(x64):
  start, kernel = _start(), _kernel()
  rates = jnp.asarray([3e5, 1e4, 7e3])
  targets = jax.nn.one_hot(LABELS, K, dtype=start.dtype)
  for at in (
    lambda t: logits.evolve_class_aware(start, LABELS, rates, t),
    lambda t: logits.evolve_full_kernel(start, LABELS, kernel, t),
  ):
    assert_close(at(0.0), start, SUM)
    assert_close(at(1e9), targets, KERNEL)
  assert_close(logits.evolve_constant(start, LABELS, 1.0), start, SUM)
  assert_close(logits.evolve_constant(start, LABELS, 0.0), targets, SUM)
  assert_close(logits.cross_entropy_flow(start, LABELS, kernel, 0.0), start, SUM)


def test_logits_keep_their_type(x64):
  start = _start().astype(jnp.float32)
  kernel, rates = _kernel().astype(jnp.float32), jnp.ones(K, jnp.float32)
  for found in (
    logits.evolve_class_aware(start, LABELS, rates, 1.0),
    logits.evolve_constant(start, LABELS, 0.5),
    logits.evolve_full_kernel(start, LABELS, kernel, 1.0),
    logits.cross_entropy_flow(start, LABELS, kernel, 1.0),
  ):
    assert found.dtype == jnp.float32


def test_full_kernel_takes_the_symmetric_part(x64):
  start, kernel = _start(), _kernel()
  turned = kernel + jnp.triu(jnp.ones((N, N)), 1) - jnp.tril(jnp.ones((N, N)), -1)
  assert_close(
    logits.evolve_full_kernel(start, LABELS, turned, 0.1),
    logits.evolve_full_kernel(start, LABELS, kernel, 0.1),
    KERNEL,
  )


@pytest.mark.parametrize("rate", [1e-4, 1e-9, 1e-20])
def test_small_rates_keep_their_digits(x64, rate):
  """One minus e^-x would be zero, or a multiple of the last digit of one."""
  start = jnp.zeros((N, K))
  targets = np.eye(K)[LABELS]
  aware = logits.evolve_class_aware(start, LABELS, jnp.full((K,), rate), 1.0)
  np.testing.assert_allclose(aware, -np.expm1(-rate) * targets, rtol=1e-6)
  whole = logits.evolve_full_kernel(start, LABELS, rate * jnp.eye(N), 1.0)
  np.testing.assert_allclose(whole, -np.expm1(-rate) * targets, rtol=1e-6)


def test_class_aware_is_the_formula(x64):
  start = np.asarray(_start(), np.float64)
  rates = np.array([3e5, 1e-3, 7e3])
  keep = np.exp(-1e-6 * rates)[LABELS][:, None]
  reference = (1 - keep) * np.eye(K)[LABELS] + keep * start
  ours = logits.evolve_class_aware(jnp.asarray(start), LABELS, jnp.asarray(rates), 1e-6)
  assert_close(ours, reference, SUM)
  # a rate far below the precision of 1 - e^-x still moves the logits
  moved = np.asarray(ours - jnp.asarray(start), np.float64)[1, 1]
  if x64:
    np.testing.assert_allclose(moved, 1e-9 * (1 - start[1, 1]), rtol=1e-5)


def test_equal_rates_and_a_multiple_of_the_identity_agree(x64):
  start = _start()
  rates = jnp.full((K,), 2.5, start.dtype)
  assert_close(
    logits.evolve_full_kernel(start, LABELS, 2.5 * jnp.eye(N, dtype=start.dtype), 0.4),
    logits.evolve_class_aware(start, LABELS, rates, 0.4),
    SUM,
  )


def test_cross_entropy_flow_against_small_euler_steps(x64):
  start, kernel = _start(), _kernel()
  kernel = kernel / jnp.trace(kernel)
  targets = jax.nn.one_hot(LABELS, K, dtype=start.dtype)
  steps, t = 20_000, 40.0

  def step(_, state):
    return state - t / steps * kernel @ (jax.nn.softmax(state, axis=1) - targets)

  reference = jax.lax.fori_loop(0, steps, step, start)
  ours = jax.jit(logits.cross_entropy_flow)(start, LABELS, kernel, t)
  # Euler's own error at this step is about 1e-4.
  np.testing.assert_allclose(ours, reference, atol=1e-3)
  assert np.max(np.abs(ours - start)) > 0.5


def test_cross_entropy_flow_ends_after_its_steps(x64):
  """Twins of two classes meet in the middle, in steps of three over the rate."""
  start = jnp.array([[1.0, -1.0], [1.0, -1.0]])
  at = lambda rate: logits.cross_entropy_flow(
    start, np.array([0, 1]), jnp.full((2, 2), rate), 1.0
  )
  np.testing.assert_allclose(at(2.5e4), 0, atol=1e-3)
  with pytest.raises(RuntimeError):
    at(1e5)


def test_cross_entropy_flow_with_rates_is_that_with_a_diagonal_kernel(x64):
  start = _start()
  rates = jnp.linspace(0.1, 5.0, N, dtype=start.dtype)
  np.testing.assert_allclose(
    logits.cross_entropy_flow(start, LABELS, rates, 3.0),
    logits.cross_entropy_flow(start, LABELS, jnp.diag(rates), 3.0),
    atol=1e-3,
  )


def test_gradient_descent_on_a_wide_head_follows_the_prediction():
  """What Eq. 6 claims: train a real head, compare its logits with the jump."""
  dim, width, samples = 6, 8192, 10
  x = jax.random.normal(jax.random.key(0), (samples, dim))
  labels = np.arange(samples) % 2
  targets = jax.nn.one_hot(labels, 2)
  # The NTK parameterisation: kernels stay constant as the width grows.
  head = heads.MLPHead(2, (width,), "ntk")
  params = heads.init_head(head, jax.random.key(1), dim)
  apply_fn = lambda p: heads.apply_head(head, p, x)
  # Logits are independent at infinite width, so one logit's kernel serves both.
  kernel = ntk.head_kernel(params, x, initializer="ntk") / 2
  start = apply_fn(params)
  rate = 0.1 / float(jnp.linalg.eigvalsh(kernel)[-1])
  steps = 400

  @jax.jit
  def train(params):
    loss = lambda p: 0.5 * jnp.sum(jnp.square(apply_fn(p) - targets))
    descend = lambda p, g: p - rate * g
    step = lambda _, p: jax.tree.map(descend, p, jax.grad(loss)(p))
    return apply_fn(jax.lax.fori_loop(0, steps, step, params))

  trained = train(params)
  predicted = logits.evolve_full_kernel(start, labels, kernel, rate * steps)
  moved = float(jnp.linalg.norm(trained - start))
  error = float(jnp.linalg.norm(trained - predicted))
  assert error < 0.03 * moved, (error, moved)
