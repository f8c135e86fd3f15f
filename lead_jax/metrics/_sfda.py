"""SFDA: how probable a regularised discriminant finds the true classes, after confusion.

A Fisher discriminant (LDA) whose shrinkage falls with the spread within the classes,

  lambda = max(exp(-5 sigma), 1e-10),   sigma = the largest eigenvalue of Sw,

gives posteriors p; a second softmax softens them to p'; every sample moves towards the
mean of the other classes' means by what its class lacks of certainty,

  x <- p'_y x + (1 - p'_y) mean_{c != y} mu_c,

and the discriminant is fitted again with the same lambda. The score is the mean posterior
of the true class.

Shao et al., `Not All Models Are Equal: Predicting Model Transferability in a Self-
challenging Fisher Space <https://arxiv.org/abs/2207.03036>`_, 2022. The nearest kin are
LDA (`logits.lda_decision`) and the LDA part of ETran (`metrics.etran_lda`).

The public code keeps all D eigenvectors of a generalised eigenproblem, whose sum of
squares is the inverse of the shrunk Sw: a triangular factor does. It estimates sigma by
three double steps of the power method from the row sums of Sw, which falls short of the
largest eigenvalue: `variant="official"`.
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import OK, Problem, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import (
  Scatter,
  Take,
  centre_and_rotate,
  class_means,
  fold_rows,
  linear_discriminants,
  pooled_scatter,
)
from lead_jax.typing import Array, Bool, Float, Int

Variant = Literal["exact", "official"]

_LEAST_SHRINKAGE = 1e-10


class SFDAResult(NamedTuple):
  """The score and what it is made of.

  Attributes:
    score: Mean posterior of the true class in the second fit, in `[0, 1]`.
    log_error: Log of `1 - score`, which still tells models apart where the score is 1.
    first_score: Mean posterior of the true class in the first fit.
    shrinkage: lambda.
    singular: Whether the ridge alone holds up a direction of the covariance.
  """

  score: Float[Array, ""]
  log_error: Float[Array, ""]
  first_score: Float[Array, ""]
  shrinkage: Float[Array, ""]
  singular: Bool[Array, ""]


class SFDAFits(NamedTuple):
  """The two fits of SFDA, on the same samples before and after their confusion.

  Attributes:
    first_nk: Posteriors of the first.
    second_nk: Discriminants of the second, up to a term common to the classes: the
      predicted logits, whose softmax is the posterior that is scored; -inf for an empty
      class.
    shrinkage: lambda, of both.
    singular: As `SFDAResult`.
  """

  first_nk: Float[Array, "n k"]
  second_nk: Float[Array, "n k"]
  shrinkage: Float[Array, ""]
  singular: Bool[Array, ""]


@check_arguments()
def fit_sfda_discriminants(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  variant: Variant = "exact",
) -> SFDAFits:
  """SFDAFits the discriminant, confuses the samples and fits it again.

  Args:
    features: As `sfda`.
    labels: As `sfda`.
    num_classes: As `sfda`.
    variant: As `sfda`.

  Raises:
    ValueError: If a static argument is out of its bounds.
  """
  check_num_classes(num_classes)
  SFDAOptions.check(variant=variant)
  dim = features.shape[1]
  x_nm = centre_and_rotate(features)
  means = class_means(x_nm, labels, num_classes=num_classes)
  scatter = pooled_scatter(x_nm, labels, means.mean_kd, dim=dim)
  if variant == "official":
    # The row sums of Sw in the features' own axes, whatever was rotated above.
    sum_n1 = jnp.sum(features, axis=1, keepdims=True)
    sum_n1 = sum_n1 - jnp.mean(sum_n1)
    sum_n1 = (
      sum_n1 - class_means(sum_n1, labels, num_classes=num_classes).mean_kd[labels]
    )
    start_m = jnp.matmul(x_nm.T, sum_n1[:, 0], precision=HIGHEST)
    largest = _few_power_steps(scatter.gram_mm, start_m)
  else:
    largest = jnp.linalg.eigvalsh(scatter.gram_mm, symmetrize_input=False)[-1]
  shrinkage = jnp.maximum(jnp.exp(-5 * scatter.variance * largest), _LEAST_SHRINKAGE)

  first = linear_discriminants(x_nm, means.mean_kd, means.count_k, scatter, shrinkage)
  posterior_nk = jax.nn.softmax(first.decision_nk, axis=1)
  # An empty class takes no part in the second softmax either.
  present_k = means.count_k > 0
  softened_nk = jax.nn.softmax(
    jnp.where(present_k[None, :], posterior_nk, -jnp.inf), axis=1
  )
  keep_n1 = jnp.take_along_axis(softened_nk, labels[:, None], axis=1)
  others = jnp.maximum(jnp.sum(present_k) - 1, 1)
  other_km = jnp.sum(means.mean_kd, axis=0, keepdims=True) - means.mean_kd
  x_nm = _mixed(x_nm, labels, keep_n1, other_km / others)

  means = class_means(x_nm, labels, num_classes=num_classes)
  mixed: Scatter = pooled_scatter(x_nm, labels, means.mean_kd, dim=dim)
  second = linear_discriminants(x_nm, means.mean_kd, means.count_k, mixed, shrinkage)
  return SFDAFits(posterior_nk, second.decision_nk, shrinkage, first.singular)


@check_arguments()
def sfda(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  variant: Variant = "exact",
) -> SFDAResult:
  """Computes SFDA.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    variant: How sigma is found: exactly, or as the public code does (`official`).

  Returns:
    The score, in `[0, 1]`; larger is better. It is 1 to rounding where N is small against
    D.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Shao et al., 2022, Eq. 4 (shrinkage), 7 (posterior), 8 (confusion), 9 (score).
  """
  fits = fit_sfda_discriminants(
    features, labels, num_classes=num_classes, variant=variant
  )
  log_error = _log_error(fits.second_nk, labels)
  first_score = jnp.mean(jnp.take_along_axis(fits.first_nk, labels[:, None], axis=1))
  return SFDAResult(
    -jnp.expm1(log_error), log_error, first_score, fits.shrinkage, fits.singular
  )


def _mixed(x_nm: Array, labels: Array, keep_n1: Array, other_km: Array) -> Array:
  """Returns ConfMix's samples, written over the old ones block by block."""
  n = x_nm.shape[0]

  def put(x_nm: Array, take: Take, fresh_b: Array) -> Array:
    keep_b1 = take(keep_n1)
    old_bm = take(x_nm)
    new_bm = keep_b1 * old_bm + (1 - keep_b1) * other_km[take(labels)]
    block_bm = jnp.where(fresh_b[:, None], new_bm, old_bm)
    first = take(jnp.arange(n))[0]
    return jax.lax.dynamic_update_slice_in_dim(x_nm, block_bm, first, axis=0)

  return fold_rows(put, x_nm, n)


