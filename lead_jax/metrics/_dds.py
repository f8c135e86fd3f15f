"""DDS: duality diagram similarity of two networks' features of the same samples.

    score = <K', L'> / (|K'| |L'|)

with K a matrix of similarities (or dissimilarities) between samples by the features, L by
the reference features, both standardised by column, and ' the debiased (U-) centring: the
diagonal left out, then the means of rows and columns off.

Paper: Dwivedi, Huang, Cichy and Roig, "Duality Diagram Similarity: a generic framework
for initialization selection in task transfer learning"
(https://arxiv.org/abs/2008.02107), 2020. With the linear kernel it is the debiased centred
kernel alignment (Kornblith et al., 2019) of standardised features; kin: RSA, by ranks.

Kernels: `linear` x.z; `rbf` exp(-2 |x - z|^2 / m), m the median of the squared distances
over the whole matrix, its zero diagonal included (a bandwidth of half the median distance);
`laplacian` exp(-|x - z|_1 / D), the default. Dissimilarities: `pearson`
1 - r, `euclidean` |x - z|, `cosine` 1 - cos (what PARC's authors compare with, times 100).
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import check_arguments, option
from lead_jax.metrics._draws import (
  DrawOptions,
  draw_samples,
  note_constant_samples,
  note_draws,
  spread_of,
)
from lead_jax.metrics._metric import Problem, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import above_diagonal, correlations, fast_sort, standardise
from lead_jax.typing import Array, Float, Int

_SALT = 1003

Kernel = Literal["linear", "rbf", "laplacian", "pearson", "euclidean", "cosine"]


class DDSResult(NamedTuple):
  """The score and what it could not compare.

  Attributes:
    score: The alignment; NaN where it is undefined.
    constant: Samples without a defined correlation or cosine, in either of the two.
  """

  score: Float[Array, ""]
  constant: Int[Array, ""]


@check_arguments()
def dds(
  features: Float[Array, "n d"],
  reference: Float[Array, "n r"],
  *,
  kernel: Kernel = "laplacian",
) -> DDSResult:
  """Computes the debiased alignment of all the samples given.

  Args:
    features: Samples, one per row; at least four.
    reference: Other features of the same samples.
    kernel: Static; see the top of this file.

  Returns:
    The score in `[-1, 1]`, symmetric in the two; larger is better, 0 on average for
    features that have nothing in common. NaN where all pairs are equally alike in one.

  Raises:
    ValueError: If there are fewer than 4 samples, or the kernel is unknown.

  References:
    Dwivedi et al., 2020, Section 3.2; Szekely and Rizzo, `Partial distance correlation
    with methods for dissimilarities <https://doi.org/10.1214/14-AOS1255>`_, 2014,
    Definition 2 (the centring).
  """
  if features.shape[0] < 4:
    raise ValueError(f"features must have at least 4 rows, got {features.shape[0]}")
  DDSOptions.check(kernel=kernel)
  k_nn, no_k = _similarities(standardise(features), kernel)
  l_nn, no_l = _similarities(standardise(reference), kernel)
  k_nn, l_nn = _unit(_centre(k_nn)), _unit(_centre(l_nn))
  score = jnp.clip(jnp.sum(jnp.sum(k_nn * l_nn, axis=1)), -1, 1)
  return DDSResult(score, jnp.sum(no_k | no_l))


def _similarities(x_nd: Array, kernel: Kernel) -> tuple[Array, Array]:
  """Returns the matrix, and which samples it is not defined for."""
  n, d = x_nd.shape
  if kernel in ("pearson", "cosine"):
    found = correlations(x_nd, centred=kernel == "pearson")
    return 1 - found.r_nn, found.constant_n
  all_defined = jnp.zeros((n,), bool)
  if kernel == "laplacian":
    distance_nn = jax.lax.map(
      lambda x_d: jnp.mean(jnp.abs(x_nd - x_d[None, :]), axis=1), x_nd
    )
    return jnp.exp(-distance_nn), all_defined
  # Divided by D, so that the entries are of order one.
  gram_nn = jnp.matmul(x_nd, x_nd.T, precision=HIGHEST) / d
  if kernel == "linear":
    return gram_nn, all_defined
  square_n = jnp.diagonal(gram_nn)
  square_nn = jnp.maximum(square_n[:, None] + square_n[None, :] - 2 * gram_nn, 0)
  if kernel == "euclidean":
    return jnp.sqrt(square_nn), all_defined
  median = _median(square_nn)
  return jnp.exp(-2 * square_nn / jnp.where(median > 0, median, 1)), all_defined


def _median(square_nn: Array) -> Array:
  """Median over the whole matrix, from the half above the diagonal alone.

  The n zeros of the diagonal come first in order, then every other value twice.
  """
  n = square_nn.shape[0]
  sorted_p = fast_sort(above_diagonal(square_nn))
  low, high = (n * n - 1) // 2, n * n // 2
  return 0.5 * (sorted_p[(low - n) // 2] + sorted_p[(high - n) // 2])


def _centre(k_nn: Array) -> Array:
  n = k_nn.shape[0]
  off_nn = 1 - jnp.eye(n, dtype=k_nn.dtype)
  # A constant is centred away; without it the sums keep more digits.
  k_nn = (k_nn - jnp.sum(k_nn * off_nn) / (n * (n - 1))) * off_nn
  mean_n = jnp.sum(k_nn, axis=1) / (n - 2)
  mean_n = mean_n - jnp.sum(mean_n) / (2 * (n - 1))
  return (k_nn - mean_n[:, None] - mean_n[None, :]) * off_nn


def _unit(k_nn: Array) -> Array:
  """Divides by the Frobenius norm; NaN where all that is left is rounding."""
  n = k_nn.shape[0]
  norm = jnp.sqrt(jnp.sum(jnp.sum(k_nn**2, axis=1)))
  alive = norm > 4 * n * jnp.finfo(k_nn.dtype).eps
  return jnp.where(alive, k_nn / jnp.where(alive, norm, 1), jnp.nan)


def _draws(
  features: Array, reference: Array, index: Array, *, kernel: Kernel
) -> DDSResult:
  def one(index_n: Array) -> DDSResult:
    return dds(features[index_n], reference[index_n], kernel=kernel)

  found: DDSResult = jax.lax.map(one, index)
  return found


_jitted = jax.jit(_draws, static_argnames="kernel")


@dataclasses.dataclass(frozen=True)
class DDSOptions(DrawOptions):
  """Options of `dds`."""

  kernel: Kernel = option(
    "laplacian", help="Similarity of two samples; see the head of `_dds.py`."
  )


def _compute_dds(problem: Problem, options: DDSOptions) -> Value:
  reference = problem.reference_features
  assert reference is not None  # the metric needs it
  index = draw_samples(
    problem, samples=options.samples, draws=options.draws, salt=_SALT
  )
  if index.shape[1] < 4:
    raise ValueError(f"dds needs at least 4 samples, got {index.shape[1]}")
  found = _jitted(problem.features, reference, index, kernel=options.kernel)
  scores = np.asarray(found.score, np.float64).tolist()
  if not np.isfinite(scores).all():
    raise ValueError(
      "all pairs of samples are equally alike (constant features?): there is nothing "
      "to align"
    )
  return Value(
    float(np.mean(scores)),
    join(note_draws(problem, index), note_constant_samples(found.constant.tolist())),
    {"samples": index.shape[1], "scores": scores},
    spread_of(scores),
  )


DDS = own_metric(
  "dds",
  _compute_dds,
  "DDS: alignment of the samples' kernel with the reference network's",
  "alignment",
  "5 draws x 500^2 (D + R)",
  options=DDSOptions,
  random=True,
  needs=("reference_features",),
  version=4,  # says that it is of draws
)
