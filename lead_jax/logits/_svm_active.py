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

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp

from lead_jax.logits._svm_search import line_search
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Bool, Float, Int

_C_DROP = 100.0  # C is lowered by this,
_C_FACTOR = 10.0  # and raised by this
_STAGE_GAP = 0.5  # once the relative gap is below this.
_STALL_LIMIT = 4  # Steps without visible progress: rounding's floor.
_REFINEMENTS = 3
# Capacities of the kernel form, in units of D. Each takes compile time.
_KERNEL_SHARES = (0.2, 0.4, 0.65, 0.9)
_CHUNK = 1024  # Rows of X at once in the D-dimensional form.


T = TypeVar("T")


class _Total(Protocol):
  """Sums `term(x_ad, y_a)` over chunks of the active samples, from `start`."""

  def __call__(self, term: Callable[[Array, Array], T], start: T) -> T: ...


class _State(NamedTuple):
  """What one step hands to the next."""

  step: Array
  c: Array
  lowering: Array  # whether C may still be lowered
  active_n: Array
  alpha_n: Array  # dual variables, at least zero
  dual_d: Array  # X^T (y alpha)
  w_d: Array
  z_n: Array
  objective: Array
  gap: Array
  best: Array  # the best gap at this C, renewed when it has halved
  stalled: Array


def solve_class(
  x_nd: Float[Array, "n d"],
  sign_n: Float[Array, " n"],
  active_n: Bool[Array, " n"],
  *,
  c: float,
  tol: float,
  max_iter: Int[Array, ""],
) -> tuple[Array, Array, Array, Array, Array]:
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

  def evaluate(point: tuple[Array, ...], c_now: Array) -> tuple[Array, Array]:
    alpha_n, dual_d, w_d, z_n = point
    slack_n = jnp.maximum(0, 1 - sign_n * z_n)
    objective = 0.5 * jnp.sum(w_d**2) + c_now * jnp.sum(slack_n**2)
    beyond_n = jnp.maximum(0, sign_n * z_n - 1)
    gap = 0.5 * jnp.sum((w_d - dual_d) ** 2) + jnp.sum(
      c_now * (slack_n - alpha_n / (2 * c_now)) ** 2 + alpha_n * beyond_n
    )
    return objective, gap / jnp.where(objective > 0, objective, 1)

  def proceed(state: _State) -> Array:
    todo = (state.c < c_final) | ((state.gap > tol) & (state.stalled < _STALL_LIMIT))
    return todo & (state.step < max_iter)

  def body(state: _State) -> _State:
    old = (state.alpha_n, state.dual_d, state.w_d, state.z_n)
    alpha_n, dual_d, w_d = _solve_on(x_nd, sign_n, state.active_n, state.c, tol)
    new = (alpha_n, dual_d, w_d, jnp.matmul(x_nd, w_d, precision=HIGHEST))
    objective, _ = evaluate(new, state.c)
    descends = objective < state.objective * (1 + jnp.sqrt(eps))
    lower = ~descends & state.lowering & (state.c > c_low)

    def shorten() -> tuple[Array, ...]:
      v_d, dz_n = w_d - state.w_d, new[3] - state.z_n
      column: Callable[[Array], Array] = lambda a: a[:, None]
      t = line_search(
        column(state.w_d),
        column(v_d),
        column(state.z_n),
        column(dz_n),
        column(sign_n),
        state.c,
      )[0]
      # A mean of dual points is one, as long as the step is not a longer one.
      s = jnp.minimum(t, 1)
      mix: Callable[[Array, Array, Array], Array] = lambda t, a, b: a + t * (b - a)
      return tuple(map(mix, (s, s, t, t), old, new))

    choice = jnp.where(descends, 0, jnp.where(lower, 1, 2))
    point = jax.lax.switch(choice, (lambda: new, lambda: old, shorten))
    objective, gap = evaluate(point, state.c)
    halved = gap < 0.5 * state.best
    visible = jnp.maximum(4 * eps, 0.01 * tol)
    progress = (objective < state.objective * (1 - visible)) | halved
    stalled = jnp.where(progress | lower, 0, state.stalled + 1)
    solved = (gap < _STAGE_GAP) | (stalled >= _STALL_LIMIT)
    raising = solved & ~lower & (state.c < c_final)
    c_next = jnp.where(lower, jnp.maximum(state.c / _C_DROP, c_low), state.c)
    c_next = jnp.where(raising, jnp.minimum(state.c * _C_FACTOR, c_final), c_next)
    moved = lower | raising
    objective, gap = jax.lax.cond(
      moved, lambda: evaluate(point, c_next), lambda: (objective, gap)
    )
    alpha_n, dual_d, w_d, z_n = point
    return _State(
      step=state.step + 1,
      c=c_next,
      lowering=state.lowering & ~raising,
      active_n=sign_n * z_n < 1,
      alpha_n=alpha_n,
      dual_d=dual_d,
      w_d=w_d,
      z_n=z_n,
      objective=objective,
      gap=gap,
      best=jnp.where(halved | moved, gap, state.best),
      stalled=jnp.where(moved, 0, stalled),
    )

  infinity = jnp.asarray(jnp.inf, dtype)
  zero_n, zero_d = jnp.zeros((n,), dtype), jnp.zeros((d,), dtype)
  state = _State(
    step=jnp.zeros((), jnp.int32),
    c=c_final,
    lowering=jnp.ones((), bool),
    active_n=active_n,
    alpha_n=zero_n,
    dual_d=zero_d,
    w_d=zero_d,
    z_n=zero_n,
    objective=infinity,  # the first step is taken whatever it brings
    gap=infinity,
    best=infinity,
    stalled=jnp.zeros((), jnp.int32),
  )
  state = jax.lax.while_loop(proceed, body, state)
  # Out of steps below the final C: the certificate at the C that was asked for.
  objective, gap = evaluate(
    (state.alpha_n, state.dual_d, state.w_d, state.z_n), c_final
  )
  return state.w_d, state.z_n, objective, gap, state.step


