"""One-vs-rest linear support vector machines, all classes at once.

Solves, for every class, LIBLINEAR's L2-regularised squared-hinge problem (the problem of
scikit-learn's `LinearSVC`), the bias being one more feature of value 1:

  min_w  f(w) = 1/2 |w|^2 + C sum_i xi_i^2,   xi_i = max(0, 1 - y_i w.x_i),  y = +-1.

LIBLINEAR solves K problems one after the other, sample by sample. Here the K problems
share every matrix product, so that the work is a few hundred products of the N x D
features with D x K weights:

* Newton's method on the piecewise quadratic f. With A the samples of xi > 0, the Hessian
  I + 2C X_A^T X_A differs between classes, so that it is never formed; conjugate
  gradients need its products only.
* One preconditioner for all classes, a Cholesky factor of G / N + kappa I with G the Gram
  matrix of all samples. If the n active samples were a random draw, kappa = 1 / (2 C n)
  would be right for n >> D; for n < D the draw leaves most directions out, and the
  equivalent ridge of its tail is at most tr(G / N) / n. kappa is the sum of both.
* Continuation in C. Real features are often separable and of large norm, where Newton
  from zero jumps between active sets. C starts at 1 / mean |x|^2 and is raised as soon as
  the problem at hand is roughly solved.
* An exact line search: along a direction f is a one-dimensional piecewise quadratic.
* Fewer samples than features: w lies in their span, and a QR decomposition of X^T
  replaces X by N x N coordinates. Inner products are unchanged, thus so is the problem.

The duality gap is a certificate that costs nothing. alpha = 2 C s xi >= 0 is dual
feasible for every s >= 0; with u = sum_i 2 C xi_i y_i x_i, and w.u = 2C sum xi (1 - xi),

  gap(s) = 1/2 |w - s u|^2 + C (1 - s)^2 sum_i xi_i^2,

a sum of squares, free of cancellation in float32 (s = 1 gives half the squared gradient).

References:
  Hsieh et al., `A Dual Coordinate Descent Method for Large-scale Linear SVM
  <https://doi.org/10.1145/1390156.1390208>`_, ICML 2008, Eq. 1 and 4 (L2-SVM).
  Keerthi and DeCoste, `A Modified Finite Newton Method for Fast Solution of Large Scale
  Linear SVMs <https://www.jmlr.org/papers/v6/keerthi05a.html>`_, JMLR 2005.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.typing import Array, Bool, Float, Int

_HIGHEST = jax.lax.Precision.HIGHEST
# Newton directions need not be exact. Of 3, 10 and 30 %, 10 costs the fewest products on
# three of five data sets of 500 to 8,000 samples; 30 costs twice as many on real ones.
_CG_TOLERANCE = 0.1
_CG_MAX_ITER = 250
_C_FACTOR = 3.0  # continuation: C grows so much a stage,
_STAGE_GAP = 0.8  # once the mean relative gap is below this.
# Newton steps in a row in which f no longer decreases visibly, nor the best gap by a
# half: rounding's floor. f alone will not do: on features of large norm the gap is far
# above the true error, and falls on where f's last digit has come to rest.
_STALL_LIMIT = 4


class SVMResult(NamedTuple):
  """Solution of the K one-vs-rest problems.

  Attributes:
    decision: float[N, K], w_k.x_i + b_k on the training samples.
    weights: float[D, K].
    bias: float[K].
    objective: float[K], f(w_k) at the given C, bias included in the norm.
    duality_gap: float[K], upper bound of (f(w_k) - min f) / f(w_k).
    iterations: int[], Newton steps.
    converged: bool[K], `duality_gap <= tol`. False also where floating point ended the
      progress; the objective may then be better than the gap proves.
  """

  decision: Float[Array, "n k"]
  weights: Float[Array, "d k"]
  bias: Float[Array, " k"]
  objective: Float[Array, " k"]
  duality_gap: Float[Array, " k"]
  iterations: Int[Array, ""]
  converged: Bool[Array, " k"]


class _State(NamedTuple):
  """What one Newton step hands to the next."""

  step: Array
  c: Array  # the present C of the continuation
  w_dk: Array
  z_nk: Array  # x_nd @ w_dk
  u_dk: Array  # sum_i xi_i y_i x_i, without the factor 2C
  objective_k: Array
  gap_k: Array
  best_gap_k: Array  # at the present C, renewed when it has halved
  stalled_k: Array


def svm_decision(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  c: float = 1.0,
  tol: float = 1e-4,
  max_iter: int = 150,
) -> SVMResult:
  """Trains one linear SVM a class against the rest.

  Args:
    features: Samples, one a row, of any scale.
    labels: Class ids in `[0, num_classes)`; a class may be empty (its problem then has
      negative samples only, and its decisions lie about -1).
    num_classes: Static K; at least two. Two classes are two problems.
    c: Weight C of the squared hinge, above zero; static.
    tol: Relative duality gap at which a class is done, above zero; static.
    max_iter: Bound on the Newton steps, at least one; static.

  Returns:
    An `SVMResult`.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Hsieh et al., `A Dual Coordinate Descent Method for Large-scale Linear SVM
    <https://doi.org/10.1145/1390156.1390208>`_, ICML 2008, Eq. 1.
  """
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")
  if not c > 0:
    raise ValueError(f"c must be above 0, got {c}")
  if not tol > 0:
    raise ValueError(f"tol must be above 0, got {tol}")
  if max_iter < 1:
    raise ValueError(f"max_iter must be at least 1, got {max_iter}")

  n, d = features.shape
  x_nd = jnp.concatenate([features, jnp.ones((n, 1), features.dtype)], axis=1)
  sign_nk = 2 * jax.nn.one_hot(labels, num_classes, dtype=features.dtype) - 1
  if n < d + 1:
    basis_dn, r_nn = jnp.linalg.qr(x_nd.T)
    state = _solve(r_nn.T, sign_nk, c, tol, max_iter)
    w_dk = jnp.matmul(basis_dn, state.w_dk, precision=_HIGHEST)
  else:
    state = _solve(x_nd, sign_nk, c, tol, max_iter)
    w_dk = state.w_dk
  return SVMResult(
    decision=state.z_nk,
    weights=w_dk[:d],
    bias=w_dk[d],
    objective=state.objective_k,
    duality_gap=state.gap_k,
    iterations=state.step,
    converged=state.gap_k <= tol,
  )


def _solve(x_nd, sign_nk, c, tol, max_iter) -> _State:
  """Newton's method with continuation in C, on features that contain the bias."""
  n, d = x_nd.shape
  k = sign_nk.shape[1]
  dtype = x_nd.dtype
  covariance_dd = jnp.matmul(x_nd.T, x_nd, precision=_HIGHEST) / n
  trace = jnp.trace(covariance_dd)
  c_final = jnp.asarray(c, dtype)

  def pull_back(a_nk):
    # (a^T x)^T, for XLA's CPU product with a transposed left side is 4 times slower.
    return jnp.matmul(a_nk.T, x_nd, precision=_HIGHEST).T

  def evaluate(w_dk):
    z_nk = jnp.matmul(x_nd, w_dk, precision=_HIGHEST)
    slack_nk = jnp.maximum(0, 1 - sign_nk * z_nk)
    u_dk = pull_back(slack_nk * sign_nk)
    return z_nk, jnp.sum(slack_nk**2, axis=0), u_dk

  def certify(w_dk, u_dk, slack2_k, c_now):
    u_dk = 2 * c_now * u_dk
    half_k = 2 * c_now * slack2_k
    objective_k = 0.5 * jnp.sum(w_dk**2, axis=0) + c_now * slack2_k
    # The best s; the denominator vanishes only with all slacks, where f = 1/2 |w|^2.
    bottom_k = jnp.sum(u_dk**2, axis=0) + half_k
    s_k = (jnp.sum(w_dk * u_dk, axis=0) + half_k) / jnp.where(bottom_k > 0, bottom_k, 1)
    s_k = jnp.maximum(s_k, 0)
    rest_dk = w_dk - s_k[None, :] * u_dk
    gap_k = 0.5 * jnp.sum(rest_dk**2, axis=0) + c_now * (1 - s_k) ** 2 * slack2_k
    return objective_k, gap_k / jnp.where(objective_k > 0, objective_k, 1)

  def unfinished(state):
    return (state.gap_k > tol) & (state.stalled_k < _STALL_LIMIT)

  def proceed(state):
    todo = (state.c < c_final) | jnp.any(unfinished(state))
    return todo & (state.step < max_iter)

  def newton_step(state):
    c_now = state.c
    active_k = unfinished(state)
    active_nk = (sign_nk * state.z_nk < 1).astype(dtype)
    gradient_dk = state.w_dk - 2 * c_now * state.u_dk
    count = jnp.maximum(jnp.sum(active_nk) / k, 1)
    kappa = (1 / (2 * c_now) + trace) / count
    eye_dd = jnp.eye(d, dtype=dtype)
    factor_dd = jnp.linalg.cholesky(covariance_dd + kappa * eye_dd)
    # The inverse factor, once: a product is 100 times faster than a triangular solve on
    # a CPU, and L^-T L^-1 stays positive definite however it is rounded.
    root_dd = jax.scipy.linalg.solve_triangular(factor_dd, eye_dd, lower=True)
    root_dd = jnp.sqrt(kappa) * root_dd

    def precondition(r_dk):
      half_dk = jnp.matmul(root_dd, r_dk, precision=_HIGHEST)
      return jnp.matmul(half_dk.T, root_dd, precision=_HIGHEST).T

    def hessian_product(p_dk):
      q_nk = active_nk * jnp.matmul(x_nd, p_dk, precision=_HIGHEST)
      return p_dk + 2 * c_now * pull_back(q_nk)

    v_dk = _conjugate_gradients(hessian_product, precondition, -gradient_dk, active_k)
    dz_nk = jnp.matmul(x_nd, v_dk, precision=_HIGHEST)
    length_k = _line_search(state.w_dk, v_dk, state.z_nk, dz_nk, sign_nk, c_now)
    w_dk = state.w_dk + jnp.where(active_k, length_k, 0)[None, :] * v_dk

    z_nk, slack2_k, u_dk = evaluate(w_dk)
    objective_k, gap_k = certify(w_dk, u_dk, slack2_k, c_now)
    floor_k = state.objective_k * (1 - 4 * jnp.finfo(dtype).eps)
    halved_k = gap_k < 0.5 * state.best_gap_k
    progress_k = (objective_k < floor_k) | halved_k
    stalled_k = jnp.where(progress_k, 0, state.stalled_k + 1)
    best_gap_k = jnp.where(halved_k, gap_k, state.best_gap_k)
    # Raise C; the same products certify the point at the new C.
    raise_c = (jnp.mean(gap_k) < _STAGE_GAP) | jnp.all(stalled_k >= _STALL_LIMIT)
    raise_c = raise_c & (c_now < c_final)
    c_next = jnp.where(raise_c, jnp.minimum(_C_FACTOR * c_now, c_final), c_now)
    objective_k, gap_k = certify(w_dk, u_dk, slack2_k, c_next)
    return _State(
      step=state.step + 1,
      c=c_next,
      w_dk=w_dk,
      z_nk=z_nk,
      u_dk=u_dk,
      objective_k=objective_k,
      gap_k=gap_k,
      best_gap_k=jnp.where(raise_c, gap_k, best_gap_k),
      stalled_k=jnp.where(raise_c, 0, stalled_k),
    )

  w_dk = jnp.zeros((d, k), dtype)
  z_nk, slack2_k, u_dk = evaluate(w_dk)
  c_start = jnp.minimum(c_final, 1 / trace)
  objective_k, gap_k = certify(w_dk, u_dk, slack2_k, c_start)
  state = _State(
    step=jnp.zeros((), jnp.int32),
    c=c_start,
    w_dk=w_dk,
    z_nk=z_nk,
    u_dk=u_dk,
    objective_k=objective_k,
    gap_k=gap_k,
    best_gap_k=gap_k,
    stalled_k=jnp.zeros((k,), jnp.int32),
  )
  state = jax.lax.while_loop(proceed, newton_step, state)
  # Out of steps before the continuation ended: certify at the C that was asked for.
  slack_nk = jnp.maximum(0, 1 - sign_nk * state.z_nk)
  slack2_k = jnp.sum(slack_nk**2, axis=0)
  objective_k, gap_k = certify(state.w_dk, state.u_dk, slack2_k, c_final)
  return state._replace(objective_k=objective_k, gap_k=gap_k)


