"""LEEP: how well the source classes' probabilities predict the target's labels.

A sample's source class z is drawn from the network's probabilities theta, and its label
from the empirical p(y | z) of the target samples:

  p(z, y) = 1/N sum_i theta_iz 1[y_i = y],   p(y | z) = p(z, y) / p(z),
  LEEP = 1/N sum_i log sum_z p(y_i | z) theta_iz.

Nearest kin: NLEEP is the same predictor over the components of a Gaussian mixture; NCE
takes the likeliest source class in place of its probability, and is the lower where
theta is a one-hot (both are equal there). A source class without mass predicts nothing.
Public code adds 1e-10 inside the logarithm or beside p(z), or nothing at all.

References:
  Nguyen et al., `LEEP: A New Measure to Evaluate Transferability of Learned
  Representations <https://arxiv.org/abs/2002.12462>`_, ICML 2020.
"""

import jax
import jax.numpy as jnp

from lead_jax.checks import Options, Rule, check_arguments, check_num_classes
from lead_jax.metrics._metric import Problem, Value, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import Take, fold_rows
from lead_jax.typing import Array, Float, Int

_ROWS = 512


@check_arguments(source_probs=Rule(least=0, most=1.01))
def empirical_prediction(
  source_probs: Float[Array, "n z"], labels: Int[Array, " n"], *, num_classes: int
) -> Float[Array, " n"]:
  """Computes sum_z p(y_i | z) theta_iz, the predicted probability of the true label.

  Args:
    source_probs: theta, a distribution over source classes (or components) in each row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.

  Returns:
    Probabilities in `(0, 1]`, one per sample.

  Raises:
    ValueError: If `num_classes` is below two.

  References:
    Nguyen et al., 2020, Eq. 1 and 2.
  """
  check_num_classes(num_classes)
  joint_kz = _joint(source_probs, labels, num_classes)
  mass_z = jnp.sum(joint_kz, axis=0)
  given_kz = joint_kz / jnp.where(mass_z > 0, mass_z, 1)[None, :]
  predicted_nk = jnp.matmul(source_probs, given_kz.T, precision=HIGHEST)
  return jnp.take_along_axis(predicted_nk, labels[:, None], axis=1)[:, 0]


def _joint(
  source_probs: Float[Array, "n z"], labels: Int[Array, " n"], num_classes: int
) -> Float[Array, "k z"]:
  """Computes p(z, y) by adding rows: on a CPU several times faster than a product.

  By blocks of rows, since a long sum of small numbers loses float32's digits.
  """
  n, z = source_probs.shape

  def add(joint_kz: Array, take: Take, fresh_b: Array) -> Array:
    rows_bz = jnp.where(fresh_b[:, None], take(source_probs), 0)
    sum_kz = jax.ops.segment_sum(rows_bz, take(labels), num_classes)
    # Without the division XLA adds row by row to the total, and the blocks are for nothing.
    return joint_kz + sum_kz / n

  zero_kz = jnp.zeros((num_classes, z), source_probs.dtype)
  return fold_rows(add, zero_kz, n, rows=_ROWS)


@check_arguments(source_probs=Rule(least=0, most=1.01))
def leep(
  source_probs: Float[Array, "n z"], labels: Int[Array, " n"], *, num_classes: int
) -> Float[Array, ""]:
  """Computes the mean log predicted probability of the true label.

  Args:
    source_probs: theta, a distribution over source classes in each row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.

  Returns:
    LEEP in nats, at most 0; larger is better; minus the entropy of the labels where
    theta says nothing of them.

  Raises:
    ValueError: If `num_classes` is below two.

  References:
    Nguyen et al., 2020, Eq. 2.
  """
  return jnp.mean(
    jnp.log(empirical_prediction(source_probs, labels, num_classes=num_classes))
  )


_leep = jax.jit(leep, static_argnames="num_classes")


def _compute_leep(problem: Problem, _: Options) -> Value:
  score = _leep(problem.source_probs, problem.labels, num_classes=problem.num_classes)
  return Value(float(score))


LEEP = own_metric(
  "leep",
  _compute_leep,
  "log-likelihood of the labels given the source classes' probabilities",
  "nats",
  "4 N Z K",
  needs=("source_probs",),
)