def _few_power_steps(gram_mm: Array, start_m: Array) -> Array:
  """Returns an eigenvalue as the public code estimates the largest."""

  def step(x_m: Array) -> tuple[Array, Array]:
    y_m = jnp.matmul(gram_mm, x_m, precision=HIGHEST)
    norm = jnp.linalg.norm(y_m)
    return y_m / jnp.where(norm > 0, norm, 1), norm

  x_m = start_m
  for _ in range(6):
    x_m, norm = step(x_m)
  return norm


def _log_error(decision_nk: Array, labels: Array) -> Array:
  """Returns the log of the mean posterior of the wrong classes."""
  wrong_nk = jnp.arange(decision_nk.shape[1])[None, :] != labels[:, None]
  log_nk = jax.nn.log_softmax(decision_nk, axis=1)
  # All samples at once; exponents of -inf are zero, and so is their gradient.
  total = jax.nn.logsumexp(jnp.where(wrong_nk, log_nk, -jnp.inf))
  return jnp.minimum(total - jnp.log(decision_nk.shape[0]), 0)


_jitted = jax.jit(sfda, static_argnames=("num_classes", "variant"))


@dataclasses.dataclass(frozen=True)
class SFDAOptions(Options):
  """Options of `sfda`."""

  variant: Variant = option(
    "exact",
    help="How the largest eigenvalue of the within-class scatter is found: exactly, or by "
    "a few power steps as the public code does (`official`).",
  )


def _compute_sfda(problem: Problem, options: SFDAOptions) -> Value:
  result = _jitted(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    variant=options.variant,
  )
  score, shrinkage = float(result.score), float(result.shrinkage)
  n, d = problem.features.shape
  notes = [OK]
  if 1 - score <= 4 * float(jnp.finfo(problem.features.dtype).eps):
    small = ", N is small against D" if n < 10 * d else ""
    notes.append(f"saturated: every posterior is 1{small}")
  if bool(result.singular) and shrinkage < 1e-6:
    notes.append(
      f"the within-class covariance is singular up to a shrinkage of {shrinkage:.1g}"
    )
  details = {
    "shrinkage": shrinkage,
    "first_score": float(result.first_score),
    # No error at all, to the last digit, has no logarithm.
    "log_error": max(float(result.log_error), -1e30),
  }
  return Value(score, join(*notes), details)


SFDA = own_metric(
  "sfda",
  _compute_sfda,
  "SFDA: posterior of the true class under a shrunk discriminant, after confusion",
  "probability",
  "4 N D^2 + 6 D^3",
  options=SFDAOptions,
  least_per_class=2,
  least_ratio=1,
)
