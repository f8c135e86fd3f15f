"""How alike the samples of a data set are, pair by pair."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Bool, Float


@check_arguments()
def standardise(features: Float[Array, "n d"]) -> Float[Array, "n d"]:
  """Brings every column to mean 0 and (biased) variance 1.

  A column whose spread is within the rounding of its values is constant: it becomes 0.

  Args:
    features: Samples, one per row.
  """
  eps = jnp.finfo(features.dtype).eps
  largest_d = jnp.max(jnp.abs(features), axis=0)
  # At unit scale squares neither over- nor underflow.
  x_nd = features / jnp.where(largest_d > 0, largest_d, 1)[None, :]
  x_nd = x_nd - jnp.mean(x_nd, axis=0)[None, :]
  # Far from the origin the first mean is off by its rounding; that of the rest is not.
  x_nd = x_nd - jnp.mean(x_nd, axis=0)[None, :]
  spread_d = jnp.sqrt(jnp.mean(x_nd**2, axis=0))
  alive_d = spread_d > eps
  return x_nd * jnp.where(alive_d, 1 / jnp.where(alive_d, spread_d, 1), 0)[None, :]


class Correlations(NamedTuple):
  """Correlations between samples.

  Attributes:
    r_nn: In `[-1, 1]`, symmetric; 0 between a constant sample and any other.
    constant_n: Samples whose features are all equal (or, of cosines, zero): theirs are
      undefined.
  """

  r_nn: Float[Array, "n n"]
  constant_n: Bool[Array, " n"]


class PairCorrelations(NamedTuple):
  """The same, of what stands above the diagonal alone, row by row.

  Attributes:
    r_p: See `Correlations`; of N (N - 1) / 2 pairs.
    constant_n: See `Correlations`.
  """

  r_p: Float[Array, " p"]
  constant_n: Bool[Array, " n"]


@check_arguments()
def correlations(
  features: Float[Array, "n d"], *, centred: bool = True
) -> Correlations:
  """Computes Pearson correlations between rows, or their cosines.

  What is within rounding of 1 or -1 is set to it, so that copies of a sample are tied.

  Args:
    features: Samples, one per row, of order one: see `standardise`.
    centred: Static; whether the mean of each row is subtracted (Pearson) or not (cosine).
  """
  x_nd, constant_n = _unit_rows(features, centred)
  return Correlations(_snapped(jnp.matmul(x_nd, x_nd.T, precision=HIGHEST)), constant_n)


@check_arguments()
def pair_correlations(features: Float[Array, "n d"]) -> PairCorrelations:
  """Computes Pearson correlations between rows, of each pair once.

  Args:
    features: As `correlations`.
  """
  x_nd, constant_n = _unit_rows(features, True)
  n = x_nd.shape[0]
  # Strips of rows, each from its first sample on: hardly more products than pairs.
  rows = max(100, -(-n // 8))
  starts = range(0, n, rows)
  strips = [
    jnp.matmul(x_nd[i : i + rows], x_nd[i:].T, precision=HIGHEST).ravel()
    for i in starts
  ]
  offset_s = np.cumsum([0, *(strip.size for strip in strips)])
  row, column = np.triu_indices(n, 1)
  first = row // rows * rows
  place = offset_s[row // rows] + (row - first) * (n - first) + column - first
  return PairCorrelations(_snapped(jnp.concatenate(strips)[place]), constant_n)


def _unit_rows(
  features: Float[Array, "n d"], centred: bool
) -> tuple[Float[Array, "n d"], Bool[Array, " n"]]:
  """Returns rows of length one, and which are constant: those are zero."""
  eps = jnp.finfo(features.dtype).eps
  x_nd = features
  if centred:
    x_nd = x_nd - jnp.mean(x_nd, axis=1)[:, None]
  square_n = jnp.sum(x_nd**2, axis=1)
  # A row of zeros is only as near to zero as rows of the usual size were centred.
  length_n = jnp.sum(features**2, axis=1)
  least_n = (4 * eps) ** 2 * jnp.maximum(length_n, jnp.mean(length_n))
  constant_n = square_n <= least_n
  scale_n = jnp.where(constant_n, 0, jax.lax.rsqrt(jnp.where(constant_n, 1, square_n)))
  return x_nd * scale_n[:, None], constant_n


def _snapped(r: Array) -> Array:
  """Sets what is within rounding of 1 or -1 to it."""
  eps = jnp.finfo(r.dtype).eps
  return jnp.where(jnp.abs(r) > 1 - 8 * eps, jnp.sign(r), r)


@check_arguments()
def directions_about(
  samples_md: Float[Array, "m d"],
  difference_md: Float[Array, "m d"],
  centre_d: Float[Array, " d"],
) -> Float[Array, "m d"]:
  """Computes x / |x| - c / |c| to the digits of x - c, not to those of x.

  Cosines of samples that share a large offset differ beyond float32's digits; half the
  squared distances of these differences are one minus the same cosines. With d = x - c,

    x / |x| - c / |c| = (d - (|x| - |c|) c / |c|) / |x|,
    |x| - |c| = d.(x + c) / (|x| + |c|).

  Args:
    samples_md: Samples x, one per row, at a scale where squares neither overflow nor
      underflow.
    difference_md: `x - c`.
    centre_d: c, the offset. The direction of a zero vector is zero.
  """
  norm_m1 = jnp.linalg.norm(samples_md, axis=1, keepdims=True)
  norm = jnp.linalg.norm(centre_d)
  inverse_m1 = jnp.where(norm_m1 > 0, 1 / jnp.where(norm_m1 > 0, norm_m1, 1), 0)
  unit_1d = (centre_d / jnp.where(norm > 0, norm, 1))[None, :]
  total_md = samples_md + centre_d[None, :]
  longer_m1 = jnp.sum(difference_md * total_md, axis=1, keepdims=True)
  longer_m1 = longer_m1 / jnp.where(norm_m1 + norm > 0, norm_m1 + norm, 1)
  near_md = (difference_md - longer_m1 * unit_1d) * inverse_m1
  # Far from c, x itself has the digits.
  return jnp.where(2 * norm_m1 < norm, samples_md * inverse_m1 - unit_1d, near_md)


@check_arguments()
def cosine_gaps(
  x1: Float[Array, "n1 d"], x2: Float[Array, "n2 d"] | None = None
) -> Float[Array, "n1 n2"]:
  """Computes one minus the cosine between rows, to the digits of their differences.

  A product of directions that are nearly parallel is 1 up to rounding, which covers what
  tells them apart. Half the squared distance of the directions is the gap; where the rows
  share an offset, both are taken about its direction first (`directions_about`).

  Args:
    x1: Rows; their squares must not overflow or underflow.
    x2: Other rows; `x1` where None, whose gap to itself is then exactly 0.

  Returns:
    In `[0, 2]`; 1 between a zero row and any other.
  """
  other = x1 if x2 is None else x2
  centre_d = jnp.mean(x1, axis=0)
  zero_1, zero_2 = (jnp.all(rows == 0, axis=1) for rows in (x1, other))
  units_1d, units_2d = _directions(x1), _directions(other)
  shared = jnp.sum(jnp.mean(units_1d, axis=0) ** 2) > 0.5

  def about(rows_md: Array, units_md: Array) -> tuple[Array, Array]:
    near_md = directions_about(rows_md, rows_md - centre_d[None, :], centre_d)
    chosen_md = jnp.where(shared, near_md, units_md)
    return chosen_md, 0.5 * jnp.sum(chosen_md**2, axis=1)

  u_nd, half_n = about(x1, units_1d)
  v_md, half_m = about(other, units_2d)
  product_nm = jnp.matmul(u_nd, v_md.T, precision=HIGHEST)
  gap_nm = jnp.clip(half_n[:, None] + half_m[None, :] - product_nm, 0, 2)
  gap_nm = jnp.where(zero_1[:, None] | zero_2[None, :], 1, gap_nm)
  return jnp.fill_diagonal(gap_nm, 0, inplace=False) if x2 is None else gap_nm


def _directions(rows_md: Array) -> Array:
  norm_m1 = jnp.linalg.norm(rows_md, axis=1, keepdims=True)
  return rows_md / jnp.where(norm_m1 > 0, norm_m1, 1)


@check_arguments()
def above_diagonal(matrix: Array) -> Array:
  """Returns what stands above the diagonal of an [n, n] matrix, row by row."""
  n = matrix.shape[0]
  row, column = np.triu_indices(n, 1)
  return matrix.ravel()[row * n + column]
