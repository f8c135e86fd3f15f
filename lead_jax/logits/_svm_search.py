"""The exact line search of the SVM solvers."""

import jax
import jax.numpy as jnp

from lead_jax.typing import Array, Float

# Steps; t, the bracket's ends, the last change of t.
_Search = tuple[Array, Array, Array, Array, Array]


def line_search(
  w_dk: Float[Array, "d k"],
  v_dk: Float[Array, "d k"],
  z_nk: Float[Array, "n k"],
  dz_nk: Float[Array, "n k"],
  sign_nk: Float[Array, "n k"],
  c: Float[Array, ""],
) -> Float[Array, " k"]:
  """Minimises f(w + t v) over t > 0 for each class: Newton in one dimension, bracketed.

  f's derivative along v is increasing and piecewise linear, so that Newton on it is
  exact once on the right piece; a step out of the bracket is replaced by bisection.
  """
  wv_k = jnp.sum(w_dk * v_dk, axis=0)
  vv_k = jnp.sum(v_dk**2, axis=0)

  def body(carry: _Search) -> _Search:
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
