"""Linear discriminants: Gaussians of one covariance, a ridge, and one triangular factor.

All classes share the pooled within-class covariance Sw (biased: divided by N), shrunk
towards the sphere of the same trace, S = (1 - a) Sw + a (tr Sw / D) I. The discriminant of
class k is

  x^T S^-1 mu_k - 1/2 mu_k^T S^-1 mu_k + log q_k,

its softmax over k the posterior; S is factored once for all classes.

With D > N the samples are first rotated into the N dimensions that they span: neither
distances nor the ridge, a multiple of I, know the difference, and the factor is N x N.

Where the smallest pivot of the Cholesky factor drowns in the rounding of the Gram matrix,
the factor comes from a QR decomposition of the samples themselves, stacked on sqrt(a) I.
That squares no condition number: float32 then resolves variances down to about 1e-13 of
the largest in place of 1e-6.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.statistics._blocks import Take, fold_rows, gram_of_rows
from lead_jax.typing import Array, Bool, Float, Int


class Scatter(NamedTuple):
  """Deviations from the class means, at unit mean variance.

  The deviations are formed where they are needed: they are as large as the samples.

  Attributes:
    x_nm: Samples.
    labels: Class ids.
    mean_km: Class means.
    variance: `tr(Sw) / D`; for samples without spread within the classes, the square of
      what rounding leaves of their size.
    gram_mm: `Sw / variance`.
  """

  x_nm: Float[Array, "n m"]
  labels: Int[Array, " n"]
  mean_km: Float[Array, "k m"]
  variance: Float[Array, ""]
  gram_mm: Float[Array, "m m"]


class Discriminants(NamedTuple):
  """What linear discriminants say of samples.

  Attributes:
    decision_nk: The discriminants, up to a term common to all classes; -inf for an empty
      class.
    singular: Whether the ridge alone holds up a direction of the covariance, because there
      are too few samples or because features depend on one another; constant features
      aside.
  """

  decision_nk: Float[Array, "n k"]
  singular: Bool[Array, ""]


@check_arguments()
def centre_and_rotate(features: Float[Array, "n d"]) -> Float[Array, "n m"]:
  """Returns centred samples, rotated into `m = min(N, D)` dimensions.

  A shift common to all samples changes every discriminant of a sample alike, save through
  rounding: centred samples lose fewer digits. The rotation, of D > N only, is exact.

  Args:
    features: Samples, one per row.
  """
  n, d = features.shape
  x_nd = features - jnp.mean(features, axis=0, keepdims=True)
  return x_nd if d <= n else jnp.linalg.qr(x_nd.T, mode="r").T


@check_arguments()
def pooled_scatter(
  x_nm: Float[Array, "n m"],
  labels: Int[Array, " n"],
  mean_km: Float[Array, "k m"],
  *,
  dim: int,
) -> Scatter:
  """Computes the scatter of samples around the means of their classes.

  Args:
    x_nm: Samples, from `centre_and_rotate`.
    labels: Class ids in `[0, K)`.
    mean_km: Class means of these samples.
    dim: D, the static number of features before `centre_and_rotate`.
  """
  n, m = x_nm.shape
  square = jnp.sum(x_nm**2)
  square = jnp.where(square > 0, square, 1)

  def rows_bm(take: Take) -> Array:
    return (take(x_nm) - mean_km[take(labels)]) / jnp.sqrt(square)

  gram_mm = gram_of_rows(rows_bm, n, m, x_nm.dtype)
  floor = (8 * jnp.finfo(x_nm.dtype).eps) ** 2
  total = jnp.maximum(jnp.trace(gram_mm), floor)
  gram_mm = gram_mm * (dim / total)
  variance = total * square / (n * dim)
  return Scatter(x_nm, labels, mean_km, variance, gram_mm)


@check_arguments()
def linear_discriminants(
  x_nm: Float[Array, "n m"],
  mean_km: Float[Array, "k m"],
  count_k: Float[Array, " k"],
  scatter: Scatter,
  shrinkage: Float[Array, ""],
) -> Discriminants:
  """Computes the discriminants of samples.

  Args:
    x_nm: Samples.
    mean_km: Class means.
    count_k: Samples of each class, the priors up to a factor; a class may be empty.
    scatter: Of the samples that the discriminants are fitted to.
    shrinkage: a, in `(0, 1]`.

  References:
    Hastie et al., The Elements of Statistical Learning, 2009, Eq. 4.10.
  """
  upper_mm, singular = _factor(scatter, shrinkage)
  solved_mk = jax.scipy.linalg.cho_solve((upper_mm, False), mean_km.T)
  solved_mk = solved_mk / scatter.variance
  constant_k = -0.5 * jnp.sum(mean_km.T * solved_mk, axis=0)
  prior_k = jnp.maximum(count_k, 1) / jnp.sum(count_k)
  constant_k = jnp.where(count_k > 0, constant_k + jnp.log(prior_k), -jnp.inf)
  linear_nk = jnp.matmul(x_nm, solved_mk, precision=HIGHEST)
  return Discriminants(linear_nk + constant_k[None, :], singular)


def _factor(
  scatter: Scatter, shrinkage: Float[Array, ""]
) -> tuple[Float[Array, "m m"], Bool[Array, ""]]:
  """Returns the root R of `(1 - a) Sw / variance + a I`, and whether Sw is singular."""
  eps = jnp.finfo(scatter.gram_mm.dtype).eps
  diagonal_m = jnp.diagonal(scatter.gram_mm)
  largest = jnp.maximum(jnp.max(diagonal_m), 1)
  alive_m = diagonal_m > (10 * eps) ** 2 * largest
  ridge_mm = shrinkage * jnp.eye(diagonal_m.size, dtype=diagonal_m.dtype)

  def least_pivot(upper_mm: Array) -> Array:
    pivot_m = jnp.diagonal(upper_mm) ** 2
    return jnp.min(jnp.where(alive_m, pivot_m, jnp.inf))

  shrunk_mm = (1 - shrinkage) * scatter.gram_mm + ridge_mm
  upper_mm = jnp.linalg.cholesky(shrunk_mm, upper=True)
  # Also true where the Cholesky decomposition failed, which leaves NaN.
  drowned = ~(least_pivot(upper_mm) > 100 * eps * largest)
  upper_mm = jax.lax.cond(
    drowned,
    lambda: _stacked_qr(scatter, jnp.sqrt(1 - shrinkage), jnp.sqrt(ridge_mm)),
    lambda: upper_mm,
  )
  # The pivot of a feature that depends on the others is the ridge over the squared share
  # that the feature has in the dependence, about 1 / m.
  n, m = scatter.x_nm.shape
  held = least_pivot(upper_mm) <= jnp.minimum(10 * m * shrinkage, 1e-6 * largest)
  present = jnp.sum(jnp.zeros(scatter.mean_km.shape[0]).at[scatter.labels].set(1))
  return upper_mm, held | (n - present < m)


def _stacked_qr(
  scatter: Scatter, weight: Float[Array, ""], start_mm: Float[Array, "m m"]
) -> Float[Array, "m m"]:
  """Returns R with `R^T R = weight^2 Sw / variance + start^T start`, by blocks of rows."""
  n, m = scatter.x_nm.shape
  weight = weight / jnp.sqrt(n * scatter.variance)

  def add(upper_mm: Array, take: Take, fresh_b: Array) -> Array:
    rows_bm = take(scatter.x_nm) - scatter.mean_km[take(scatter.labels)]
    rows_bm = jnp.where(fresh_b[:, None], weight * rows_bm, 0)
    return jnp.linalg.qr(jnp.concatenate([upper_mm, rows_bm]), mode="r")

  return fold_rows(add, start_mm, n, rows=2 * m)