def _solve_on(
  x_nd: Float[Array, "n d"],
  sign_n: Float[Array, " n"],
  active_n: Bool[Array, " n"],
  c: Float[Array, ""],
  tol: float,
) -> tuple[Array, Array, Array]:
  """Solves for the optimum when only the active samples count.

  Returns:
    `(alpha_n, dual_d, w_d)`, alpha cut off at zero, and `dual_d = X^T (y alpha)`.
  """
  n, d = x_nd.shape
  count = jnp.sum(active_n)
  index_n = jnp.nonzero(active_n, size=n, fill_value=n)[0]
  sizes = sorted({min(n, max(16, int(share * d))) for share in _KERNEL_SHARES})

  def rows(index_a: Array) -> tuple[Array, Array]:
    x_ad = jnp.take(x_nd, index_a, axis=0, mode="fill", fill_value=0)
    return x_ad, jnp.take(sign_n, index_a, mode="fill", fill_value=0)

  def kernel_branch(size: int) -> Callable[[], tuple[Array, Array, Array]]:
    def solve() -> tuple[Array, Array, Array]:
      x_ad, y_a = rows(index_n[:size])
      a_a, w_d = _kernel_form(x_ad, y_a, c, tol)
      alpha_a = jnp.maximum(0, y_a * a_a)
      dual_d = jnp.matmul(y_a * alpha_a, x_ad, precision=HIGHEST)
      alpha_n = jnp.zeros((n,), x_nd.dtype).at[index_n[:size]].set(alpha_a, mode="drop")
      return alpha_n, dual_d, w_d

    return solve

  def primal_branch() -> tuple[Array, Array, Array]:
    size = min(n, _CHUNK)
    padded = jnp.concatenate([index_n, jnp.full((size,), n, index_n.dtype)])
    chunks = (count + size - 1) // size

    def total(term: Callable[[Array, Array], T], start: T) -> T:
      def add(i: Array, carry: T) -> T:
        index_a = jax.lax.dynamic_slice(padded, (i * size,), (size,))
        added: T = jax.tree.map(jnp.add, carry, term(*rows(index_a)))
        return added

      summed: T = jax.lax.fori_loop(0, chunks, add, start)
      return summed

    w_d = _primal_form(total, d, x_nd.dtype, c, tol)
    z_n = jnp.matmul(x_nd, w_d, precision=HIGHEST)
    alpha_n = jnp.where(active_n, jnp.maximum(0, 2 * c * (1 - sign_n * z_n)), 0)
    return alpha_n, jnp.matmul(sign_n * alpha_n, x_nd, precision=HIGHEST), w_d

  which = jnp.sum(count > jnp.asarray(sizes))
  branches = [kernel_branch(size) for size in sizes]
  solved: tuple[Array, Array, Array] = jax.lax.switch(which, [*branches, primal_branch])
  return solved


