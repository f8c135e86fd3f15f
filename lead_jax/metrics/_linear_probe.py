"""Cross-validated linear probe: multinomial logistic regression on held-out folds.

Each fold's problem, over its training samples only, is that of scikit-learn's
`LogisticRegression` with C = 1 / l2, on features standardised per feature by the mean and
standard deviation of the training samples (a constant feature becomes zero):

  min_W,b  sum_i -log softmax(W^T z_i + b)[y_i] + l2 / 2 |W|^2,   b free.

Nothing is standardised in memory. With z = (x - m) / s, logits are
x (W / s) + (b - m.W / s), so that all folds share one x_nd, and a fold is 0/1 weights on
its samples.

The folds run one after the other: one compiled program, the memory of one fold.

References:
  Kornblith et al., `Do Better ImageNet Models Transfer Better?
  <https://arxiv.org/abs/1805.08974>`_, CVPR 2019, Section 3 (the probe as a measure).
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import Options, Rule, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import Problem, Spread, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import Take, fit_logistic, fold_rows
from lead_jax.typing import Array, Bool, Float, Int, Key

_GRADIENT_TOLERANCE = 5e-5  # of the norm of the gradient without any cancellation


class ProbeResult(NamedTuple):
  """How well a linear classifier does on samples that it has not seen.

  Attributes:
    accuracy: Mean over folds, in `[0, 1]`; larger is better.
    log_likelihood: Mean over folds of the mean log probability of the true class, in
      nats; at most 0; larger is better.
    accuracy_std: Standard deviation over folds (biased).
    fold_accuracy: float[F].
    fold_log_likelihood: float[F].
    folds: int[], number of folds that took place; fewer than asked for where a class
      has fewer samples. The others' entries are NaN and are not averaged.
    converged: Whether every fold reached its optimum.
  """

  accuracy: Float[Array, ""]
  log_likelihood: Float[Array, ""]
  accuracy_std: Float[Array, ""]
  fold_accuracy: Float[Array, " f"]
  fold_log_likelihood: Float[Array, " f"]
  folds: Int[Array, ""]
  converged: Bool[Array, ""]


@check_arguments()
def stratified_folds(
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  key: Key[Array, ""],
  folds: int = 5,
) -> tuple[Int[Array, " n"], Int[Array, ""]]:
  """Deals every class's samples to the folds in turn, after shuffling them.

  Where the smallest class that is not empty has fewer samples than `folds`, there are as
  many folds as it has samples, but at least two. A class of a single sample is then
  trained on in one fold and missing from the training of the other, where it counts as
  an error; whether to accept such a class is the caller's decision.

  Args:
    labels: Class ids in `[0, num_classes)`.
    num_classes: Static K.
    key: Decides the shuffle; the same key and labels give the same folds.
    folds: Number wished for, at least two; static.

  Returns:
    Fold of every sample, in `[0, actual)`, and `actual`.

  Raises:
    ValueError: If `folds` is below two.
  """
  LinearProbeOptions.check(folds=folds)
  n = labels.shape[0]
  count_k = jnp.bincount(labels, length=num_classes)
  smallest = jnp.min(jnp.where(count_k > 0, count_k, n))
  actual = jnp.clip(smallest, 2, folds)
  shuffle_n = jax.random.permutation(key, n)
  order_n = shuffle_n[jnp.argsort(labels[shuffle_n], stable=True)]
  # Dealing runs on from one class to the next, so that folds are of equal size.
  dealt_n = (jnp.arange(n) % actual).astype(jnp.int32)
  fold_n = jnp.zeros((n,), jnp.int32).at[order_n].set(dealt_n)
  return fold_n, actual.astype(jnp.int32)


@check_arguments(l2=Rule(least=0))
def linear_probe(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  key: Key[Array, ""],
  folds: int = 5,
  l2: float = 1.0,
  max_iter: int = 500,
) -> ProbeResult:
  """Cross-validates multinomial logistic regression on standardised features.

  Args:
    features: Samples, one per row, of any scale.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    key: Decides the folds; see `stratified_folds`.
    folds: Number of folds wished for, at least two; static.
    l2: Ridge on the weights (not on the bias), beside the *sum* of losses; above zero;
      static.
    max_iter: Bound on the steps of a fold, at least one; static.

  Returns:
    A `ProbeResult`.

  Raises:
    ValueError: If a static argument is out of its bounds.
  """
  check_num_classes(num_classes)
  LinearProbeOptions.check(folds=folds, l2=l2)
  if max_iter < 1:
    raise ValueError(f"max_iter must be at least 1, got {max_iter}")
  fold_n, actual = stratified_folds(
    labels, num_classes=num_classes, key=key, folds=folds
  )
  # Common to all folds: the scale of the whole, to keep squares within range.
  x_nd = features - jnp.mean(features, axis=0, keepdims=True)
  largest_d = jnp.max(jnp.abs(x_nd), axis=0)
  x_nd = x_nd / jnp.where(largest_d > 0, largest_d, 1)[None, :]
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=features.dtype)

  def one_fold(fold: Array) -> tuple[Array, Array, Array]:
    def score(_: None) -> tuple[Array, Array, Array]:
      return _train_and_test(x_nd, onehot_nk, fold_n == fold, l2, max_iter)

    def skip(_: None) -> tuple[Array, Array, Array]:
      nan = jnp.asarray(jnp.nan, features.dtype)
      return nan, nan, jnp.asarray(True)

    found: tuple[Array, Array, Array] = jax.lax.cond(fold < actual, score, skip, None)
    return found

  accuracy_f, log_likelihood_f, converged_f = jax.lax.map(one_fold, jnp.arange(folds))
  took_place_f = jnp.arange(folds) < actual
  return ProbeResult(
    accuracy=jnp.mean(accuracy_f, where=took_place_f),
    log_likelihood=jnp.mean(log_likelihood_f, where=took_place_f),
    accuracy_std=jnp.std(accuracy_f, where=took_place_f),
    fold_accuracy=accuracy_f,
    fold_log_likelihood=log_likelihood_f,
    folds=actual,
    converged=jnp.all(converged_f),
  )


def _train_and_test(
  x_nd: Array, onehot_nk: Array, held_out_n: Array, l2: float, max_iter: int
) -> tuple[Array, Array, Array]:
  """Returns accuracy, mean log likelihood and convergence of one fold."""
  dtype = x_nd.dtype
  weight_n = jnp.where(held_out_n, 0, 1).astype(dtype)
  total = jnp.sum(weight_n)
  mean_d = jnp.matmul(weight_n, x_nd, precision=HIGHEST) / total

  def add(sum_d: Array, take: Take, fresh_b: Array) -> Array:
    weight_b = take(weight_n) * fresh_b
    square_bd = (take(x_nd) - mean_d[None, :]) ** 2
    return sum_d + jnp.matmul(weight_b, square_bd, precision=HIGHEST)

  variance_d = fold_rows(add, jnp.zeros_like(mean_d), x_nd.shape[0]) / total
  # A feature without spread beyond rounding (of entries up to one) is constant.
  varies_d = variance_d > (10 * jnp.finfo(dtype).eps) ** 2
  inverse_std_d = jnp.where(varies_d, 1, 0) / jnp.sqrt(
    jnp.where(varies_d, variance_d, 1)
  )

  fit = fit_logistic(
    x_nd,
    onehot_nk,
    weight_n,
    mean_d,
    inverse_std_d,
    l2,
    tolerance=_GRADIENT_TOLERANCE,
    max_iter=max_iter,
  )
  z_nk = fit.logits_nk
  held_out = jnp.maximum(jnp.sum(held_out_n), 1).astype(dtype)
  right_n = jnp.argmax(z_nk, axis=1) == jnp.argmax(onehot_nk, axis=1)
  accuracy = jnp.sum(jnp.where(held_out_n & right_n, 1, 0)) / held_out
  log_p_n = jnp.sum(onehot_nk * jax.nn.log_softmax(z_nk, axis=1), axis=1)
  log_likelihood = jnp.sum(jnp.where(held_out_n, log_p_n, 0)) / held_out
  return accuracy, log_likelihood, fit.converged


_linear_probe = jax.jit(linear_probe, static_argnames=("num_classes", "folds", "l2"))


@dataclasses.dataclass(frozen=True)
class LinearProbeOptions(Options):
  """Options of `linear_probe`."""

  folds: int = option(5, least=2, help="Number of folds of the cross-validation.")
  l2: float = option(
    1.0, above=0, help="Ridge on the weights, beside the sum of the losses (1 / C)."
  )


def _compute_linear_probe(problem: Problem, options: LinearProbeOptions) -> Value:
  name, size = problem.smallest_class()
  if size < 2:
    raise ValueError(
      f"class {name!r} has {size} sample: cross-validation needs at least 2"
    )
  result = _linear_probe(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    key=problem.key,
    folds=options.folds,
    l2=options.l2,
  )
  fewer = not_converged = ""
  if (took_place := int(result.folds)) < options.folds:
    fewer = f"{took_place} folds: class {name!r} has {size} samples"
  if not bool(result.converged):
    not_converged = "a fold's classifier did not converge"
  details = {"log_likelihood": float(result.log_likelihood), "folds": took_place}
  # Unbiased, as every spread is.
  std = float(result.accuracy_std) * (took_place / max(took_place - 1, 1)) ** 0.5
  spread = Spread(std, f"{took_place} folds")
  return Value(float(result.accuracy), join(fewer, not_converged), details, spread)


LINEAR_PROBE = own_metric(
  "linear_probe",
  _compute_linear_probe,
  "cross-validated accuracy of a linear classifier",
  "accuracy",
  "5 folds x about 400 N D K",
  options=LinearProbeOptions,
  random=True,
)