def _conjugate_gradients(product, precondition, b_dk, active_k):
  """Solves K systems with one operator call a step, each to `_CG_TOLERANCE`.

  A finished column stands still; the loop ends when at most 5 % of the active columns
  are left, since each step costs the same for one column as for all.
  """
  few = 0.05 * jnp.sum(active_k)

  def todo_k(rs_k, rs_0_k):
    return active_k & (rs_k > _CG_TOLERANCE**2 * rs_0_k)

  def proceed(carry):
    step, _, _, _, rs_k, rs_0_k = carry
    return (step < _CG_MAX_ITER) & (jnp.sum(todo_k(rs_k, rs_0_k)) > few)

  def body(carry):
    step, v_dk, r_dk, p_dk, rs_k, rs_0_k = carry
    moving_k = todo_k(rs_k, rs_0_k)
    hp_dk = product(p_dk)
    curvature_k = jnp.sum(p_dk * hp_dk, axis=0)
    safe = moving_k & (curvature_k > 0)
    length_k = jnp.where(safe, rs_k / jnp.where(safe, curvature_k, 1), 0)
    v_dk = v_dk + length_k[None, :] * p_dk
    r_dk = r_dk - length_k[None, :] * hp_dk
    s_dk = precondition(r_dk)
    rs_next_k = jnp.where(moving_k, jnp.sum(r_dk * s_dk, axis=0), rs_k)
    ratio_k = jnp.where(moving_k, rs_next_k / jnp.where(moving_k, rs_k, 1), 0)
    return step + 1, v_dk, r_dk, s_dk + ratio_k[None, :] * p_dk, rs_next_k, rs_0_k

  s_dk = precondition(b_dk)
  rs_k = jnp.sum(b_dk * s_dk, axis=0)
  start = (jnp.zeros((), jnp.int32), jnp.zeros_like(b_dk), b_dk, s_dk, rs_k, rs_k)
  return jax.lax.while_loop(proceed, body, start)[1]


