"""One-vs-rest linear support vector machines, all classes at once.

Solves, for every class, LIBLINEAR's L2-regularised squared-hinge problem (the problem of
scikit-learn's `LinearSVC`), the bias being one more feature of value 1:

  min_w  f(w) = 1/2 |w|^2 + C sum_i xi_i^2,   xi_i = max(0, 1 - y_i w.x_i),  y = +-1.

LIBLINEAR solves K problems one after the other, sample by sample. Here the K problems
share what can be shared, and the rest is dense linear algebra:

* A guess of the support (the samples of xi > 0 at the optimum), from 20 steps of ADMM on
  the splitting z = X w. Their matrix, X^T X + I / rho, is the same for every class.
* Classes whose support is large against D, as where classes overlap: Newton's method on
  the piecewise quadratic f. The Hessian I + 2C X_A^T X_A differs between classes, so that
  it is never formed; conjugate gradients need its products only, which all classes share,
  as they do the preconditioner, a Cholesky factor of G + kappa I with G = X^T X. If the n
  active samples of N were a random draw and D features spanned it, the draw's inverse
  would be that of the whole with a ridge of N / (2 C n) / (1 - D / n) (Marchenko and
  Pastur); these classes have n > 2D by choice. A few steps at an exact line search do.
* The other classes, and what is left: exact steps from the guess, one class after the
  other (`svm_active`). There systems are of the support's size, and ill-conditioned.
* Fewer samples than features: w lies in their span, and a QR decomposition of X^T
  replaces X by N x N coordinates. Inner products are unchanged, thus so is the problem.

The duality gap is a certificate that costs nothing. alpha = 2 C s xi >= 0 is dual
feasible for every s >= 0; with u = sum_i 2 C xi_i y_i x_i, and w.u = 2C sum xi (1 - xi),

  gap(s) = 1/2 |w - s u|^2 + C (1 - s)^2 sum_i xi_i^2,

a sum of squares, free of cancellation in float32 (s = 1 gives half the squared gradient).

Memory is a few N x K arrays and D x D matrices; none of K x D x D.

References:
  Hsieh et al., `A Dual Coordinate Descent Method for Large-scale Linear SVM
  <https://doi.org/10.1145/1390156.1390208>`_, ICML 2008, Eq. 1 and 4 (L2-SVM).
  Keerthi and DeCoste, `A Modified Finite Newton Method for Fast Solution of Large Scale
  Linear SVMs <https://www.jmlr.org/papers/v6/keerthi05a.html>`_, JMLR 2005.
  Boyd et al., `Distributed Optimization and Statistical Learning via the Alternating
  Direction Method of Multipliers <https://doi.org/10.1561/2200000016>`_, 2011, Sec. 3.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments, check_num_classes
from lead_jax.logits import _svm_active as svm_active
from lead_jax.logits._svm_guess import (
  apply_root,
  guess_support,
  inverse_root,
  pull_back,
)
from lead_jax.logits._svm_search import line_search
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Bool, Float, Int

# Relative duality gap at which a class is done, unless the caller says.
_TOLERANCES = {"float32": 1e-4, "float64": 1e-8}
# Classes of more support than this, in units of D, start with conjugate gradients.
_LARGE_SUPPORT = 2.0
_SHARED_STEPS = 12
# Newton directions need not be exact. 0.3 and 20 are a fifth faster on 20,000 overlapping
# samples of 1,024 features, but miss the optimum in float32 on features of norm 1e4.
_CG_TOLERANCE = 0.1
_CG_MAX_ITER = 40
# Steps in a row in which f no longer decreases visibly, nor the best gap by a half.
_STALL_LIMIT = 2


# Steps, solution, residual, direction, r.M^-1 r now and at the start.
_Directions = tuple[Array, Array, Array, Array, Array, Array]


class SVMResult(NamedTuple):
  """Solution of the K one-vs-rest problems.

  Attributes:
    decision: float[N, K], w_k.x_i + b_k on the training samples.
    weights: float[D, K].
    bias: float[K].
    objective: float[K], f(w_k) at the given C, bias included in the norm.
    duality_gap: float[K], upper bound of (f(w_k) - min f) / f(w_k).
    iterations: int[], Newton steps of the class that took most; the guess not counted.
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
  """What one shared Newton step hands to the next."""

  step: Array
  w_dk: Array
  z_nk: Array  # x_nd @ w_dk
  u_dk: Array  # sum_i xi_i y_i x_i, without the factor 2C
  objective_k: Array
  gap_k: Array
  best_gap_k: Array  # renewed when it has halved
  stalled_k: Array


