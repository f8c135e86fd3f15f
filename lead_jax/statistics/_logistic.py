"""Multinomial logistic regression with a ridge, by L-BFGS with a preconditioner.

  min_W,b  sum_i w_i (-log softmax(W^T z_i + b)[y_i]) + l2 / 2 |W|^2,   b free,

with z = (x - m) / s, which is never formed: logits are x (W / s) + (b - m.W / s).

The Hessian of class k is Z^T diag(w p_k (1 - p_k)) Z + l2 I. With the mean c_k of the
p_k (1 - p_k) in place of each, at most the 1/4 of Boehning (1992), it is c_k Z^T Z + l2 I,
which one eigen-decomposition inverts for every class and every c_k. There the quasi-Newton
approximation starts from in every step: neither features of very different variances nor
classes that are separated already cost more steps. A step is one product with the samples
and one with their transpose; the line search moves along logits that are known.

References:
  Boehning, `Multinomial logistic regression algorithm
  <https://doi.org/10.1007/BF00048682>`_, 1992, Theorem 1.
  Nocedal and Wright, Numerical Optimization, 2006, Algorithm 7.4.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import Rule, check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.statistics._blocks import Take, gram_of_rows
from lead_jax.typing import Array, Bool, Float, Int

_MEMORY = 8  # pairs of steps and gradient differences
_LEAST_CURVATURE = 1e-6
_REFRESH = 10  # steps between logits computed from the weights

# Halvings, length of the step, objective, `wrong_nk` there.
_Search = tuple[int | Array, Array, Array, Array]


class LogisticFit(NamedTuple):
  """A fitted classifier.

  Attributes:
    weights_ek: W, and b as the last row, of sum zero over classes.
    logits_nk: Of all samples, those of weight zero too.
    loss: The objective, in nats summed over samples.
    converged: Whether the gradient reached the tolerance.
    steps: Steps done.
  """

  weights_ek: Float[Array, "e k"]
  logits_nk: Float[Array, "n k"]
  loss: Float[Array, ""]
  converged: Bool[Array, ""]
  steps: Int[Array, ""]


@check_arguments(l2=Rule(least=0), weight_n=Rule(least=0), tolerance=Rule(least=0))
def fit_logistic(
  x_nd: Float[Array, "n d"],
  onehot_nk: Float[Array, "n k"],
  weight_n: Float[Array, " n"],
  mean_d: Float[Array, " d"],
  inverse_std_d: Float[Array, " d"],
  l2: float | Float[Array, ""],
  *,
  tolerance: float,
  max_iter: int = 500,
) -> LogisticFit:
  """Minimises the penalised negative log-likelihood.

  Args:
    x_nd: Samples, one per row, of unit scale about.
    onehot_nk: Their classes.
    weight_n: Their weights, at least 0.
    mean_d: m.
    inverse_std_d: 1 / s; 0 leaves a feature out.
    l2: Ridge on the weights, above 0.
    tolerance: Of the largest entry of the gradient, relative to the norm of a column
      without any cancellation.
    max_iter: Bound on the steps.

  Returns:
    A `LogisticFit`.
  """
  n, d = x_nd.shape
  k = onehot_nk.shape[1]
  dtype = x_nd.dtype
  total = jnp.sum(weight_n)

  def forward(w_ek: Array) -> Array:
    """z_i . w + b for all samples; the bias is the last row of w."""
    scaled_dk = inverse_std_d[:, None] * w_ek[:-1]
    shift_k = w_ek[-1] - jnp.matmul(mean_d, scaled_dk, precision=HIGHEST)
    return jnp.matmul(x_nd, scaled_dk, precision=HIGHEST) + shift_k[None, :]

  def pull_back(a_nk: Array) -> Array:
    """The transpose of `forward`, on samples that were weighted before."""
    sum_k = jnp.sum(a_nk, axis=0)
    # (a^T x)^T, and not as x^T a, as which XLA would compute it, on a CPU slower by half.
    inner_kd = jnp.matmul(a_nk.T, x_nd, precision=HIGHEST)
    inner_dk = jax.lax.optimization_barrier(inner_kd).T
    inner_dk = inverse_std_d[:, None] * (inner_dk - mean_d[:, None] * sum_k[None, :])
    return jnp.concatenate([inner_dk, sum_k[None, :]], axis=0)

  # No ridge on the bias. It is only fixed up to a constant common to all classes;
  # started at zero, it stays on the space of zero sum.
  ridge_e1 = jnp.concatenate([jnp.full((d,), l2, dtype), jnp.zeros((1,), dtype)])[
    :, None
  ]

  def fit_of(w_ek: Array, z_nk: Array) -> tuple[Array, Array]:
    """The objective, and what each sample gives to the classes that it is not of."""
    # -log p_y as softplus of the other classes' excess, and 1 - p_y as what the others
    # have: they keep their digits where p_y is all but 1, which separated classes come to.
    own_n1 = jnp.sum(onehot_nk * z_nk, axis=1, keepdims=True)
    excess_nk = jnp.where(onehot_nk > 0, -jnp.inf, z_nk - own_n1)
    top_n1 = jnp.max(excess_nk, axis=1, keepdims=True)
    part_nk = jnp.exp(excess_nk - top_n1)
    sum_n1 = jnp.sum(part_nk, axis=1, keepdims=True)
    excess_n1 = top_n1 + jnp.log(sum_n1)
    data = jnp.sum(weight_n[:, None] * jax.nn.softplus(excess_n1))
    wrong_nk = part_nk * (jax.nn.sigmoid(excess_n1) / sum_n1)
    return data + 0.5 * jnp.sum(ridge_e1 * w_ek**2), wrong_nk

  inverse = _preconditioner(x_nd, weight_n, mean_d, inverse_std_d, l2)

  def preconditioned(wrong_nk: Array) -> Callable[[Array], Array]:
    """At the curvatures of these probabilities: the mean of p (1 - p), by class."""
    wrong_n1 = jnp.sum(wrong_nk, axis=1, keepdims=True)
    spread_nk = wrong_nk * (1 - wrong_nk) + onehot_nk * wrong_n1 * (1 - wrong_n1)
    c_k = jnp.matmul(weight_n, spread_nk, precision=HIGHEST) / total
    c_k = jnp.maximum(c_k, _LEAST_CURVATURE)

    def precondition(r_ek: Array) -> Array:
      bias_1k = r_ek[-1:] / (c_k * total)[None, :]
      return jnp.concatenate([inverse(r_ek[:-1], c_k), bias_1k], axis=0)

    return precondition

  def gradient(w_ek: Array, wrong_nk: Array) -> tuple[Array, Array]:
    right_nk = onehot_nk * jnp.sum(wrong_nk, axis=1)[:, None]
    residual_nk = weight_n[:, None] * (wrong_nk - right_nk)
    g_ek = pull_back(residual_nk) + ridge_e1 * w_ek
    # z has unit variance: a column's gradient without any cancellation is about this.
    size = jnp.sqrt(total * jnp.sum(residual_nk**2)) + l2 * jnp.linalg.norm(w_ek)
    return g_ek, jnp.max(jnp.abs(g_ek)) / jnp.where(size > 0, size, 1)

  def proceed(state: _State) -> Array:
    return (state.step < max_iter) & (state.relative > tolerance) & ~state.stalled

  def advance(state: _State) -> _State:
    v_ek = _direction(state, preconditioned(state.wrong_nk))
    dz_nk = forward(v_ek)
    slope = jnp.sum(state.g_ek * v_ek)

    # Armijo's rule by halving; the whole step is taken near the optimum.
    def too_long(search: _Search) -> Array:
      tries, length, value, _ = search
      slack = 10 * jnp.finfo(dtype).eps * state.value
      return (value > state.value + 1e-4 * length * slope + slack) & (tries < 20)

    def at(length: Array) -> tuple[Array, Array]:
      return fit_of(state.w_ek + length * v_ek, state.z_nk + length * dz_nk)

    def halve(search: _Search) -> _Search:
      tries, length, _, _ = search
      return tries + 1, 0.5 * length, *at(0.5 * length)

    whole = jnp.ones((), dtype)
    start: _Search = (0, whole, *at(whole))
    tries, length, value, wrong_nk = jax.lax.while_loop(too_long, halve, start)
    w_ek = state.w_ek + length * v_ek
    z_nk = state.z_nk + length * dz_nk

    def anew() -> tuple[Array, Array, Array]:  # since rounding adds up along the way
      z_nk = forward(w_ek)
      return z_nk, *fit_of(w_ek, z_nk)

    z_nk, value, wrong_nk = jax.lax.cond(
      state.step % _REFRESH == _REFRESH - 1, anew, lambda: (z_nk, value, wrong_nk)
    )
    g_ek, relative = gradient(w_ek, wrong_nk)
    state = _remember(state, w_ek - state.w_ek, g_ek - state.g_ek)
    stalled = ~jnp.isfinite(value) | (tries == 20)
    return state._replace(
      step=state.step + 1,
      w_ek=w_ek,
      z_nk=z_nk,
      wrong_nk=wrong_nk,
      value=value,
      g_ek=g_ek,
      relative=relative,
      stalled=stalled,
    )

  w_ek = jnp.zeros((d + 1, k), dtype)
  # Behind a barrier: or else the compiler spends seconds on softmax of a constant.
  z_nk = jax.lax.optimization_barrier(jnp.zeros((n, k), dtype))
  value, wrong_nk = fit_of(w_ek, z_nk)
  g_ek, relative = gradient(w_ek, wrong_nk)
  history = jnp.zeros((_MEMORY, d + 1, k), dtype)
  state = _State(
    step=jnp.int32(0),
    w_ek=w_ek,
    z_nk=z_nk,
    wrong_nk=wrong_nk,
    value=value,
    g_ek=g_ek,
    relative=relative,
    stalled=jnp.asarray(False),
    moves=history,
    changes=history,
    inverses=jnp.zeros((_MEMORY,), dtype),
    kept=jnp.int32(0),
  )
  state = jax.lax.while_loop(proceed, advance, state)
  return LogisticFit(
    state.w_ek, state.z_nk, state.value, state.relative <= tolerance, state.step
  )


class _State(NamedTuple):
  """Of the iteration; `moves`, `changes` and `inverses` (1 / s.y) are rings."""

  step: Array
  w_ek: Array
  z_nk: Array
  wrong_nk: Array
  value: Array
  g_ek: Array
  relative: Array
  stalled: Array
  moves: Array
  changes: Array
  inverses: Array
  kept: Array


def _remember(
  state: _State, move_ek: Float[Array, "e k"], change_ek: Float[Array, "e k"]
) -> _State:
  """Keeps a pair of which the curvature is positive, as rounding may leave it not."""
  product = jnp.sum(move_ek * change_ek)
  good = product > 0
  place = state.kept % _MEMORY
  put: Callable[[Array, Array], Array] = lambda ring, new: ring.at[place].set(
    jnp.where(good, new, ring[place])
  )
  return state._replace(
    moves=put(state.moves, move_ek),
    changes=put(state.changes, change_ek),
    inverses=put(state.inverses, 1 / jnp.where(good, product, 1)),
    kept=state.kept + good,
  )


def _direction(
  state: _State, precondition: Callable[[Array], Array]
) -> Float[Array, "e k"]:
  """The two-loop recursion (Nocedal and Wright, Algorithm 7.4)."""
  there = jnp.minimum(state.kept, _MEMORY)

  def back(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
    q_ek, shares = carry
    j = (state.kept - 1 - i) % _MEMORY
    share = state.inverses[j] * jnp.sum(state.moves[j] * q_ek)
    return q_ek - share * state.changes[j], shares.at[j].set(share)

  shares = jnp.zeros((_MEMORY,), state.g_ek.dtype)
  q_ek, shares = jax.lax.fori_loop(0, there, back, (state.g_ek, shares))
  last = (state.kept - 1) % _MEMORY
  change_ek = state.changes[last]
  size = jnp.sum(change_ek * precondition(change_ek))
  scale = jnp.sum(state.moves[last] * change_ek) / jnp.where(size > 0, size, 1)
  r_ek = jnp.where(size > 0, scale, 1) * precondition(q_ek)

  def forth(i: Array, r_ek: Array) -> Array:
    j = (state.kept - there + i) % _MEMORY
    share = state.inverses[j] * jnp.sum(state.changes[j] * r_ek)
    added: Array = r_ek + (shares[j] - share) * state.moves[j]
    return added

  found_ek: Array = jax.lax.fori_loop(0, there, forth, r_ek)
  return -found_ek


def _preconditioner(
  x_nd: Float[Array, "n d"],
  weight_n: Float[Array, " n"],
  mean_d: Float[Array, " d"],
  inverse_std_d: Float[Array, " d"],
  l2: float | Float[Array, ""],
) -> Callable[[Array, Array], Array]:
  """Inverts c_k Z^T Z + l2 I for each class k, in the eigenvectors of Z^T Z.

  Where N < D the eigenvectors are those of Z Z^T, and all other directions have the ridge
  alone.
  """
  n, d = x_nd.shape
  dtype = x_nd.dtype

  def rows_bd(take: Take) -> Array:
    z_bd = (take(x_nd) - mean_d[None, :]) * inverse_std_d[None, :]
    return z_bd * jnp.sqrt(take(weight_n))[:, None]

  if d <= n:
    value_m, axes_dm = jnp.linalg.eigh(gram_of_rows(rows_bd, n, d, dtype))
  else:
    z_nd = rows_bd(lambda array: array)
    gram_nn = jnp.matmul(z_nd, z_nd.T, precision=HIGHEST)
    value_m, vectors = jnp.linalg.eigh(0.5 * (gram_nn + gram_nn.T))
    alive_m = value_m > 10 * jnp.finfo(dtype).eps * value_m[-1]
    root_m = jnp.sqrt(jnp.where(alive_m, value_m, 1))
    axes_dm = jnp.matmul(z_nd.T, vectors, precision=HIGHEST) / root_m[None, :]
    axes_dm = jnp.where(alive_m[None, :], axes_dm, 0)
  value_m1 = jnp.maximum(value_m, 0)[:, None]

  def apply(r_dk: Array, c_k: Array) -> Array:
    along_mk = jnp.matmul(axes_dm.T, r_dk, precision=HIGHEST)
    inverse_mk = 1 / (c_k[None, :] * value_m1 + l2)
    if d <= n:
      return jnp.matmul(axes_dm, along_mk * inverse_mk, precision=HIGHEST)
    # Less what the ridge alone would do, which is added for all directions.
    along_mk = along_mk * (inverse_mk - 1 / l2)
    return r_dk / l2 + jnp.matmul(axes_dm, along_mk, precision=HIGHEST)

  return apply
