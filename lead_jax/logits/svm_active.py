"""One class of the squared-hinge SVM, by exact steps on its set of active samples.

On a fixed set A of samples with slack the optimum solves one linear system: in |A|
dimensions, (X_A X_A^T + I / 2C) b = y_A with w = X_A^T b, or in D dimensions, whichever
is smaller. With A then replaced by the samples of slack at w, this is Newton's method
with full steps, or block pivoting on the dual. From a good first guess of A three to five
steps reach the exact optimum, unless |A| is close to D and the features' norm large:
there full steps cycle, and C is lowered until they descend, then raised again stage by
stage. Where raising it fails too, an exact line search takes over, which always descends.

Sizes are static under `jax.jit`, so that A is padded to one of a few capacities.

The certificate holds for every a, the signed dual variables: with alpha = max(0, y a),

  gap = 1/2 |w - X^T (y alpha)|^2 + sum_i (C (xi_i - alpha_i / 2C)^2 + alpha_i m_i),
  m_i = max(0, y_i w.x_i - 1),

a sum of squares and of non-negative products. Taking alpha from the system rather than as
2C xi keeps it sharp in float32, where xi is the small difference of large numbers.

References:
  Keerthi and DeCoste, `A Modified Finite Newton Method for Fast Solution of Large Scale
  Linear SVMs <https://www.jmlr.org/papers/v6/keerthi05a.html>`_, JMLR 2005.
  Portugal et al., `A Comparison of Block Pivoting and Interior-Point Algorithms for
  Linear Least Squares Problems with Nonnegative Variables
  <https://doi.org/10.1090/S0025-5718-1994-1250776-4>`_, Math. Comp. 1994.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.logits.svm_search import line_search
from lead_jax.typing import Array

_HIGHEST = jax.lax.Precision.HIGHEST
_C_FACTOR = 10.0  # C is lowered and raised by it,
_STAGE_GAP = 0.5  # raised once the relative gap is below this.
_STALL_LIMIT = 4  # Steps without visible progress: rounding's floor.
_REFINEMENTS = 3
# Capacities grow by so much. Padding costs up to its cube; each takes compile time.
_KERNEL_SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)
_PRIMAL_GROWTH = 1.6


class _State(NamedTuple):
  """What one step hands to the next."""

  step: Array
  c: Array
  lowering: Array  # whether C may still be lowered
  active_n: Array
  a_n: Array
  w_d: Array
  z_n: Array
  objective: Array
  gap: Array
  best: Array  # the best gap at this C, renewed when it has halved
  stalled: Array


def solve_class(x_nd, sign_n, active_n, *, c, tol, max_iter):
  """Solves one class.

  Args:
    x_nd: float[N, D], the bias among the features.
    sign_n: float[N], +-1.
    active_n: bool[N], the first guess of the samples with slack.
    c: C.
    tol: Relative duality gap to reach.
    max_iter: Bound on the steps, an integer array.

  Returns:
    `(w_d, z_n, objective, gap, steps)`; `gap` is relative, and bounds the error at `c`.
  """
  n, d = x_nd.shape
  dtype = x_nd.dtype
  eps = jnp.finfo(dtype).eps
  c_final = jnp.asarray(c, dtype)
  c_low = jnp.minimum(c_final, n / jnp.sum(x_nd**2))

  def evaluate(w_d, z_n, a_n, c_now):
    slack_n = jnp.maximum(0, 1 - sign_n * z_n)
    alpha_n = jnp.maximum(0, sign_n * a_n)
    objective = 0.5 * jnp.sum(w_d**2) + c_now * jnp.sum(slack_n**2)
    rest_d = w_d - jnp.matmul(sign_n * alpha_n, x_nd, precision=_HIGHEST)
    beyond_n = jnp.maximum(0, sign_n * z_n - 1)
    gap = 0.5 * jnp.sum(rest_d**2) + jnp.sum(
      c_now * (slack_n - alpha_n / (2 * c_now)) ** 2 + alpha_n * beyond_n
    )
    return objective, gap / jnp.where(objective > 0, objective, 1)

  def proceed(state):
    todo = (state.c < c_final) | ((state.gap > tol) & (state.stalled < _STALL_LIMIT))
    return todo & (state.step < max_iter)

  def body(state):
    w_d, a_n = _solve_on(x_nd, sign_n, state.active_n, state.c, tol)
    z_n = jnp.matmul(x_nd, w_d, precision=_HIGHEST)
    objective, _ = evaluate(w_d, z_n, a_n, state.c)
    descends = objective < state.objective * (1 + jnp.sqrt(eps))
    lower = ~descends & state.lowering & (state.c > c_low)

    def shorten(_):
      v_d, dz_n = w_d - state.w_d, z_n - state.z_n
      one = lambda v: v[:, None]
      t = line_search(
        one(state.w_d), one(v_d), one(state.z_n), one(dz_n), one(sign_n), state.c
      )[0]
      return (
        state.w_d + t * v_d,
        state.z_n + t * dz_n,
        state.a_n + t * (a_n - state.a_n),
      )

    keep = lambda _: (state.w_d, state.z_n, state.a_n)
    take = lambda _: (w_d, z_n, a_n)
    choice = jnp.where(descends, 0, jnp.where(lower, 1, 2))
    w_d, z_n, a_n = jax.lax.switch(choice, (take, keep, shorten), None)
    objective, gap = evaluate(w_d, z_n, a_n, state.c)
    halved = gap < 0.5 * state.best
    progress = (objective < state.objective * (1 - 4 * eps)) | halved
    stalled = jnp.where(progress | lower, 0, state.stalled + 1)
    solved = (gap < _STAGE_GAP) | (stalled >= _STALL_LIMIT)
    raising = solved & ~lower & (state.c < c_final)
    c_next = jnp.where(lower, jnp.maximum(state.c / _C_FACTOR, c_low), state.c)
    c_next = jnp.where(raising, jnp.minimum(state.c * _C_FACTOR, c_final), c_next)
    moved = lower | raising
    objective, gap = jax.lax.cond(
      moved, lambda: evaluate(w_d, z_n, a_n, c_next), lambda: (objective, gap)
    )
    return _State(
      step=state.step + 1,
      c=c_next,
      lowering=state.lowering & ~raising,
      active_n=sign_n * z_n < 1,
      a_n=a_n,
      w_d=w_d,
      z_n=z_n,
      objective=objective,
      gap=gap,
      best=jnp.where(halved | moved, gap, state.best),
      stalled=jnp.where(moved, 0, stalled),
    )

  infinity = jnp.asarray(jnp.inf, dtype)
  zero_n = jnp.zeros((n,), dtype)
  state = _State(
    step=jnp.zeros((), jnp.int32),
    c=c_final,
    lowering=jnp.ones((), bool),
    active_n=active_n,
    a_n=zero_n,
    w_d=jnp.zeros((d,), dtype),
    z_n=zero_n,
    objective=infinity,  # the first step is taken whatever it brings
    gap=infinity,
    best=infinity,
    stalled=jnp.zeros((), jnp.int32),
  )
  state = jax.lax.while_loop(proceed, body, state)
  # Out of steps below the final C: the certificate at the C that was asked for.
  objective, gap = evaluate(state.w_d, state.z_n, state.a_n, c_final)
  return state.w_d, state.z_n, objective, gap, state.step


def _capacities(n, d):
  """Returns `[(size, whether in kernel form)]`, increasing; the last one holds all."""
  sizes = sorted({min(n, max(16, int(s * d))) for s in _KERNEL_SHARES})
  sizes = [(size, True) for size in sizes]
  size = d
  while sizes[-1][0] < n:
    sizes.append((min(n, size), False))
    size = int(_PRIMAL_GROWTH * size) + 1
  return sizes


def _solve_on(x_nd, sign_n, active_n, c, tol):
  """Returns `(w_d, a_n)` of the optimum when only the active samples count."""
  n, d = x_nd.shape
  sizes = _capacities(n, d)

  def branch(size, kernel):
    def solve(_):
      index_a = jnp.nonzero(active_n, size=size, fill_value=n)[0]
      x_ad = jnp.take(x_nd, index_a, axis=0, mode="fill", fill_value=0)
      y_a = jnp.take(sign_n, index_a, mode="fill", fill_value=0)
      w_d, a_a = (_kernel_form if kernel else _primal_form)(x_ad, y_a, c, tol)
      a_n = jnp.zeros((n,), x_nd.dtype).at[index_a].set(a_a, mode="drop")
      return w_d, a_n

    return solve

  limits = jnp.asarray([size for size, _ in sizes[:-1]], jnp.int32)
  which = jnp.sum(jnp.sum(active_n) > limits)
  return jax.lax.switch(which, [branch(*size) for size in sizes], None)


def _factor(a, c):
  """Returns the solver of `(a + I / 2C) x = b`, `a` positive semidefinite."""
  size = a.shape[0]
  # Rounding can leave `a` with eigenvalues a little below zero.
  ridge = 1 / (2 * c) + jnp.finfo(a.dtype).eps * jnp.trace(a)
  factor = jnp.linalg.cholesky(a + ridge * jnp.eye(size, dtype=a.dtype))
  return lambda b: jax.scipy.linalg.cho_solve((factor, True), b)


def _refine(solve, product, b, error, limit):
  """Iterative refinement until `error(residual) <= limit(solution)`."""

  def proceed(carry):
    step, x, r = carry
    return (step < _REFINEMENTS) & (error(r) > limit(x))

  def body(carry):
    step, x, _ = carry
    x = x + solve(carry[2])
    return step + 1, x, b - product(x)

  x = solve(b)
  start = (jnp.zeros((), jnp.int32), x, b - product(x))
  return jax.lax.while_loop(proceed, body, start)[1]


def _kernel_form(x_ad, y_a, c, tol):
  def product(a_a):
    w_d = jnp.matmul(a_a, x_ad, precision=_HIGHEST)
    return jnp.matmul(x_ad, w_d, precision=_HIGHEST) + a_a / (2 * c)

  # A residual r adds C |r|^2 to the gap; half y.a is the optimum's objective.
  a_a = _refine(
    _factor(jnp.matmul(x_ad, x_ad.T, precision=_HIGHEST), c),
    product,
    y_a,
    lambda r: c * jnp.sum(r**2),
    lambda a: 0.05 * tol * jnp.sum(y_a * a),
  )
  return jnp.matmul(a_a, x_ad, precision=_HIGHEST), a_a


def _primal_form(x_ad, y_a, c, tol):
  def product(w_d):
    z_a = jnp.matmul(x_ad, w_d, precision=_HIGHEST)
    return jnp.matmul(z_a, x_ad, precision=_HIGHEST) + w_d / (2 * c)

  def limit(w_d):
    slack_a = y_a - jnp.matmul(x_ad, w_d, precision=_HIGHEST)
    return 0.05 * tol * c * jnp.sum(y_a * slack_a)

  # A residual r leaves the gradient 2 C r, hence adds half its square to the gap.
  w_d = _refine(
    _factor(jnp.matmul(x_ad.T, x_ad, precision=_HIGHEST), c),
    product,
    jnp.matmul(y_a, x_ad, precision=_HIGHEST),
    lambda r: 2 * c**2 * jnp.sum(r**2),
    limit,
  )
  a_a = 2 * c * (y_a - jnp.matmul(x_ad, w_d, precision=_HIGHEST))
  return w_d, jnp.where(y_a == 0, 0, a_a)
