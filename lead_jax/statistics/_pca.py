"""Principal components, through the smaller of the two matrices of inner products.

The D x D covariance where N >= D, the N x N matrix of inner products otherwise: one
symmetric eigen-decomposition, several times cheaper than the singular value decomposition
of the samples. It squares the condition number: variances that are small beside the largest
drown in its rounding. Where there are any, the samples are projected on all directions, the
small ones are cleared of what their projections share with the large ones, and the inner
products of what is left are decomposed in their turn (`axes_of_gram`). What is then below
the square of machine epsilon, about, is noise, and has its variance set to zero.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import Rule, check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.statistics._blocks import Take, gram_of_rows
from lead_jax.typing import Array, Float

# Eigenvalues below this many times eps of the largest have too few digits of their own;
# once one has gone to that trouble, below ten times as many.
_RESOLVED = 1000

# Eigenvalues, eigenvectors, the least eigenvalue that has digits of its own.
_Axes = tuple[Array, Array, Array]


class PCA(NamedTuple):
  """Principal components of samples, by decreasing variance.

  Attributes:
    mean_d: The centre.
    axes_dp: Orthonormal directions; the sign of each is arbitrary. Zero for a direction
      without variance.
    variance_p: Unbiased variance along each (divided by N - 1), as in scikit-learn's
      `explained_variance_`.
    projected_np: The centred samples in these directions.
  """

  mean_d: Float[Array, " d"]
  axes_dp: Float[Array, "d p"]
  variance_p: Float[Array, " p"]
  projected_np: Float[Array, "n p"]


@check_arguments(dim=Rule())
def pca(features: Float[Array, "n d"], *, dim: int) -> PCA:
  """Computes the first principal components.

  Args:
    features: Samples, one per row; at least two.
    dim: Static number of components, in `[1, min(N, D)]`.

  Raises:
    ValueError: If `dim` is out of its bounds.

  References:
    Jolliffe, Principal Component Analysis, 2002, Section 2.1.
  """
  n, d = features.shape
  if not 1 <= dim <= min(n, d):
    raise ValueError(f"dim must be in [1, {min(n, d)}] for N={n}, D={d}, got {dim}")
  mean_d = jnp.mean(features, axis=0)
  x_nd = features - mean_d[None, :]
  small = x_nd if d <= n else x_nd.T
  gram = jnp.matmul(small.T, small, precision=HIGHEST)
  # At unit scale, so that neither tiny nor large features leave the range of the dtype.
  scale = jnp.max(jnp.abs(jnp.diagonal(gram)))
  scale = jnp.where(scale > 0, scale, 1)
  if d <= n:  # without another pass over the samples
    before = jnp.diagonal(gram) + n * mean_d**2
  else:
    before = jnp.sum(features**2, axis=1)
  value_p, vector = axes_of_gram(
    gram / scale,
    lambda take: take(small) / jnp.sqrt(scale),
    rows=max(n, d),
    largest=jnp.max(before) / scale,
    wanted=dim,
  )
  value_p, vector = value_p[::-1][:dim] * scale, vector[:, ::-1][:, :dim]
  alive_p = value_p > 0
  if d <= n:
    axes_dp = vector * alive_p.astype(x_nd.dtype)[None, :]
    projected_np = jnp.matmul(x_nd, axes_dp, precision=HIGHEST)
  else:
    root_p = jnp.sqrt(jnp.where(alive_p, value_p, 1))
    back_dp = jnp.matmul(x_nd.T, vector, precision=HIGHEST)
    axes_dp = jnp.where(alive_p[None, :], back_dp / root_p[None, :], 0)
    # And not through the axes, of which those of small variance are less exact.
    projected_np = jnp.where(alive_p[None, :], vector * root_p[None, :], 0)
  return PCA(mean_d, axes_dp, value_p / (n - 1), projected_np)


@check_arguments()
def axes_of_gram(
  gram_mm: Float[Array, "m m"],
  rows_bm: Callable[[Take], Float[Array, "b m"]],
  *,
  rows: int,
  largest: Float[Array, ""],
  wanted: int,
) -> tuple[Float[Array, " m"], Float[Array, "m m"]]:
  """Decomposes A^T A, small eigenvalues too.

  Args:
    gram_mm: A^T A, at about unit scale.
    rows_bm: From `take` (see `statistics.Take`) to a block's rows of A.
    rows: Static number of A's rows.
    largest: Of A's columns before they were centred, the largest sum of squares: what A's
      own rounding is relative to.
    wanted: Static; how many of the largest eigenvalues must be right.

  Returns:
    Eigenvalues, ascending, zero where they are rounding; eigenvectors, one per column.
  """
  m = gram_mm.shape[0]
  eps = jnp.finfo(gram_mm.dtype).eps
  noise = (16 * eps) ** 2 * jnp.trace(gram_mm) + eps**2 * largest
  wanted_m = jnp.arange(m) >= m - wanted
  # Centring takes one direction from as many samples.
  if wanted == m:
    wanted_m = wanted_m.at[0].set(rows == m)

  def again(state: _Axes) -> Array:
    value_m, _, least = state
    return (least > noise) & jnp.any((value_m < least) & wanted_m)

  def refine(state: _Axes) -> _Axes:
    value_m, vector_mm, least = state
    small_m = value_m < least
    project: Callable[[Take], Array] = lambda take: jnp.matmul(
      rows_bm(take), vector_mm, precision=HIGHEST
    )
    whole_mm = gram_of_rows(project, rows, m, gram_mm.dtype)
    # What the first rounding has left of the large directions in the small ones.
    large_m1 = jnp.where(small_m, jnp.inf, jnp.maximum(value_m, least))[:, None]
    tilt_mm = jnp.where(small_m[None, :], whole_mm / large_m1, 0)
    turned_mm = jnp.matmul(vector_mm, tilt_mm - tilt_mm.T, precision=HIGHEST)
    vector_mm = vector_mm - turned_mm
    within_mm = whole_mm - jnp.matmul(whole_mm, tilt_mm, precision=HIGHEST)
    within_mm = jnp.where(small_m[:, None] & small_m[None, :], within_mm, 0)
    within_mm = 0.5 * (within_mm + within_mm.T)
    unit = jnp.max(jnp.sum(jnp.abs(within_mm), axis=1))  # no eigenvalue is larger
    unit = jnp.where(unit > 0, unit, 1)
    # The others stay what and where they are: each alone, above all of these.
    others_m = jnp.where(small_m, 0, 2 + jnp.arange(m) / m)
    found_m, turn_mm = jnp.linalg.eigh(within_mm / unit + jnp.diag(others_m))
    found_m = jnp.where(small_m, found_m * unit, value_m)
    vector_mm = jnp.matmul(vector_mm, turn_mm, precision=HIGHEST)
    top = jnp.max(jnp.where(small_m, found_m, 0))
    return found_m, vector_mm, 10 * _RESOLVED * eps * top

  value_m, vector_mm = jnp.linalg.eigh(0.5 * (gram_mm + gram_mm.T))
  start = (value_m, vector_mm, _RESOLVED * eps * jnp.maximum(value_m[-1], 0))
  value_m, vector_mm, least = jax.lax.while_loop(again, refine, start)
  noise = jnp.maximum(noise, 4 / _RESOLVED * least)
  return jnp.where(value_m > noise, value_m, 0), vector_mm