def _line_search(w_dk, v_dk, z_nk, dz_nk, sign_nk, c):
  """Minimises f(w + t v) over t > 0 for each class: Newton in one dimension, bracketed.

  f's derivative along v is increasing and piecewise linear, so that Newton on it is
  exact once on the right piece; a step out of the bracket is replaced by bisection.
  """
  wv_k = jnp.sum(w_dk * v_dk, axis=0)
  vv_k = jnp.sum(v_dk**2, axis=0)

  def body(carry):
    step, t_k, low_k, high_k, _ = carry
    slack_nk = 1 - sign_nk * (z_nk + t_k[None, :] * dz_nk)
    active_nk = slack_nk > 0
    pull_nk = jnp.where(active_nk, slack_nk * sign_nk * dz_nk, 0)
    first_k = wv_k + t_k * vv_k - 2 * c * jnp.sum(pull_nk, axis=0)
    second_k = vv_k + 2 * c * jnp.sum(jnp.where(active_nk, dz_nk**2, 0), axis=0)
    low_k = jnp.where(first_k < 0, t_k, low_k)
    high_k = jnp.where(first_k > 0, t_k, high_k)
    next_k = t_k - first_k / jnp.where(second_k > 0, second_k, 1)
    middle_k = jnp.where(jnp.isinf(high_k), 2 * t_k, 0.5 * (low_k + high_k))
    inside_k = (next_k > low_k) & (next_k < high_k)
    next_k = jnp.where(inside_k, next_k, middle_k)
    next_k = jnp.where((first_k == 0) | (vv_k == 0), t_k, next_k)
    moved = jnp.max(jnp.abs(next_k - t_k) / t_k)
    return step + 1, next_k, low_k, high_k, moved

  one_k = jnp.ones_like(wv_k)
  infinity = jnp.asarray(jnp.inf, wv_k.dtype)
  start = (jnp.zeros((), jnp.int32), one_k, 0 * one_k, infinity * one_k, infinity)
  return jax.lax.while_loop(lambda s: (s[0] < 20) & (s[4] > 1e-4), body, start)[1]
