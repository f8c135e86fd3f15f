"""RSA: are the pairs of samples that a network finds alike those that another does?

    score = 100 Spearman({1 - r(x_i, x_j)}, {1 - r(z_i, z_j)}),  i < j

r Pearson's correlation, x the features and z the reference features of the same samples,
each standardised by column. The reference is a network trained on the target task, or on
one like it: the score is only as good as that one.

Paper: Dwivedi and Roig, "Representation Similarity Analysis for Efficient Task Taxonomy &
Transfer Learning" (https://arxiv.org/abs/1904.11740), 2019. Kin: PARC has the labels in
place of the reference, DDS kernels and no ranks.

The public code (of PARC's authors) returns NaN if a sample is constant after
standardisation; here its correlations count as 0, and the status says so.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.metrics._draws import (
  DrawOptions,
  draw_samples,
  note_constant_samples,
  note_draws,
  spread_of,
)
from lead_jax.metrics._metric import Problem, Value, join, own_metric
from lead_jax.statistics import pair_correlations, spearman, standardise
from lead_jax.typing import Array, Float, Int

_SALT = 1002


class RSAResult(NamedTuple):
  """The score and what it could not compare.

  Attributes:
    score: 100 Spearman; NaN where it is undefined.
    constant: Samples that are constant after standardisation, in either of the two.
  """

  score: Float[Array, ""]
  constant: Int[Array, ""]


@check_arguments()
def rsa(features: Float[Array, "n d"], reference: Float[Array, "n r"]) -> RSAResult:
  """Computes RSA of all the samples given.

  Args:
    features: Samples, one per row; at least three.
    reference: Other features of the same samples.

  Returns:
    The score in `[-100, 100]`, symmetric in the two; larger is better. NaN where all
    dissimilarities of one are equal.

  Raises:
    ValueError: If there are fewer than 3 samples.

  References:
    Dwivedi and Roig, 2019, Section 3.1.
  """
  if features.shape[0] < 3:
    raise ValueError(f"features must have at least 3 rows, got {features.shape[0]}")
  ours = pair_correlations(standardise(features))
  theirs = pair_correlations(standardise(reference))
  score = 100 * spearman(ours.r_p, theirs.r_p)
  return RSAResult(score, jnp.sum(ours.constant_n | theirs.constant_n))


def _draws(features: Array, reference: Array, index: Array) -> RSAResult:
  found: RSAResult = jax.lax.map(
    lambda index_n: rsa(features[index_n], reference[index_n]), index
  )
  return found


_jitted = jax.jit(_draws)


def _compute_rsa(problem: Problem, options: DrawOptions) -> Value:
  reference = problem.reference_features
  assert reference is not None  # the metric needs it
  for name, dim in (
    ("features", problem.features.shape[1]),
    ("reference_features", reference.shape[1]),
  ):
    if dim < 2:
      raise ValueError(
        f"rsa correlates samples over {name}: it needs at least 2, got 1"
      )
  index = draw_samples(
    problem, samples=options.samples, draws=options.draws, salt=_SALT
  )
  if index.shape[1] < 3:
    raise ValueError(f"rsa needs at least 3 samples, got {index.shape[1]}")
  found = _jitted(problem.features, reference, index)
  scores = np.asarray(found.score, np.float64).tolist()
  if not np.isfinite(scores).all():
    raise ValueError(
      "all pairs of samples are equally alike (constant features?): they rank nothing"
    )
  return Value(
    float(np.mean(scores)),
    join(note_draws(problem, index), note_constant_samples(found.constant.tolist())),
    {"samples": index.shape[1], "scores": scores},
    spread_of(scores),
  )


RSA = own_metric(
  "rsa",
  _compute_rsa,
  "RSA: are samples alike as they are to the reference network?",
  "100 rank correlation",
  "5 draws x 500^2 (D + R)",
  options=DrawOptions,
  random=True,
  needs=("reference_features",),
  version=4,  # says that it is of draws
)
