"""Midranks and Spearman's rank correlation, with ties, fast on a CPU.

Three facts make them cheap. Floats sort several times faster as integers of the same
order. A midrank needs no permutation: with L values below and U not above, it is
(L + U + 1) / 2, and both counts are binary searches in the sorted values. And the
centred midranks, doubled, are the integers L + U - P, whose sum is exactly 0, so that the
correlation is a ratio of sums of products without any means.

Against a vector of two values only the rank *sum* of one side matters (Mann and Whitney).
Where that is asked for many float32 values they are not sorted at all: they are counted
into P / 8 bins, which follow their distribution. Equal values always share a bin; distinct
values that do, eight on average, count as tied. Moving ranks by so few of P > 16,384 at
random hardly moves the correlation; tests/statistics/test_ranks.py bounds it.
"""

import jax
import jax.numpy as jnp

from lead_jax.checks import Rule, check_arguments
from lead_jax.typing import Array, Bool, Float, Int

# From here on float32 values are counted into bins rather than sorted.
_MANY = 2**14
_COARSE_BITS = 12
_MERGED_BITS = 3  # eight of P bins are one, which spares most of a slow cumulative sum
_BLOCK = 512


@check_arguments(values=Rule(finite=False))
def midranks(values: Float[Array, " p"]) -> Float[Array, " p"]:
  """Computes ranks from 1 (the least) to P; equal values share the mean of theirs.

  Args:
    values: Not NaN; infinities are larger or smaller than every number.

  Returns:
    Multiples of one half, exact up to P = 2^23 in float32.

  References:
    Kendall, The treatment of ties in ranking problems, 1945, Section 3.
  """
  p = values.shape[0]
  return 0.5 * (_doubled(values) + (p + 1)).astype(values.dtype)


@check_arguments(x=Rule(finite=False), y=Rule(finite=False))
def spearman(x: Float[Array, " p"], y: Float[Array, " p"]) -> Float[Array, ""]:
  """Computes Spearman's rank correlation, the Pearson correlation of midranks.

  Args:
    x: Values, not NaN.
    y: As many.

  Returns:
    In `[-1, 1]`; NaN where all values of one vector are equal.

  References:
    Spearman, `The Proof and Measurement of Association between Two Things
    <https://doi.org/10.2307/1412159>`_, 1904.
  """
  p = x.shape[0]
  # In units of P, so that the sums stay in the range of float32.
  a = _doubled(x).astype(x.dtype) / p
  b = _doubled(y).astype(y.dtype) / p
  return _ratio(_sum(a * b), _sum(a * a), _sum(b * b))


@check_arguments(values=Rule(finite=False))
def spearman_two_valued(
  values: Float[Array, " p"], high: Bool[Array, " p"]
) -> Float[Array, ""]:
  """Computes Spearman's rank correlation with a vector that has two values.

  Args:
    values: Not NaN.
    high: Where the other vector has the larger of its two values.

  Returns:
    In `[-1, 1]`; NaN where all values are equal, or `high` is. See the top of this file
    for the error that bins bring to float32.

  References:
    Mann and Whitney, `On a Test of Whether one of Two Random Variables is Stochastically
    Larger than the Other <https://doi.org/10.1214/aoms/1177730491>`_, 1947.
  """
  p = values.shape[0]
  dtype = values.dtype
  if dtype == jnp.float32 and p >= _MANY:
    bin_p = _quantile_bins(values) >> _MERGED_BITS
    bins = (p >> _MERGED_BITS) + 1
    # One pass over the values counts the bins of both sides.
    both = jnp.zeros((2 * bins,), jnp.int32).at[bin_p + jnp.where(high, bins, 0)].add(1)
    high_b = both[bins:]
    count_b = both[:bins] + high_b
    # Twice the values below, and those in the bin once: twice the centred midrank.
    rank_b = (2 * jnp.cumsum(count_b) - count_b - p).astype(dtype) / p
    sum_high = _sum(high_b.astype(dtype) * rank_b)
    squares = _sum(count_b.astype(dtype) * rank_b**2)
  else:
    rank_p = _doubled(values).astype(dtype) / p
    sum_high = _sum(jnp.where(high, rank_p, 0))
    squares = _sum(rank_p**2)
  share = jnp.sum(high, dtype=jnp.int32).astype(dtype) / p
  # The other vector's doubled centred midranks are n0 (high) and -n1: their product with
  # these, whose sum is 0, is P sum_high; their squares sum to n1 n0 P.
  return _ratio(sum_high, squares, share * (1 - share) * p)


@check_arguments(values=Rule(finite=False))
def fast_sort(values: Float[Array, " p"]) -> Float[Array, " p"]:
  """Sorts floats, not NaN, as integers: several times faster on a CPU."""
  key_p = jnp.sort(_keys(values))
  bits = jnp.where(key_p < 0, key_p ^ jnp.iinfo(key_p.dtype).max, key_p)
  return jax.lax.bitcast_convert_type(bits, values.dtype)


def _ratio(
  product: Float[Array, ""], square: Float[Array, ""], other: Float[Array, ""]
) -> Float[Array, ""]:
  defined = (square > 0) & (other > 0)
  root = jnp.sqrt(jnp.where(defined, square, 1)) * jnp.sqrt(
    jnp.where(defined, other, 1)
  )
  return jnp.where(defined, jnp.clip(product / root, -1, 1), jnp.nan)


def _doubled(values: Float[Array, " p"]) -> Int[Array, " p"]:
  """Returns twice the midrank, less its mean: an integer."""
  key_p = _keys(values)
  sorted_p = jnp.sort(key_p)
  low, high = (
    jnp.searchsorted(sorted_p, key_p, side=side, method="scan_unrolled")
    for side in ("left", "right")
  )
  return low + high - values.shape[0]


def _keys(values: Float[Array, " p"]) -> Int[Array, " p"]:
  """Maps floats to integers of the same order."""
  values = jnp.where(values == 0, 0.0, values)  # -0.0 is equal to 0.0
  wide = values.dtype == jnp.float64
  bits = jax.lax.bitcast_convert_type(values, jnp.int64 if wide else jnp.int32)
  # Of negative floats the bits below the sign grow with the magnitude.
  return jnp.where(bits < 0, bits ^ jnp.iinfo(bits.dtype).max, bits)


def _quantile_bins(values: Float[Array, " p"]) -> Int[Array, " p"]:
  """Maps values to bins in `[0, P)` of the same order.

  First 2^12 bins of equal width; then each is cut into as many as it has values.
  """
  least, most = jnp.min(values), jnp.max(values)
  width = jnp.where(most > least, most - least, 1)
  place_p = (values - least) / width * 2**_COARSE_BITS
  coarse_p = place_p.astype(jnp.int32)
  rest_p = place_p - coarse_p.astype(values.dtype)
  count_c = jnp.zeros((2**_COARSE_BITS + 1,), jnp.int32).at[coarse_p].add(1)
  # In order already: the sort only keeps XLA from fusing the sum into the look-up below,
  # which would compute its last step again for every value.
  end_c = jnp.sort(jnp.cumsum(count_c))
  cuts_p = count_c[coarse_p]
  cut_p = (rest_p * cuts_p.astype(values.dtype)).astype(jnp.int32)
  return end_c[coarse_p] - cuts_p + jnp.minimum(cut_p, cuts_p - 1)


def _sum(values: Float[Array, " p"]) -> Float[Array, ""]:
  """Sums by blocks, which keeps float32's digits."""
  blocks = jnp.pad(values, (0, -values.shape[0] % _BLOCK)).reshape(-1, _BLOCK)
  return jnp.sum(jnp.sum(blocks, axis=1))
