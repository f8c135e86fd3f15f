"""Multinomial logistic regression with a ridge, by Newton's method.

  min_W,b  sum_i w_i (-log softmax(W^T z_i + b)[y_i]) + l2 / 2 |W|^2,   b free,

with z = (x - m) / s, which is never formed: logits are x (W / s) + (b - m.W / s).

The Newton steps are solved by conjugate gradients. The Hessian of the multinomial
likelihood is bounded by 1/2 Z^T Z for every class (Boehning, 1992), whose Cholesky
factor, weighted, preconditions all steps.

References:
  Boehning, `Multinomial logistic regression algorithm
  <https://doi.org/10.1007/BF00048682>`_, 1992, Theorem 1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.typing import Array, Bool, Float, Int

_HIGHEST = jax.lax.Precision.HIGHEST
_CG_MAX_ITER = 100
_CURVATURE = 0.02  # of the preconditioner, see there


class LogisticFit(NamedTuple):
  """A fitted classifier.

  Attributes:
    weights_ek: W, and b as the last row, of sum zero over classes.
    logits_nk: Of all samples, those of weight zero too.
    loss: The objective, in nats summed over samples.
    converged: Whether the gradient reached the tolerance.
    steps: Newton steps done.
  """

  weights_ek: Float[Array, "e k"]
  logits_nk: Float[Array, "n k"]
  loss: Float[Array, ""]
  converged: Bool[Array, ""]
  steps: Int[Array, ""]


def fit_logistic(
  x_nd: Float[Array, "n d"],
  onehot_nk: Float[Array, "n k"],
  weight_n: Float[Array, " n"],
  mean_d: Float[Array, " d"],
  inverse_std_d: Float[Array, " d"],
  l2: float | Float[Array, ""],
  *,
  tolerance: float,
  cg_tolerance: float = 0.3,
  max_iter: int = 50,
) -> LogisticFit:
  """Minimises the penalised negative log-likelihood.

  Args:
    x_nd: Samples, one a row, of unit scale about.
    onehot_nk: Their classes.
    weight_n: Their weights, at least 0.
    mean_d: m.
    inverse_std_d: 1 / s; 0 leaves a feature out.
    l2: Ridge on the weights, above 0.
    tolerance: Of the largest entry of the gradient, relative to the norm of a column
      without any cancellation.
    cg_tolerance: Of a Newton step's residual, relative to the gradient.
    max_iter: Bound on the Newton steps.

  Returns:
    A `LogisticFit`.
  """
  n, d = x_nd.shape
  k = onehot_nk.shape[1]
  dtype = x_nd.dtype
  total = jnp.sum(weight_n)

  def forward(w_ek):
    """z_i . w + b for all samples; the bias is the last row of w."""
    scaled_dk = inverse_std_d[:, None] * w_ek[:-1]
    shift_k = w_ek[-1] - jnp.matmul(mean_d, scaled_dk, precision=_HIGHEST)
    return jnp.matmul(x_nd, scaled_dk, precision=_HIGHEST) + shift_k[None, :]

  def pull_back(a_nk):
    """The transpose of `forward`, on samples that were weighted before."""
    sum_k = jnp.sum(a_nk, axis=0)
    # (a^T x)^T: XLA's CPU product with a transposed left side is slower.
    inner_dk = jnp.matmul(a_nk.T, x_nd, precision=_HIGHEST).T
    inner_dk = inverse_std_d[:, None] * (inner_dk - mean_d[:, None] * sum_k[None, :])
    return jnp.concatenate([inner_dk, sum_k[None, :]], axis=0)

  # No ridge on the bias. It is only fixed up to a constant common to all classes;
  # started at zero, it stays on the space of zero sum.
  ridge_e1 = jnp.concatenate([jnp.full((d,), l2, dtype), jnp.zeros((1,), dtype)])[
    :, None
  ]

  def loss(w_ek, z_nk):
    log_p_nk = jax.nn.log_softmax(z_nk, axis=1)
    data = -jnp.sum(weight_n[:, None] * onehot_nk * log_p_nk)
    return data + 0.5 * jnp.sum(ridge_e1 * w_ek**2)

  root = _preconditioner(x_nd, weight_n, mean_d, inverse_std_d, l2)

  def precondition(r_ek):
    return jnp.concatenate([root(r_ek[:-1]), r_ek[-1:] * (2 / total)], axis=0)

  def gradient(w_ek, z_nk):
    residual_nk = weight_n[:, None] * (jax.nn.softmax(z_nk, axis=1) - onehot_nk)
    g_ek = pull_back(residual_nk) + ridge_e1 * w_ek
    # z has unit variance: a column's gradient without any cancellation is about this.
    size = jnp.sqrt(total * jnp.sum(residual_nk**2)) + l2 * jnp.linalg.norm(w_ek)
    return g_ek, jnp.max(jnp.abs(g_ek)) / jnp.where(size > 0, size, 1)

  def proceed(state):
    step, _, _, _, _, relative, stalled = state
    return (step < max_iter) & (relative > tolerance) & ~stalled

  def newton_step(state):
    step, w_ek, z_nk, value, g_ek, _, _ = state
    p_nk = jax.nn.softmax(z_nk, axis=1)

    def product(v_ek):
      dz_nk = forward(v_ek)
      mean_n1 = jnp.sum(p_nk * dz_nk, axis=1, keepdims=True)
      return pull_back(weight_n[:, None] * p_nk * (dz_nk - mean_n1)) + ridge_e1 * v_ek

    v_ek = _conjugate_gradients(product, precondition, -g_ek, cg_tolerance)
    dz_nk = forward(v_ek)
    slope = jnp.sum(g_ek * v_ek)

    # Armijo's rule by halving; the whole step is taken near the optimum.
    def too_long(search):
      tries, length = search
      reached = loss(w_ek + length * v_ek, z_nk + length * dz_nk)
      slack = 10 * jnp.finfo(dtype).eps * value
      return (reached > value + 1e-4 * length * slope + slack) & (tries < 20)

    _, length = jax.lax.while_loop(
      too_long, lambda s: (s[0] + 1, 0.5 * s[1]), (0, jnp.ones((), dtype))
    )
    w_ek = w_ek + length * v_ek
    z_nk = forward(w_ek)
    reached = loss(w_ek, z_nk)
    g_ek, relative = gradient(w_ek, z_nk)
    return step + 1, w_ek, z_nk, reached, g_ek, relative, ~jnp.isfinite(reached)

  w_ek = jnp.zeros((d + 1, k), dtype)
  # Behind a barrier: or else the compiler spends seconds on softmax of a constant.
  z_nk = jax.lax.optimization_barrier(jnp.zeros((n, k), dtype))
  g_ek, relative = gradient(w_ek, z_nk)
  state = (
    jnp.int32(0),
    w_ek,
    z_nk,
    loss(w_ek, z_nk),
    g_ek,
    relative,
    jnp.asarray(False),
  )
  state = jax.lax.while_loop(proceed, newton_step, state)
  steps, w_ek, z_nk, value, _, relative, _ = state
  return LogisticFit(w_ek, z_nk, value, relative <= tolerance, steps)


def _preconditioner(x_nd, weight_n, mean_d, inverse_std_d, l2):
  """Inverts c Z^T Z + l2 I, or its like in the sample space where N < D.

  c is the mean of p (1 - p) that a half-fitted model has: between Boehning's bound and
  the optimum's values, which tend to zero on separable data.
  """
  n, d = x_nd.shape
  dtype = x_nd.dtype
  b_nd = (x_nd - mean_d[None, :]) * inverse_std_d[None, :]
  b_nd = b_nd * jnp.sqrt(_CURVATURE * weight_n)[:, None]
  if d <= n:
    h_dd = jnp.matmul(b_nd.T, b_nd, precision=_HIGHEST)
    eye_dd = jnp.eye(d, dtype=dtype)
    factor_dd = jnp.linalg.cholesky(h_dd + l2 * eye_dd)
    root_dd = jax.scipy.linalg.solve_triangular(factor_dd, eye_dd, lower=True)

    def apply_root(r_dk):
      half_dk = jnp.matmul(root_dd, r_dk, precision=_HIGHEST)
      return jnp.matmul(half_dk.T, root_dd, precision=_HIGHEST).T

    return apply_root

  g_nn = jnp.matmul(b_nd, b_nd.T, precision=_HIGHEST)
  eye_nn = jnp.eye(n, dtype=dtype)
  factor_nn = jnp.linalg.cholesky(g_nn + l2 * eye_nn)
  root_nn = jax.scipy.linalg.solve_triangular(factor_nn, eye_nn, lower=True)
  half_nd = jnp.matmul(root_nn, b_nd, precision=_HIGHEST)

  def apply(r_dk):
    inner_nk = jnp.matmul(half_nd, r_dk, precision=_HIGHEST)
    return (r_dk - jnp.matmul(inner_nk.T, half_nd, precision=_HIGHEST).T) / l2

  return apply


def _conjugate_gradients(product, precondition, b_ek, tolerance):
  """Solves one system in all weights together, to a relative residual."""

  def proceed(carry):
    step, _, _, _, rs, rs_0 = carry
    return (step < _CG_MAX_ITER) & (rs > tolerance**2 * rs_0)

  def body(carry):
    step, v_ek, r_ek, p_ek, rs, rs_0 = carry
    hp_ek = product(p_ek)
    curvature = jnp.sum(p_ek * hp_ek)
    length = jnp.where(curvature > 0, rs / jnp.where(curvature > 0, curvature, 1), 0)
    v_ek = v_ek + length * p_ek
    r_ek = r_ek - length * hp_ek
    s_ek = precondition(r_ek)
    rs_next = jnp.sum(r_ek * s_ek)
    return step + 1, v_ek, r_ek, s_ek + rs_next / rs * p_ek, rs_next, rs_0

  s_ek = precondition(b_ek)
  rs = jnp.sum(b_ek * s_ek)
  start = (0, jnp.zeros_like(b_ek), b_ek, s_ek, rs, rs)
  return jax.lax.while_loop(proceed, body, start)[1]