@check_arguments()
def svm_decision(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  c: float = 1.0,
  tol: float | None = None,
  max_iter: int = 150,
) -> SVMResult:
  """Trains one linear SVM per class against the rest.

  Args:
    features: Samples, one per row, of any scale.
    labels: Class ids in `[0, num_classes)`; a class may be empty (its problem then has
      negative samples only, and its decisions lie about -1).
    num_classes: Static K; at least two. Two classes are two problems.
    c: Weight C of the squared hinge, above zero; static.
    tol: Relative duality gap at which a class is done, above zero; static. None: 1e-4 in
      float32, which is what rounding leaves of hard problems, and 1e-8 in float64.
    max_iter: Bound on a class's Newton steps, at least one; static.

  Returns:
    An `SVMResult`.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Hsieh et al., `A Dual Coordinate Descent Method for Large-scale Linear SVM
    <https://doi.org/10.1145/1390156.1390208>`_, ICML 2008, Eq. 1.
  """
  check_num_classes(num_classes)
  if not c > 0:
    raise ValueError(f"c must be above 0, got {c}")
  if tol is None:
    tol = _TOLERANCES[features.dtype.name]
  if not tol > 0:
    raise ValueError(f"tol must be above 0, got {tol}")
  if max_iter < 1:
    raise ValueError(f"max_iter must be at least 1, got {max_iter}")

  n, d = features.shape
  x_nd = jnp.concatenate([features, jnp.ones((n, 1), features.dtype)], axis=1)
  sign_nk = 2 * jax.nn.one_hot(labels, num_classes, dtype=features.dtype) - 1
  basis_dn = None
  if n < d + 1:
    basis_dn, r_nn = jnp.linalg.qr(x_nd.T)
    x_nd = r_nn.T

  gram_dd = jnp.matmul(x_nd.T, x_nd, precision=HIGHEST)
  w_dk, support_nk = guess_support(x_nd, gram_dd, sign_nk, c)
  large_k = jnp.sum(support_nk, axis=0) > _LARGE_SUPPORT * x_nd.shape[1]
  state = _solve_together(
    x_nd,
    gram_dd,
    sign_nk,
    w_dk,
    large_k,
    jnp.asarray(c, x_nd.dtype),
    tol,
    max_iter,
  )
  w_dk, z_nk, objective_k, gap_k, steps_k = _solve_in_turn(
    x_nd, sign_nk, support_nk, large_k, state, c, tol, max_iter
  )
  if basis_dn is not None:
    w_dk = jnp.matmul(basis_dn, w_dk, precision=HIGHEST)
  return SVMResult(
    decision=z_nk,
    weights=w_dk[:d],
    bias=w_dk[d],
    objective=objective_k,
    duality_gap=gap_k,
    iterations=jnp.max(steps_k),
    converged=gap_k <= tol,
  )


def _solve_in_turn(
  x_nd: Float[Array, "n d"],
  sign_nk: Float[Array, "n k"],
  support_nk: Bool[Array, "n k"],
  large_k: Bool[Array, " k"],
  state: _State,
  c: float,
  tol: float,
  max_iter: int,
) -> tuple[Array, Array, Array, Array, Array]:
  """Finishes the classes that are not done, one after the other, by exact steps."""
  steps_k = jnp.where(large_k, state.step, 0)
  active_nk = jnp.where(large_k[None, :], sign_nk * state.z_nk < 1, support_nk)
  exact = functools.partial(svm_active.solve_class, x_nd, c=c, tol=tol)

  def finish(row: tuple[Array, ...]) -> tuple[Array, ...]:
    sign_n, active_n, w_d, z_n, objective, gap, steps = row
    left = max_iter - steps
    finished: tuple[Array, ...] = jax.lax.cond(
      (gap > tol) & (left > 0),
      lambda: exact(sign_n, active_n, max_iter=left),
      lambda: (w_d, z_n, objective, gap, jnp.zeros_like(steps)),
    )
    return finished

  rows = (
    sign_nk.T,
    active_nk.T,
    state.w_dk.T,
    state.z_nk.T,
    state.objective_k,
    state.gap_k,
    steps_k,
  )
  w_kd, z_kn, objective_k, gap_k, more_k = jax.lax.map(finish, rows)
  return w_kd.T, z_kn.T, objective_k, gap_k, steps_k + more_k


