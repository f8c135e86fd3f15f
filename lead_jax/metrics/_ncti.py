"""NCTI: how near features are to neural collapse.

Features are projected to their first 64 principal components and put through LDA, with a
shrinkage that falls with their variance, s = max(exp(-sum of the 32 largest explained
variances), 1e-10). Three parts say how far training would have to go:

  seli   nuclear norm of the centred LDA projection, min(K - 1, 64) wide,
  ncc    mean posterior of the true class,
  logvc  log of the sum over classes of the nuclear norm of the posteriors of its samples.

The parts are scaled to [0, 1] over the models that are compared, and the score is
seli + ncc - logvc: it depends on a model's rivals. A model alone gets the same sum of the
parts as they are, in which seli, of the order of sqrt(N) K, outweighs the others.

Wang et al., `How Far Pre-trained Models Are from Neural Collapse on the Target Dataset
Informs their Transferability <https://openaccess.thecvf.com/content/ICCV2023/html/
Wang_How_Far_Pre-trained_Models_Are_from_Neural_Collapse_on_the_ICCV_2023_paper.html>`_,
2023. The nearest kin is SFDA (`metrics.sfda`).

The public code calls scikit-learn's LDA, and so does what that does: at s = 1e-10 the
covariance is that of the samples, without the directions that have less than 1e-4 of
spread; above, it is shrunk, and so is the total covariance before the projection is
chosen. Both are divided by N (the former by N - K before scikit-learn 1.9). The public code
fails below 64 samples or features; here there are as many components as there can be. Its
PCA is a randomised one for middling sizes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._etran import SATURATED, scale_to_unit, tied_parts
from lead_jax.metrics._metric import Problem, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import class_means, pca
from lead_jax.typing import Array, Bool, Float, Int

_LEAST_SHRINKAGE = 1e-10
# What scikit-learn's `LinearDiscriminantAnalysis(tol=...)` is by default.
_LEAST_SPREAD = 1e-4


class NCTIResult(NamedTuple):
  """The three parts.

  Attributes:
    seli: Nuclear norm of the centred LDA projection; larger is better.
    ncc: Mean posterior of the true class, in `[0, 1]`; larger is better.
    logvc: Log of the summed nuclear norms of the classes' posteriors; smaller is better.
    shrinkage: s.
    collapsed: Whether there is no spread within the classes, and so no projection.
  """

  seli: Float[Array, ""]
  ncc: Float[Array, ""]
  logvc: Float[Array, ""]
  shrinkage: Float[Array, ""]
  collapsed: Bool[Array, ""]


@check_arguments()
def ncti(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  pca_dim: int = 64,
  largest_class: int | None = None,
) -> NCTIResult:
  """Computes the three parts of NCTI.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    pca_dim: Static number of principal components, in `[1, min(N, D)]`.
    largest_class: Static number that no class has more samples than; N by default. It
      bounds the matrix whose nuclear norm is taken for each class.

  Returns:
    The parts.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Wang et al., 2023, Eq. 5 to 9.
  """
  n = features.shape[0]
  check_num_classes(num_classes)
  largest_class = n if largest_class is None else largest_class
  if not 1 <= largest_class <= n:
    raise ValueError(f"largest_class must be in [1, {n}], got {largest_class}")
  NCTIOptions.check(pca_dim=pca_dim)
  components = pca(features, dim=pca_dim)
  z_np = components.projected_np - jnp.mean(components.projected_np, axis=0)[None, :]
  mean_kp, count_k, prior_k = class_means(z_np, labels, num_classes=num_classes)
  exponent = jnp.sum(components.variance_p[:32])
  shrinkage = jnp.maximum(jnp.exp(-exponent), _LEAST_SHRINKAGE)
  # One minus the shrinkage, which all but cancels where the variances are small.
  weight = jnp.minimum(-jnp.expm1(-exponent), 1 - _LEAST_SHRINKAGE)
  plain = shrinkage <= _LEAST_SHRINKAGE

  # The matrix that whitens the samples within their classes; zero in dropped directions.
  whiten_pp, square_p, ridge = _whitening(
    z_np - mean_kp[labels], shrinkage, weight, plain
  )
  white_kp = jnp.matmul(mean_kp, whiten_pp, precision=HIGHEST)
  white_np = jnp.matmul(z_np, whiten_pp, precision=HIGHEST)

  # Between the classes. Shrinking both covariances adds a multiple of I, whitened: of its
  # axes 1 / (weight v + ridge) each, v being the variances within. Less 1 / ridge, which
  # turns nothing, and over the weight, no digits are lost where the weight is small.
  between_pp = jnp.matmul(white_kp.T, prior_k[:, None] * white_kp, precision=HIGHEST)
  spread = jnp.sum(prior_k[:, None] * mean_kp**2) / pca_dim
  ridged_p = jnp.where(plain, 1, ridge * (weight * square_p + ridge))
  less_p = shrinkage * spread * square_p / jnp.where(ridged_p > 0, ridged_p, 1)
  chosen_pp = between_pp - jnp.where(plain, 0, 1) * jnp.diag(less_p)
  value_p, axis_pp = jnp.linalg.eigh(0.5 * (chosen_pp + chosen_pp.T))
  kept = min(num_classes - 1, pca_dim)
  least = max(_LEAST_SPREAD**2, 10 * float(jnp.finfo(z_np.dtype).eps))
  alive_p = (value_p > least * value_p[-1]) | ~plain
  axis_pp = jnp.where(alive_p[None, :], axis_pp, 0)[:, -kept:]
  projected_nr = jnp.matmul(white_np, axis_pp, precision=HIGHEST)
  seli = _nuclear_norm(jnp.linalg.qr(projected_nr, mode="r"))

  log_prior_k = jnp.where(count_k > 0, jnp.log(jnp.maximum(count_k, 1) / n), -jnp.inf)
  constant_k = log_prior_k - 0.5 * jnp.sum(white_kp**2, axis=1)
  linear_nk = jnp.matmul(white_np, white_kp.T, precision=HIGHEST)
  posterior_nk = jax.nn.softmax(linear_nk + constant_k[None, :], axis=1)
  ncc = jnp.mean(jnp.take_along_axis(posterior_nk, labels[:, None], axis=1))

  order_n = jnp.argsort(labels)
  size_k = count_k.astype(labels.dtype)
  offset_l = jnp.arange(largest_class)

  def norm_of(inputs: tuple[Array, ...]) -> Array:
    first, size = inputs
    rows_l = order_n[jnp.minimum(first + offset_l, n - 1)]
    return _nuclear_norm(jnp.where((offset_l < size)[:, None], posterior_nk[rows_l], 0))

  norm_k = jax.lax.map(norm_of, (jnp.cumsum(size_k) - size_k, size_k))
  logvc = jnp.log(jnp.sum(norm_k))
  return NCTIResult(seli, ncc, logvc, shrinkage, ~jnp.any(whiten_pp != 0))


def _whitening(
  within_np: Array, shrinkage: Array, weight: Array, plain: Array
) -> tuple[Array, Array, Array]:
  """Whitens `S = weight V + ridge I`, V the covariance of these rows.

  Returns:
    T with `T^T S T = I` on the directions that have spread; the variances of V in the axes
    of T; the ridge.
  """
  n = within_np.shape[0]
  variance_p = jnp.mean(within_np**2, axis=0)
  # Directions of rounding: their spread is none.
  noise = (10 * jnp.finfo(within_np.dtype).eps) ** 2 * jnp.max(variance_p)
  dead_p = variance_p <= noise
  scale_p = jnp.where(plain & ~dead_p, jnp.sqrt(jnp.where(dead_p, 1, variance_p)), 1)
  rows_np = jnp.where(plain & dead_p[None, :], 0, within_np / scale_p[None, :])
  weight = jnp.where(plain, 1, weight)
  ridge = jnp.where(plain, 0, shrinkage * jnp.mean(variance_p))
  # The ridge turns no axis: those of V alone have all their digits.
  upper_pp = jnp.linalg.qr(rows_np, mode="r") / jnp.sqrt(jnp.asarray(n, rows_np.dtype))
  _, root_p, axis_pp = jnp.linalg.svd(upper_pp)
  spread_p = jnp.sqrt(weight * root_p**2 + ridge)
  alive_p = spread_p > jnp.where(plain, _LEAST_SPREAD, 0)
  inverse_p = jnp.where(alive_p, 1 / jnp.where(alive_p, spread_p, 1), 0)
  return axis_pp.T * inverse_p[None, :] / scale_p[:, None], root_p**2, ridge


def _nuclear_norm(matrix: Array) -> Array:
  return jnp.sum(jnp.linalg.svd(matrix, compute_uv=False))


_jitted = jax.jit(ncti, static_argnames=("num_classes", "pca_dim", "largest_class"))


@check_arguments()
def pool_ncti(parts: Sequence[Mapping[str, float]]) -> list[float]:
  """Computes the scores of models that are compared with one another.

  Args:
    parts: Of each model, its `seli`, `ncc` and `logvc`.

  Returns:
    Scores in `[-1, 2]`; larger is better. A part that is the same for all models, up to
    1e-5 of its size, counts nothing; a model without rivals keeps its parts as they are.

  References:
    Wang et al., 2023, Eq. 10.
  """
  columns = [[part[name] for part in parts] for name in ("seli", "ncc", "logvc")]
  if len(parts) > 1:
    columns = [scale_to_unit(column) for column in columns]
  return [a + b - c for a, b, c in zip(*columns, strict=True)]


@dataclasses.dataclass(frozen=True)
class NCTIOptions(Options):
  """Options of `ncti`."""

  pca_dim: int = option(64, least=1, help="Number of principal components.")


def _compute_ncti(problem: Problem, options: NCTIOptions) -> Value:
  n, d = problem.features.shape
  used = min(n - 1, d, options.pca_dim)
  largest = int(np.bincount(problem.labels).max())
  found = _jitted(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    pca_dim=used,
    # A power of two, so that few sizes are compiled for.
    largest_class=min(n, 1 << (largest - 1).bit_length()),
  )
  if bool(found.collapsed):
    raise ValueError(
      "there is no spread within the classes, which NCTI divides by: give at least two "
      "different samples of a class"
    )
  parts = {name: float(getattr(found, name)) for name in ("seli", "ncc", "logvc")}
  note = saturated = ""
  if 1 - parts["ncc"] <= SATURATED:
    saturated = "saturated: every posterior is 1"
  if used < options.pca_dim:
    note = f"{used} principal components in place of {options.pca_dim}: N={n}, D={d}"
  return Value(
    parts["seli"] + parts["ncc"] - parts["logvc"],
    join(note, saturated),
    {**parts, "shrinkage": float(found.shrinkage), "pca_dim": used},
    parts=parts,
  )


NCTI = own_metric(
  "ncti",
  _compute_ncti,
  "NCTI: nearness to neural collapse, scaled over the models compared",
  "share of the pool's range",
  "2 N D^2 + 9 D^3 + 2 N K^2",
  options=NCTIOptions,
  pool=pool_ncti,
  pool_note=tied_parts,
  version=4,  # ties; the digits of one minus the shrinkage
  least_per_class=2,
)
