"""Sums over samples, some rows at a time.

What is as large as the features themselves (deviations from means, weighted rows,
projections) then exists for a block of rows only.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Bool, Float

T = TypeVar("T")
# From an array of N rows to those of a block.
Take = Callable[[Array], Array]

ROWS = 2048


@check_arguments()
def fold_rows(
  step: Callable[[T, Take, Bool[Array, " b"]], T],
  start: T,
  n: int,
  *,
  rows: int = ROWS,
) -> T:
  """Folds a step over blocks of rows.

  Args:
    step: `(carry, take, fresh_b) -> carry`; `take(array)` are the block's rows of an array
      of N rows. Rows that an earlier block has had are not fresh and must not be counted.
    start: The first carry.
    n: N.
    rows: Of a block, at most.
  """
  block = min(n, rows)

  def body(i: Array, carry: T) -> T:
    # The last block begins in the one before, so that all have one shape.
    first = jnp.minimum(i * block, n - block)
    fresh_b = first + jnp.arange(block) >= i * block
    take: Take = lambda array: jax.lax.dynamic_slice_in_dim(array, first, block)
    return step(carry, take, fresh_b)

  folded: T = jax.lax.fori_loop(0, -(-n // block), body, start)
  return folded


@check_arguments()
def gram_of_rows(
  rows_bm: Callable[[Take], Float[Array, "b m"]],
  n: int,
  m: int,
  dtype: jnp.dtype,
) -> Float[Array, "m m"]:
  """Computes A^T A, symmetric to the last digit, of an N x M matrix made by blocks.

  Args:
    rows_bm: From `take` (see `fold_rows`) to the block's rows of A.
    n: N.
    m: M.
    dtype: Of the result.
  """

  def add(gram_mm: Array, take: Take, fresh_b: Array) -> Array:
    block_bm = jnp.where(fresh_b[:, None], rows_bm(take), 0)
    return gram_mm + jnp.matmul(block_bm.T, block_bm, precision=HIGHEST)

  gram_mm = fold_rows(add, jnp.zeros((m, m), dtype), n)
  return 0.5 * (gram_mm + gram_mm.T)
