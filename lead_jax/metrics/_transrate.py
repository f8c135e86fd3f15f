"""TransRate: the coding rate of all features less that of the features of each class.

    z_i = (x_i - mean) / |x_i - mean|,  C = Z'Z / N,  C_c the same over a class
    R(C) = log det(I + C / eps) / (2 rank C)
    score = R(C) - sum_c q_c log det(I + C_c / eps) / (2 rank C)

an estimate of the mutual information of features and labels: high where the features
fill the space, and those of a class do not.

Paper: Huang, Huang, Rong, Yang and Wei, "Frustratingly Easy Transferability Estimation"
(https://arxiv.org/abs/2106.09362), 2022. Nearest kin: the coding-rate reduction of Yu et
al. (https://arxiv.org/abs/2006.08558), and LogME, whose evidence has such determinants.

The authors' code normalises the rows and divides by the rank, as here; two public ports do
neither, and their values are of another scale. It also tunes eps for each target; here it
is 1e-4, and the details tell the score at 1e-5 ... 1e-1. It returns NaN for a sample at
the mean, which has no direction: here it is left at zero, and the status says so.

Computation. All N samples: the eigenvalues of Z'Z, the small ones again by themselves, as
the product squares the condition number and float32 would then see no rank.
Classes: det(I_D + Z'Z / (n eps)) = det(I_n + ZZ' / (n eps)), whose smaller side is taken,
padded to a power of two, and a Cholesky decomposition; classes larger than that, by the
D x D matrix summed over blocks of rows. No shape depends on the sizes of the classes.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import Problem, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import Take, fold_rows, gram_of_rows
from lead_jax.typing import Array, Float, Int

_SMALLEST_SIDE = 32
_ROWS = 256
# What the details tell the score at: the range over which the authors tune eps.
GRID = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


class CodingRates(NamedTuple):
  """Coding rates at each of E precisions.

  Attributes:
    total_e: R of all samples.
    within_e: R of the classes, weighted by their priors.
    rank: Of the normalised features, the divisor of both; the rates are NaN if it is 0.
    doubtful: Directions of about the size of rounding, which the rank may have wrong.
    at_mean: Samples at the mean, which have no direction.
  """

  total_e: Float[Array, " e"]
  within_e: Float[Array, " e"]
  rank: Int[Array, ""]
  doubtful: Int[Array, ""]
  at_mean: Int[Array, ""]


@check_arguments()
def transrate(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  eps_e: Float[Array, " e"],
  *,
  num_classes: int,
) -> CodingRates:
  """Computes the coding rates whose difference is the score.

  Args:
    features: Samples, one per row; at least two.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    eps_e: Squared precisions of the code, above 0; features have unit norm.
    num_classes: Static K; at least two.

  Returns:
    The rates; `total_e - within_e` is at least 0, larger is better.

  Raises:
    ValueError: If `num_classes` is below two.

  References:
    Huang et al., 2022, Section 3.2, Eqs. 4 and 5.
  """
  n, d = features.shape
  check_num_classes(num_classes)
  # Class after class: each is then a range of rows.
  order = jnp.argsort(labels)
  z_nd, at_mean_n = _directions(features)
  z_nd = z_nd[order]
  variance_p = _variances(z_nd)
  # Numpy's rule of what counts as zero, for the D x D matrix in float64. What is zero comes
  # out as up to about one eps squared of the largest, which in float32 may be more; where
  # samples are near the mean, as up to 60.
  share_p = variance_p / jnp.max(variance_p)
  square = float(jnp.finfo(features.dtype).eps) ** 2
  least, zero, clear = (
    max(d * float(np.finfo(np.float64).eps), times * square) for times in (1, 4, 64)
  )
  doubtful = jnp.sum((share_p > least) & (share_p <= clear))
  # Centred: one direction is never there but by rounding.
  rank = jnp.minimum(jnp.sum(share_p > zero), n - 1)
  total_e = jnp.sum(jnp.log1p(variance_p[None, :] / eps_e[:, None]), axis=1)

  count_k = jnp.bincount(labels, length=num_classes)
  start_k = jnp.cumsum(count_k) - count_k
  sides = []
  side = _SMALLEST_SIDE
  while side < d and side < 2 * n:
    sides.append(side)
    side *= 2
  branches = [_by_samples(side) for side in sides] + [_by_features]

  def log_det(inputs: tuple[Array, ...]) -> Array:
    start, count = inputs
    smallest = jnp.sum(count > jnp.asarray(sides, count.dtype))
    found: Array = jax.lax.switch(smallest, branches, z_nd, start, count, eps_e)
    return found

  log_det_ke = jax.lax.map(log_det, (start_k, count_k))
  prior_k = count_k.astype(features.dtype) / n
  within_e = jnp.sum(prior_k[:, None] * log_det_ke, axis=0)
  twice_rank = jnp.where(rank > 0, 2 * rank, jnp.nan).astype(features.dtype)
  return CodingRates(
    total_e / twice_rank, within_e / twice_rank, rank, doubtful, jnp.sum(at_mean_n)
  )


def _directions(x_nd: Array) -> tuple[Array, Array]:
  """Centres and divides by the norms; says which rows are at the mean."""
  # A power of two, so that scaling rounds nothing: else a constant column leaves a trace.
  limit = -jnp.finfo(x_nd.dtype).minexp
  exponent = jnp.clip(jnp.frexp(jnp.max(jnp.abs(x_nd)))[1], -limit, limit)
  x_nd = x_nd * jnp.ldexp(jnp.ones((), x_nd.dtype), -exponent)
  size_n = jnp.sqrt(jnp.sum(x_nd**2, axis=1))
  mean_d = jnp.mean(x_nd, axis=0)
  # The mean of many rows far from the origin is off by its rounding.
  mean_d = mean_d + jnp.mean(x_nd - mean_d[None, :], axis=0)
  x_nd = x_nd - mean_d[None, :]
  norm_n = jnp.sqrt(jnp.sum(x_nd**2, axis=1))
  # The mean is known to the rounding of samples of the usual size.
  usual = jnp.sqrt(jnp.mean(size_n**2))
  at_mean_n = norm_n <= 4 * jnp.finfo(x_nd.dtype).eps * jnp.maximum(size_n, usual)
  scale_n = jnp.where(at_mean_n, 0, 1 / jnp.where(at_mean_n, 1, norm_n))
  return x_nd * scale_n[:, None], at_mean_n


def _variances(z_nd: Array) -> Array:
  """Returns the eigenvalues of Z'Z / N, and zeros, to the square of machine epsilon.

  The eigenvectors of small eigenvalues are right up to mixing among themselves and a share
  of machine epsilon of the large ones. That share shows in the products of Z times the
  vectors, in which nothing cancels: it is taken out, and the block that is left is
  decomposed at its own scale.
  """
  n, d = z_nd.shape
  tall = z_nd if n >= d else z_nd.T
  rows, side = tall.shape
  gram = functools.partial(gram_of_rows, n=rows, m=side, dtype=z_nd.dtype)
  product = functools.partial(jnp.matmul, precision=HIGHEST)

  def along(basis: Array) -> Callable[[Take], Array]:
    return lambda take: product(take(tall), basis)

  value, axes = jnp.linalg.eigh(gram(lambda take: take(tall)))
  small = value <= 1e3 * jnp.finfo(z_nd.dtype).eps * value[-1]
  inner = gram(along(axes))
  square = jnp.diagonal(inner)
  share = inner / jnp.where(small, 1, square)[:, None]
  share = jnp.where(~small[:, None] & small[None, :], share, 0)
  small_axes = jnp.where(small[None, :], axes, 0) - product(axes, share)
  turned = jnp.linalg.eigh(gram(along(small_axes)))[1]
  low = _squares(along(product(small_axes, turned)), rows, side, z_nd.dtype)
  return jnp.concatenate([jnp.where(small, 0, square), low]) / n


def _squares(rows_bm: Callable[[Take], Array], n: int, m: int, dtype: Any) -> Array:
  """Returns the squared lengths of the columns of a matrix made by blocks of rows."""

  def add(total_m: Array, take: Take, fresh_b: Array) -> Array:
    return total_m + jnp.sum(jnp.where(fresh_b[:, None], rows_bm(take) ** 2, 0), axis=0)

  return fold_rows(add, jnp.zeros((m,), dtype), n)


def _log_det(gram_ss: Array, eps_e: Array) -> Array:
  """Returns log det(I + gram / eps) for each eps."""
  matrix_ess = jnp.eye(gram_ss.shape[0], dtype=gram_ss.dtype)[None] + (
    gram_ss[None] / eps_e[:, None, None]
  )
  lower_ess = jnp.linalg.cholesky(matrix_ess, symmetrize_input=False)
  return 2 * jnp.sum(jnp.log(jnp.diagonal(lower_ess, axis1=1, axis2=2)), axis=1)


def _rows(z_nd: Array, start: Array, count: Array, size: int) -> Array:
  """Returns `size` rows from `start` on, zero beyond `count`."""
  index = start + jnp.arange(size)
  rows_sd = z_nd[jnp.minimum(index, z_nd.shape[0] - 1)]
  return jnp.where((jnp.arange(size) < count)[:, None], rows_sd, 0)


def _by_samples(side: int) -> Callable[[Array, Array, Array, Array], Array]:
  def log_det(z_nd: Array, start: Array, count: Array, eps_e: Array) -> Array:
    rows_sd = _rows(z_nd, start, count, side)
    gram_ss = jnp.matmul(rows_sd, rows_sd.T, precision=HIGHEST)
    return _log_det(gram_ss / jnp.maximum(count, 1).astype(z_nd.dtype), eps_e)

  return log_det


def _by_features(z_nd: Array, start: Array, count: Array, eps_e: Array) -> Array:
  d = z_nd.shape[1]

  def add(block: Array, gram_dd: Array) -> Array:
    rows_sd = _rows(z_nd, start + block * _ROWS, count - block * _ROWS, _ROWS)
    return gram_dd + jnp.matmul(rows_sd.T, rows_sd, precision=HIGHEST)

  blocks = (count + _ROWS - 1) // _ROWS
  gram_dd = jax.lax.fori_loop(0, blocks, add, jnp.zeros((d, d), z_nd.dtype))
  return _log_det(gram_dd / jnp.maximum(count, 1).astype(z_nd.dtype), eps_e)


_jitted = jax.jit(transrate, static_argnames="num_classes")


@dataclasses.dataclass(frozen=True)
class TransRateOptions(Options):
  """Options of `transrate`."""

  eps: float = option(
    1e-4,
    least=1e-6,
    help="Squared precision of the code, relative to features of unit norm.",
  )


def _compute_transrate(problem: Problem, options: TransRateOptions) -> Value:
  eps_e = jnp.asarray((options.eps, *GRID), problem.features.dtype)
  found = _jitted(
    problem.features, problem.labels, eps_e, num_classes=problem.num_classes
  )
  if not int(found.rank):
    raise ValueError("all samples have the same features: they have no coding rate")
  total_e = np.asarray(found.total_e, np.float64)
  within_e = np.asarray(found.within_e, np.float64)
  score_e = (total_e - within_e).tolist()
  at_mean = int(found.at_mean)
  doubtful = int(found.doubtful)
  status = join(
    f"{at_mean} samples are at the mean, without a direction" if at_mean else "",
    f"the rank of {int(found.rank)} is uncertain: {doubtful} directions are hardly "
    "larger than rounding (use float64)"
    if doubtful
    else "",
  )
  return Value(
    score_e[0],
    status,
    {
      "rate": float(total_e[0]),
      "rate_within_classes": float(within_e[0]),
      "rank": int(found.rank),
      "eps": list(GRID),
      "score_by_eps": score_e[1:],
    },
  )


TRANSRATE = own_metric(
  "transrate",
  _compute_transrate,
  "TransRate: coding rate of all features less that of each class's",
  "nats per direction",
  "2 N D^2 + 8 D^3 + N D N/K",
  options=TransRateOptions,
  least_per_class=2,
)
