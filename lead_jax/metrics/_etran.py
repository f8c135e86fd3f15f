"""ETran: an energy of the features, and a linear discriminant.

Energy: the mean of logsumexp over the features, of the lowest half a percent of samples.
LDA: the mean posterior of the true class under Gaussians of one covariance,

  p = softmax_c(x^T S^-1 mu_c - 1/2 mu_c^T S^-1 mu_c + log q_c).

The two are scaled to [0, 1] over the models that are compared, and mixed 0.85 LDA + 0.15
energy: a model's score depends on its rivals. A model alone gets the same mixture of the
parts as they are.

Gholami et al., `ETran: Energy-Based Transferability Estimation
<https://arxiv.org/abs/2308.02027>`_, 2023. The nearest kin is SFDA (`metrics.sfda`), the
first fit of which is this discriminant with a ridge.

The public code hands a matrix that is not symmetric to a symmetric eigen-solver. The
projection that comes out is orthonormal, so that S = I whatever the features are: nearest
class mean without whitening, `variant="official"`. The default, `variant="paper"`,
whitens by the within-class covariance. The public energy is NaN for fewer than 200
samples; here at least one sample is kept.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import Options, Rule, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import OK, Problem, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import (
  centre_and_rotate,
  class_means,
  linear_discriminants,
  pooled_scatter,
)
from lead_jax.typing import Array, Bool, Float, Int

Variant = Literal["paper", "official"]

LDA_WEIGHT, ENERGY_WEIGHT = 0.85, 0.15

# Values of a part that differ by less, relative to the largest (or to one), are tied:
# what float32 leaves of them may be rounding, and stretched it would decide.
_LEAST_RANGE = 1e-5
# One minus a mean posterior below which all posteriors count as 1, in every precision.
SATURATED = 1e-6
# Of the ridge that a singular covariance needs; it moves a regular one by nothing.
_RIDGE = 1e-10


class ETranLDAResult(NamedTuple):
  """The score of the discriminant.

  Attributes:
    score: Mean posterior of the true class, in `[0, 1]`.
    singular: Whether the within-class covariance is singular; False if it is not used.
  """

  score: Float[Array, ""]
  singular: Bool[Array, ""]


@check_arguments()
def etran_lda(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  variant: Variant = "paper",
) -> ETranLDAResult:
  """Computes the mean posterior of the true class.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    variant: Whether the covariance is that within the classes (`paper`) or the identity
      (`official`).

  Returns:
    The score, in `[0, 1]`; larger is better.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Gholami et al., 2023, Eq. 8 to 10.
  """
  check_num_classes(num_classes)
  ETranLDAOptions.check(variant=variant)
  x_nm = centre_and_rotate(features)
  means = class_means(x_nm, labels, num_classes=num_classes)
  if variant == "paper":
    scatter = pooled_scatter(x_nm, labels, means.mean_kd, dim=features.shape[1])
    ridge = jnp.asarray(_RIDGE, x_nm.dtype)
    decision_nk, singular = linear_discriminants(
      x_nm, means.mean_kd, means.count_k, scatter, ridge
    )
  else:
    half_k = 0.5 * jnp.sum(means.mean_kd**2, axis=1)
    prior_k = jnp.log(jnp.maximum(means.prior_k, 0.5 / labels.size))
    constant_k = jnp.where(means.count_k > 0, prior_k - half_k, -jnp.inf)
    linear_nk = jnp.matmul(x_nm, means.mean_kd.T, precision=HIGHEST)
    decision_nk, singular = linear_nk + constant_k[None, :], jnp.asarray(False)
  posterior_nk = jax.nn.softmax(decision_nk, axis=1)
  true_n1 = jnp.take_along_axis(posterior_nk, labels[:, None], axis=1)
  return ETranLDAResult(jnp.mean(true_n1), singular)


@check_arguments(percent=Rule(above=0, most=100))
def etran_energy(
  features: Float[Array, "n d"], *, percent: float = 0.5
) -> Float[Array, ""]:
  """Computes the mean free energy of the samples that have least.

  Args:
    features: Samples, one per row.
    percent: Static share of the samples that counts, in `(0, 100]`; rounded down, but at
      least one sample.

  Returns:
    The mean of `log sum_d exp(x_d)`; larger is better.

  Raises:
    ValueError: If `percent` is out of its bounds.

  References:
    Gholami et al., 2023, Eq. 5.
  """
  ETranEnergyOptions.check(percent=percent)
  energy_n = jax.nn.logsumexp(features, axis=1)
  kept = max(1, int(energy_n.size * percent / 100))
  return -jnp.mean(jax.lax.top_k(-energy_n, kept)[0])


_jitted_lda = jax.jit(etran_lda, static_argnames=("num_classes", "variant"))
_jitted_energy = jax.jit(etran_energy, static_argnames=("percent",))


@check_arguments()
def pool_etran(parts: Sequence[Mapping[str, float]]) -> list[float]:
  """Computes the scores of models that are compared with one another.

  Args:
    parts: Of each model, its `lda` and `energy`.

  Returns:
    Scores in `[0, 1]`; larger is better. A part that is the same for all models, up to
    1e-5 of its size, counts nothing; a model without rivals keeps its parts as they are.

  References:
    Gholami et al., 2023, Eq. 11.
  """
  lda = [part["lda"] for part in parts]
  energy = [part["energy"] for part in parts]
  if len(parts) > 1:
    lda, energy = scale_to_unit(lda), scale_to_unit(energy)
  return [LDA_WEIGHT * a + ENERGY_WEIGHT * b for a, b in zip(lda, energy, strict=True)]


def scale_to_unit(values: Sequence[float]) -> list[float]:
  """Returns values scaled to `[0, 1]`, or zeros where they are tied."""
  if are_tied(values):
    return [0.0] * len(values)
  least, largest = min(values), max(values)
  return [(value - least) / (largest - least) for value in values]


def are_tied(values: Sequence[float]) -> bool:
  """Returns whether values differ by no more than rounding may leave of them."""
  size = max(1.0, *(abs(value) for value in values))
  return max(values) - min(values) <= _LEAST_RANGE * size


def tied_parts(parts: Sequence[Mapping[str, float]]) -> str:
  """Says which parts are tied over the models compared; nothing where none is.

  Args:
    parts: Of each model, its parts; at least one model.
  """
  if len(parts) < 2:
    return ""
  tied = [name for name in parts[0] if are_tied([part[name] for part in parts])]
  if not tied:
    return ""
  return (
    f"{' and '.join(tied)} tied for all models, within {_LEAST_RANGE:g}: not counted"
  )


@dataclasses.dataclass(frozen=True)
class ETranLDAOptions(Options):
  """Options of `etran_lda`."""

  variant: Variant = option(
    "paper",
    help="Whether the covariance is that within the classes (`paper`) or the identity, as "
    "in the public code (`official`).",
  )


@dataclasses.dataclass(frozen=True)
class ETranEnergyOptions(Options):
  """Options of `etran_energy`."""

  percent: float = option(
    0.5,
    above=0,
    most=100,
    help="Percentage of the samples that count, those of least energy.",
  )


@dataclasses.dataclass(frozen=True)
class ETranOptions(ETranEnergyOptions, ETranLDAOptions):
  """Options of `etran`."""


def _compute_etran_lda(problem: Problem, options: ETranLDAOptions) -> Value:
  score, singular = _jitted_lda(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    variant=options.variant,
  )
  notes = [OK]
  if bool(singular):
    notes.append("the within-class covariance is singular")
  if 1 - float(score) <= SATURATED:
    notes.append("saturated: every posterior is 1")
  return Value(float(score), join(*notes))


def _compute_etran_energy(problem: Problem, options: ETranEnergyOptions) -> Value:
  score = float(_jitted_energy(problem.features, percent=options.percent))
  n = problem.features.shape[0]
  note = OK
  if n * options.percent < 100:
    note = (
      f"{options.percent:g} % of {n} samples is less than one: the lowest alone counts"
    )
  return Value(score, note)


def _compute_etran(problem: Problem, options: ETranOptions) -> Value:
  lda = _compute_etran_lda(problem, options)
  energy = _compute_etran_energy(problem, options)
  parts = {"lda": lda.score, "energy": energy.score}
  return Value(
    LDA_WEIGHT * lda.score + ENERGY_WEIGHT * energy.score,
    join(lda.status, energy.status),
    parts,
    parts=parts,
  )


ETRAN_LDA = own_metric(
  "etran_lda",
  _compute_etran_lda,
  "ETran's discriminant: posterior of the true class",
  "probability",
  "2 N D^2 + D^3 / 3",
  options=ETranLDAOptions,
  version=4,  # saturated posteriors are the same in both precisions
  least_per_class=2,
  least_ratio=1,
)
ETRAN_ENERGY = own_metric(
  "etran_energy",
  _compute_etran_energy,
  "ETran's energy: mean logsumexp of the samples that have least",
  "nats",
  "N D",
  options=ETranEnergyOptions,
)
ETRAN = own_metric(
  "etran",
  _compute_etran,
  "ETran: discriminant and energy, scaled over the models compared",
  "share of the pool's range",
  "as etran_lda",
  options=ETranOptions,
  pool=pool_etran,
  pool_note=tied_parts,
  version=4,  # a part that is tied but for rounding counts nothing
  least_per_class=2,
  least_ratio=1,
)