def _refine(
  a: Float[Array, "m m"],
  product: Callable[[Array], Array],
  b: Float[Array, " m"],
  c: Float[Array, ""],
  error: Callable[[Array], Array],
  limit: Callable[[Array], Array],
) -> Float[Array, " m"]:
  """Solves `(a + I / 2C) x = b` by a Cholesky factor and iterative refinement.

  `a` is positive semidefinite, `product` the whole operator; it ends once
  `error(residual) <= limit(solution)`.
  """
  size = a.shape[0]
  # Rounding can leave `a` with eigenvalues a little below zero.
  ridge = 1 / (2 * c) + jnp.finfo(a.dtype).eps * jnp.trace(a)
  factor = jnp.linalg.cholesky(a + ridge * jnp.eye(size, dtype=a.dtype))

  def proceed(carry: tuple[Array, Array, Array]) -> Array:
    step, x, r = carry
    return (step == 0) | ((step < 1 + _REFINEMENTS) & (error(r) > limit(x)))

  def body(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    step, x, r = carry
    x = x + jax.scipy.linalg.cho_solve((factor, True), r)
    return step + 1, x, b - product(x)

  start = (jnp.zeros((), jnp.int32), jnp.zeros_like(b), b)
  return jax.lax.while_loop(proceed, body, start)[1]


def _kernel_form(
  x_ad: Float[Array, "a d"], y_a: Float[Array, " a"], c: Float[Array, ""], tol: float
) -> tuple[Float[Array, " a"], Float[Array, " d"]]:
  def product(a_a: Array) -> Array:
    w_d = jnp.matmul(a_a, x_ad, precision=HIGHEST)
    return jnp.matmul(x_ad, w_d, precision=HIGHEST) + a_a / (2 * c)

  a_a = _refine(
    jnp.matmul(x_ad, x_ad.T, precision=HIGHEST),
    product,
    y_a,
    c,
    # A residual r adds C |r|^2 to the gap; half y.a is the optimum's objective.
    lambda r: c * jnp.sum(r**2),
    lambda a: 0.05 * tol * jnp.sum(y_a * a),
  )
  return a_a, jnp.matmul(a_a, x_ad, precision=HIGHEST)


def _primal_form(
  total: _Total, d: int, dtype: jnp.dtype, c: Float[Array, ""], tol: float
) -> Float[Array, " d"]:
  def moments(x_ad: Array, y_a: Array) -> tuple[Array, Array, Array]:
    gram_dd = jnp.matmul(x_ad.T, x_ad, precision=HIGHEST)
    return gram_dd, jnp.matmul(y_a, x_ad, precision=HIGHEST), jnp.sum(y_a**2)

  def product(w_d: Array) -> Array:
    def term(x_ad: Array, _: Array) -> Array:
      z_a = jnp.matmul(x_ad, w_d, precision=HIGHEST)
      return jnp.matmul(z_a, x_ad, precision=HIGHEST)

    return total(term, w_d / (2 * c))

  zero_d = jnp.zeros((d,), dtype)
  zeros = (jnp.zeros((d, d), dtype), zero_d, jnp.zeros((), dtype))
  gram_dd, b_d, count = total(moments, zeros)
  return _refine(
    gram_dd,
    product,
    b_d,
    c,
    # A residual r leaves the gradient 2 C r, hence adds half its square to the gap; the
    # optimum's objective is C (|y|^2 - b.w).
    lambda r: 2 * c**2 * jnp.sum(r**2),
    lambda w: 0.1 * tol * c * jnp.maximum(0, count - jnp.sum(b_d * w)),
  )
