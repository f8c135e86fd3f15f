"""GBC: minus the overlap of the classes, each taken for one Gaussian.

Features are projected to their first 64 principal components, each class gets a Gaussian
with a spherical (or diagonal) covariance, and

  score = - sum_{i != j} exp(-B_ij),
  B_ij  = 1/8 (mu_i - mu_j)^T S^-1 (mu_i - mu_j) + 1/2 log(|S| / sqrt(|S_i| |S_j|)),

over ordered pairs, with S = (S_i + S_j) / 2: B is Bhattacharyya's distance, exp(-B) the
overlap of two densities. Variances are biased, and at least 1e-4 in each direction, so
that the score depends on the scale of the features where classes are as narrow as that.

Pandy et al., `Transferability Estimation using Bhattacharyya Class Separability
<https://arxiv.org/abs/2111.12780>`_, 2022. The nearest kin are ETran's nearest class mean
(`metrics.etran_lda`) and LEAD's mixture (`logits.gmm_decision`).

The public code writes a spherical covariance as one number and then takes the log term of
one dimension for that of all P: `variant="official"`.
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import OK, Problem, Value, join, own_metric
from lead_jax.statistics import class_means, pca
from lead_jax.typing import Array, Float, Int

Gaussian = Literal["spherical", "diagonal"]
Variant = Literal["corrected", "official"]

_LEAST_VARIANCE = 1e-4


class ClassGaussians(NamedTuple):
  """A Gaussian for each class.

  Attributes:
    mean_kd: Means.
    variance_kd: Biased variances along each axis; equal along a row where spherical.
    count_k: Samples of each class.
  """

  mean_kd: Float[Array, "k d"]
  variance_kd: Float[Array, "k d"]
  count_k: Float[Array, " k"]


def class_gaussians(
  features: Float[Array, "n d"], labels: Int[Array, " n"], *, num_classes: int
) -> ClassGaussians:
  """Computes means and biased variances of the classes.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K.
  """
  x_nd = features - jnp.mean(features, axis=0, keepdims=True)
  mean_kd, count_k, _ = class_means(x_nd, labels, num_classes=num_classes)
  square_nd = (x_nd - mean_kd[labels]) ** 2
  variance_kd, _, _ = class_means(square_nd, labels, num_classes=num_classes)
  return ClassGaussians(mean_kd, variance_kd, count_k)


def gaussian_overlap(
  mean_kd: Float[Array, "k d"],
  variance_kd: Float[Array, "k d"],
  count_k: Float[Array, " k"],
  *,
  gaussian: Gaussian = "spherical",
  variant: Variant = "corrected",
) -> Float[Array, ""]:
  """Computes the log of the summed overlaps of all ordered pairs of classes.

  Args:
    mean_kd: Class means, of centred features.
    variance_kd: Biased variances of each class along each axis; here they are floored
      and, where spherical, averaged.
    count_k: Samples of each class; an empty one overlaps with nothing.
    gaussian: Shape of the covariances.
    variant: `official` takes the spherical log term of a single dimension.

  Returns:
    Log of minus the score, at most `log K (K - 1)`; smaller is better. -inf with fewer
    than two classes.

  Raises:
    ValueError: If a static argument is unknown.

  References:
    Pandy et al., 2022, Eq. 3 and 4.
  """
  GBCOptions.check(gaussian=gaussian, variant=variant)
  k, d = mean_kd.shape
  variance_kd = jnp.maximum(variance_kd, _LEAST_VARIANCE)
  weight = 1.0
  if gaussian == "spherical":
    variance_kd = jnp.mean(variance_kd, axis=1, keepdims=True)
    weight = 1.0 if variant == "official" else float(d)
  log_kd = jnp.log(variance_kd)

  def with_all(inputs: tuple[Array, ...]) -> Array:
    mean_d, variance_d, log_d, own, count = inputs
    both_kd = 0.5 * (variance_d[None, :] + variance_kd)
    squares_k = jnp.sum((mean_d[None, :] - mean_kd) ** 2 / both_kd, axis=1)
    logs_k = jnp.sum(jnp.log(both_kd) - 0.5 * (log_d[None, :] + log_kd), axis=1)
    apart_k = squares_k / 8 + 0.5 * weight * logs_k
    pairs_k = (jnp.arange(k) != own) & (count_k > 0) & (count > 0)
    return jax.nn.logsumexp(jnp.where(pairs_k, -apart_k, -jnp.inf))

  log_k = jax.lax.map(
    with_all,
    (mean_kd, variance_kd, log_kd, jnp.arange(k), count_k),
    batch_size=max(1, min(k, 2**20 // (k * d))),
  )
  return jax.nn.logsumexp(log_k)


@check_arguments()
def gbc_log_overlap(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  pca_dim: int | None = 64,
  gaussian: Gaussian = "spherical",
  variant: Variant = "corrected",
) -> Float[Array, ""]:
  """Computes the log of minus GBC, which neither over- nor underflows.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    pca_dim: Static number of principal components, in `[1, min(N, D)]`; None: no
      projection.
    gaussian: Shape of the covariances.
    variant: `official` takes the spherical log term of a single dimension.

  Returns:
    `log(-score)`, at most `log K (K - 1)`; smaller is better.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Pandy et al., 2022, Eq. 3 and 4.
  """
  check_num_classes(num_classes)
  GBCOptions.check(pca_dim=pca_dim, gaussian=gaussian, variant=variant)
  if pca_dim is not None:
    features = pca(features, dim=pca_dim).projected_np
  found = class_gaussians(features, labels, num_classes=num_classes)
  return gaussian_overlap(*found, gaussian=gaussian, variant=variant)


_jitted = jax.jit(
  gbc_log_overlap, static_argnames=("num_classes", "pca_dim", "gaussian", "variant")
)


@dataclasses.dataclass(frozen=True)
class GBCOptions(Options):
  """Options of `gbc`."""

  pca_dim: int | None = option(
    64, least=1, help="Number of principal components; None: no projection."
  )
  gaussian: Gaussian = option("spherical", help="Shape of the classes' covariances.")
  variant: Variant = option(
    "corrected",
    help="`official` takes the spherical log term of a single dimension, as the public "
    "code does.",
  )


def _note_floor(problem: Problem, dim: int) -> str:
  """Says where the floor of the variances, and so the features' scale, decides."""
  x_nd, labels = np.asarray(problem.features, np.float64), np.asarray(problem.labels)
  count_k = np.bincount(labels, minlength=problem.num_classes)
  sums_kd = np.zeros((problem.num_classes, x_nd.shape[1]))
  np.add.at(sums_kd, labels, x_nd)
  within_nd = x_nd - (sums_kd / np.maximum(count_k, 1)[:, None])[labels]
  variance = float(np.sum(np.square(within_nd))) / (x_nd.shape[0] * dim)
  if variance >= _LEAST_VARIANCE:
    return ""
  return (
    f"variances within the classes are {variance:.1g} on average, below the floor of "
    f"{_LEAST_VARIANCE:g}: the score depends on the features' scale"
  )


def _compute_gbc(problem: Problem, options: GBCOptions) -> Value:
  n, d = problem.features.shape
  pca_dim, note = options.pca_dim, OK
  if pca_dim is not None and pca_dim > min(n - 1, d):
    note = f"{min(n - 1, d)} principal components in place of {pca_dim}: N={n}, D={d}"
    pca_dim = min(n - 1, d)
  log_overlap = float(
    _jitted(
      problem.features,
      problem.labels,
      num_classes=problem.num_classes,
      pca_dim=pca_dim,
      gaussian=options.gaussian,
      variant=options.variant,
    )
  )
  score = -float(np.exp(log_overlap))
  notes = [note, _note_floor(problem, pca_dim or d)]
  if score == 0:
    notes.append("no overlap in double precision: compare log_overlap")
  return Value(
    score, join(*notes), {"log_overlap": log_overlap, "pca_dim": pca_dim or d}
  )


GBC = own_metric(
  "gbc",
  _compute_gbc,
  "GBC: minus the Bhattacharyya overlap of the classes as Gaussians",
  "pairs of classes",
  "2 N D^2 + 9 D^3",
  options=GBCOptions,
  least_per_class=2,
  version=4,  # says where the floor of the variances decides
)