def _solve_together(
  x_nd: Float[Array, "n d"],
  gram_dd: Float[Array, "d d"],
  sign_nk: Float[Array, "n k"],
  w_dk: Float[Array, "d k"],
  large_k: Bool[Array, " k"],
  c: Float[Array, ""],
  tol: float,
  max_iter: int,
) -> _State:
  """A few Newton steps on the classes of `large_k`, sharing every product."""
  n, d = x_nd.shape
  dtype = x_nd.dtype
  trace = jnp.trace(gram_dd)

  def evaluate(w_dk: Array) -> tuple[Array, Array, Array, Array]:
    z_nk = jnp.matmul(x_nd, w_dk, precision=HIGHEST)
    slack_nk = jnp.maximum(0, 1 - sign_nk * z_nk)
    u_dk = pull_back(slack_nk * sign_nk, x_nd)
    objective_k, gap_k = certify(w_dk, u_dk, jnp.sum(slack_nk**2, axis=0))
    return z_nk, u_dk, objective_k, gap_k

  def certify(w_dk: Array, u_dk: Array, slack2_k: Array) -> tuple[Array, Array]:
    u_dk = 2 * c * u_dk
    half_k = 2 * c * slack2_k
    objective_k = 0.5 * jnp.sum(w_dk**2, axis=0) + c * slack2_k
    # The best s; the denominator vanishes only with all slacks, where f = 1/2 |w|^2.
    bottom_k = jnp.sum(u_dk**2, axis=0) + half_k
    s_k = (jnp.sum(w_dk * u_dk, axis=0) + half_k) / jnp.where(bottom_k > 0, bottom_k, 1)
    s_k = jnp.maximum(s_k, 0)
    rest_dk = w_dk - s_k[None, :] * u_dk
    gap_k = 0.5 * jnp.sum(rest_dk**2, axis=0) + c * (1 - s_k) ** 2 * slack2_k
    return objective_k, gap_k / jnp.where(objective_k > 0, objective_k, 1)

  def unfinished(state: _State) -> Array:
    return large_k & (state.gap_k > tol) & (state.stalled_k < _STALL_LIMIT)

  def proceed(state: _State) -> Array:
    return jnp.any(unfinished(state)) & (state.step < min(max_iter, _SHARED_STEPS))

  def newton_step(state: _State) -> _State:
    todo_k = unfinished(state)
    active_nk = (sign_nk * state.z_nk < 1).astype(dtype)
    gradient_dk = state.w_dk - 2 * c * state.u_dk
    count_k = jnp.sum(active_nk, axis=0)
    count = jnp.sum(jnp.where(todo_k, count_k, 0)) / jnp.sum(todo_k)
    count = jnp.maximum(count, 1)
    kappa = n / (2 * c * count) / jnp.maximum(1 - d / count, 0.25)
    kappa = jnp.maximum(kappa, 4 * jnp.finfo(dtype).eps * trace)
    root_dd = jnp.sqrt(kappa) * inverse_root(gram_dd, kappa)

    def hessian_product(p_dk: Array) -> Array:
      q_nk = active_nk * jnp.matmul(x_nd, p_dk, precision=HIGHEST)
      return p_dk + 2 * c * pull_back(q_nk, x_nd)

    v_dk = _conjugate_gradients(
      hessian_product, functools.partial(apply_root, root_dd), -gradient_dk, todo_k
    )
    dz_nk = jnp.matmul(x_nd, v_dk, precision=HIGHEST)
    length_k = line_search(state.w_dk, v_dk, state.z_nk, dz_nk, sign_nk, c)
    w_dk = state.w_dk + jnp.where(todo_k, length_k, 0)[None, :] * v_dk

    z_nk, u_dk, objective_k, gap_k = evaluate(w_dk)
    floor_k = state.objective_k * (1 - 4 * jnp.finfo(dtype).eps)
    halved_k = gap_k < 0.5 * state.best_gap_k
    progress_k = (objective_k < floor_k) | halved_k
    return _State(
      step=state.step + 1,
      w_dk=w_dk,
      z_nk=z_nk,
      u_dk=u_dk,
      objective_k=objective_k,
      gap_k=gap_k,
      best_gap_k=jnp.where(halved_k, gap_k, state.best_gap_k),
      stalled_k=jnp.where(progress_k, 0, state.stalled_k + 1),
    )

  z_nk, u_dk, objective_k, gap_k = evaluate(w_dk)
  state = _State(
    step=jnp.zeros((), jnp.int32),
    w_dk=w_dk,
    z_nk=z_nk,
    u_dk=u_dk,
    objective_k=objective_k,
    gap_k=gap_k,
    best_gap_k=gap_k,
    stalled_k=jnp.zeros(gap_k.shape, jnp.int32),
  )
  return jax.lax.while_loop(proceed, newton_step, state)


def _conjugate_gradients(
  product: Callable[[Array], Array],
  precondition: Callable[[Array], Array],
  b_dk: Float[Array, "d k"],
  active_k: Bool[Array, " k"],
) -> Float[Array, "d k"]:
  """Solves K systems with one operator call per step, each to `_CG_TOLERANCE`.

  A finished column stands still; the loop ends when at most 5 % of the active columns
  are left, since each step costs the same for one column as for all.
  """
  few = 0.05 * jnp.sum(active_k)

  def todo_k(rs_k: Array, rs_0_k: Array) -> Array:
    return active_k & (rs_k > _CG_TOLERANCE**2 * rs_0_k)

  def proceed(carry: _Directions) -> Array:
    step, _, _, _, rs_k, rs_0_k = carry
    return (step < _CG_MAX_ITER) & (jnp.sum(todo_k(rs_k, rs_0_k)) > few)

  def body(carry: _Directions) -> _Directions:
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
