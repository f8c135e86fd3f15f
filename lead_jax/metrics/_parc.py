"""PARC: do samples of one class correlate more than samples of two?

    score = 100 Spearman({1 - r(x_i, x_j)}, {1 - r(e(y_i), e(y_j))}),  i < j

over pairs of samples, r Pearson's correlation, x features standardised by column (after a
PCA, if asked for), e(y) the one-hot label.

Paper: Bolya, Mittapalli and Hoffman, "Scalable Diverse Model Selection for Accessible
Transfer Learning" (https://arxiv.org/abs/2111.06977), 2021. Its nearest kin is RSA, which
has another network's features in place of the labels.

The dissimilarity of two one-hot labels has two values only: 0 in a class, 1 + 1/(K - 1)
between two. The correlation of ranks is therefore a Mann-Whitney statistic of the pairs
between classes against those within one, and needs neither the labels' matrix nor its
ranks.

The official code ranks the labels' dissimilarities as they come out of a matrix product:
rounding errors of 1e-16, other ones for other classes, split the two groups of ties, and
move the score by up to 2.5 (of 100) on the reference cases. `variant="official"` does the
same, by NumPy, and so depends on its BLAS; the default ties what is equal. It reduces to
32 dimensions by a randomised PCA of one power iteration (ours is exact, and differs by
the error of that one), and returns NaN as soon as one sample is constant after
standardisation; here that sample's correlations count as 0, and the status says so.
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
from lead_jax.statistics import (
  above_diagonal,
  pair_correlations,
  pca,
  spearman,
  spearman_two_valued,
  standardise,
)
from lead_jax.typing import Array, Float, Int

Variant = Literal["corrected", "official"]

_SALT = 1001


class PARCResult(NamedTuple):
  """The score and what it could not compare.

  Attributes:
    score: 100 Spearman; NaN where it is undefined.
    constant: Samples that are constant after standardisation.
  """

  score: Float[Array, ""]
  constant: Int[Array, ""]


@check_arguments()
def parc(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  pca_dim: int | None = None,
) -> PARCResult:
  """Computes PARC of all the samples given.

  Args:
    features: Samples, one per row; at least three.
    labels: Class ids; only whether two are equal counts.
    pca_dim: Static; principal components that are kept, in `[1, min(N, D)]`; `None`: no
      PCA.

  Returns:
    The score in `[-100, 100]`, larger is better, 0 for features that know nothing of the
    labels; NaN where all dissimilarities are equal, or all pairs are of one kind.

  Raises:
    ValueError: If there are fewer than 3 samples, or `pca_dim` is out of its bounds.

  References:
    Bolya et al., 2021, Section 3.
  """
  if features.shape[0] < 3:
    raise ValueError(f"features must have at least 3 rows, got {features.shape[0]}")
  if pca_dim is not None:
    features = pca(features, dim=pca_dim).projected_np
  found = pair_correlations(standardise(features))
  differ = above_diagonal(labels[:, None] != labels[None, :])
  score = 100 * spearman_two_valued(1 - found.r_p, differ)
  return PARCResult(score, jnp.sum(found.constant_n))


def parc_against(
  features: Float[Array, "n d"],
  label_p: Float[Array, " p"],
  *,
  pca_dim: int | None = None,
) -> PARCResult:
  """Computes PARC against any dissimilarities of the labels.

  Args:
    features: As `parc`.
    label_p: The labels' dissimilarities, above the diagonal, row by row.
    pca_dim: As `parc`.
  """
  if pca_dim is not None:
    features = pca(features, dim=pca_dim).projected_np
  found = pair_correlations(standardise(features))
  score = 100 * spearman(1 - found.r_p, label_p)
  return PARCResult(score, jnp.sum(found.constant_n))


def rounded_dissimilarities(labels: np.ndarray, num_classes: int) -> np.ndarray:
  """Returns the labels' dissimilarities as the public code ranks them.

  Args:
    labels: int[n] ids.
    num_classes: Length of the one-hot vectors.

  Returns:
    int[n (n - 1) / 2], the order of the values of 1 - r in float64, rounding and all.
  """
  above = np.triu_indices(len(labels), 1)
  values = (1 - np.corrcoef(np.eye(num_classes)[labels]))[above]
  return np.unique(values, return_inverse=True)[1]


def _draws(
  features: Array, labels: Array, index: Array, *, pca_dim: int | None
) -> PARCResult:
  def one(index_n: Array) -> PARCResult:
    return parc(features[index_n], labels[index_n], pca_dim=pca_dim)

  found: PARCResult = jax.lax.map(one, index)
  return found


def _draws_against(
  features: Array, label_bp: Array, index: Array, *, pca_dim: int | None
) -> PARCResult:
  def one(inputs: tuple[Array, ...]) -> PARCResult:
    index_n, label_p = inputs
    return parc_against(features[index_n], label_p, pca_dim=pca_dim)

  found: PARCResult = jax.lax.map(one, (index, label_bp))
  return found


_jitted = jax.jit(_draws, static_argnames="pca_dim")
_jitted_against = jax.jit(_draws_against, static_argnames="pca_dim")


@dataclasses.dataclass(frozen=True)
class PARCOptions(DrawOptions):
  """Options of `parc`."""

  pca_dim: int | None = option(
    None,
    least=2,
    help="Number of principal components kept (32 in half of the paper's tables); None: "
    "no projection.",
  )
  variant: Variant = option(
    "corrected",
    help="`official` breaks the labels' ties by rounding, as the public code does.",
  )


def _compute_parc(problem: Problem, options: PARCOptions) -> Value:
  dim = problem.features.shape[1]
  if dim < 2:
    raise ValueError(
      "parc correlates samples over features: it needs at least 2, got 1"
    )
  index = draw_samples(
    problem, samples=options.samples, draws=options.draws, salt=_SALT, least=2
  )
  size = index.shape[1]
  if size < 3:
    raise ValueError(f"parc needs at least 3 samples, got {size}")
  labels = np.asarray(problem.labels)
  if any(len(np.unique(labels[row])) == size for row in index):
    raise ValueError(
      f"no two of the {size} samples are of one class: parc compares pairs within a "
      "class with pairs of two"
    )
  pca_dim, note = options.pca_dim, ""
  if pca_dim is not None and pca_dim > min(size - 1, dim):
    note = f"pca_dim is {min(size - 1, dim)}, all that {size} x {dim} features have"
    pca_dim = min(size - 1, dim)
  if options.variant == "official":
    label_bp = np.stack(
      [rounded_dissimilarities(labels[row], problem.num_classes) for row in index]
    ).astype(problem.features.dtype)
    found = _jitted_against(problem.features, label_bp, index, pca_dim=pca_dim)
  else:
    found = _jitted(problem.features, problem.labels, index, pca_dim=pca_dim)
  scores = np.asarray(found.score, np.float64).tolist()
  if not np.isfinite(scores).all():
    raise ValueError(
      "all pairs of samples are equally alike (constant features?): they rank nothing"
    )
  return Value(
    float(np.mean(scores)),
    join(
      note_draws(problem, index),
      note,
      note_constant_samples(found.constant.tolist()),
    ),
    {"samples": size, "scores": scores},
    spread_of(scores),
  )


PARC = own_metric(
  "parc",
  _compute_parc,
  "PARC: do samples of one class correlate more than samples of two?",
  "100 rank correlation",
  "5 draws x 500^2 D",
  options=PARCOptions,
  random=True,
  least_per_class=2,
  version=4,  # says that it is of draws
)
