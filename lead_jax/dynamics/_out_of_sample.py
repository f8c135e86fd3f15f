"""LEAD judged out of sample: the head's gradient flow, on samples it was not trained on.

LEAD (Hu et al., CVPR 2024) predicts where training would take the logits of the very
samples that it scores, from logits that were fitted to the same samples. Its evolution
(Eq. 7) pulls each sample to its own label at the class's rate, in expectation an affine
function of the class's mean squared feature norm (`ntk.expected_head_kernel_diagonal`).
So the features' size and the classifier's fit decide, but fine-tuning is judged by
something else: the accuracy on samples that were not trained on. Here

  1. features are centred and scaled, so that neither their place nor their size says
     anything: a shift common to all samples is taken up by a classifier's bias, and where
     it is many times the spread, all samples would have one direction, the kernel one
     value, and time counted by its mean eigenvalue would learn nothing else;
  2. the kernel between all samples is the NTK of LEAD's MLP head, its wide limit in closed
     form (`ntk.wide_head_kernel`; drawn heads, or the linear kernel, for comparison);
  3. logits start at zero and follow gradient flow of the squared loss to the one-hot
     labels (Eq. 5 and 6, with the whole kernel), and of every sample the logits are
     predicted that training on all *others* would give (`logits.held_out_flow`: exact,
     from one eigen-decomposition);
  4. a sample's logit of its own class is raised by what one more sample of that class
     is worth to others, the mean logit of the class over samples of other classes,
     divided by the size of the class: without the sample its class is rarer, and
     features that know nothing would speak against every sample's own class, at two
     samples per class by a half;
  5. the score is what those logits are worth: minus their cross-entropy, as LEAD's, after
     one number per model, a temperature fitted to the same samples, has made logits of what
     the squared loss pulls to 0 and 1 (Guo et al., On Calibration of Modern Neural
     Networks, ICML 2017).

Time counts the mean eigenvalue's time constants: at t = 1 directions of the features that
vary more than the average one have been learnt and those below have not, whatever N and
the scale of the kernel are. It is the default of `lead_normalised` too, and was not tuned.
Nothing is random but drawn heads.
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from lead_jax import checks, logits, ntk
from lead_jax.checks import Options, check_arguments, option
from lead_jax.dynamics._feature_scale import (
  FeatureScale,
  centre_features,
  scale_features,
)
from lead_jax.dynamics._sizes import MAX_SAMPLES, refuse_many_samples
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, ArrayLike, Bool, Float, Int

Kernel = Literal["wide", "sampled", "linear"]
Dynamics = Literal["flow", "ridge"]
Loss = Literal["calibrated_cross_entropy", "cross_entropy", "squared_error", "accuracy"]

# Times the size of the logits' differences: beyond this a softmax of them is a step.
_LARGEST_INVERSE_TEMPERATURE = 100.0
_BISECTIONS = 40


@dataclasses.dataclass(frozen=True)
class HeldOutConfig(Options):
  """The choices of LEAD out of sample."""

  kernel: Kernel = option(
    "wide",
    help="`wide`: the closed form of wide heads; `sampled`: mean over `head_seeds` drawn "
    "heads; `linear`: inner products of features, a head without hidden layers.",
  )
  hidden: tuple[int, ...] = option(
    (1024, 2048), least=1, most=65_536, help="Hidden widths of the head."
  )
  initializer: ntk.Initializer = option(
    "he_normal", help="How the head is drawn; see `ntk.layer_scales`."
  )
  head_seeds: int = option(
    8, least=1, help="Number of heads that kernel `sampled` draws."
  )
  centred: bool = option(
    True,
    help="Whether the mean of all samples is subtracted before anything else, so that a "
    "common shift of the features does not move the score.",
  )
  feature_scale: FeatureScale = option(
    "sample",
    help="What features are divided by before they meet the head; see `scale_features`.",
  )
  dynamics: Dynamics = option(
    "flow",
    help="`flow`: gradient flow for time t; `ridge`: kernel ridge regression with the "
    "ridge that resembles it, mean eigenvalue / t.",
  )
  t: float = option(
    1.0, above=0, help="Time, in time constants of the mean eigenvalue."
  )
  loss: Loss = option(
    "calibrated_cross_entropy",
    help="Minus the mean of which loss the score is: `calibrated_cross_entropy` (of the "
    "logits times the factor that makes it least), `cross_entropy` (of the logits as they "
    "are), `squared_error`; or the mean of `accuracy`.",
  )


class HeldOutResult(NamedTuple):
  """What LEAD out of sample found for one model.

  Attributes:
    score: Larger is better; see `HeldOutConfig.loss`.
    held_out_logits: [N, K] of each sample, from training on all others, before step 4.
    trained_logits: [N, K] of each sample, from training on all.
    accuracy: Share of samples whose largest held-out logit is their own class's, after
      step 4: the score of `loss="accuracy"`.
    mean_eigenvalue: Of the kernel; what time is counted by.
  """

  score: Float[Array, ""]
  held_out_logits: Float[Array, "n k"]
  trained_logits: Float[Array, "n k"]
  accuracy: Float[Array, ""]
  mean_eigenvalue: Float[Array, ""]


def held_out_kernel(
  features: Float[Array, "n d"], *, key: Array | None, config: HeldOutConfig
) -> Float[Array, "n n"]:
  """Computes the kernel of a single logit between all samples.

  Args:
    features: One row per sample; centred and scaled here.
    key: Draws the heads of `sampled`; None for the other kernels.
    config: See `HeldOutConfig`.
  """
  x_nd = centre_features(features) if config.centred else features
  x_nd = scale_features(x_nd, config.feature_scale)
  if config.kernel == "linear":
    return jnp.matmul(x_nd, x_nd.T, precision=HIGHEST)
  if config.kernel == "wide":
    return ntk.wide_head_kernel(
      x_nd, hidden=config.hidden, initializer=config.initializer
    )
  if key is None:
    raise ValueError("kernel='sampled' draws heads: give a key")
  head = ntk.MLPHead(1, config.hidden, config.initializer)

  def add(total_nn: Array, head_key: Array) -> tuple[Array, None]:
    params = ntk.init_head(head, head_key, x_nd.shape[1], x_nd.dtype)
    one_nn = ntk.head_kernel(params, x_nd, initializer=config.initializer)
    return total_nn + one_nn / config.head_seeds, None

  zero_nn = jnp.zeros((x_nd.shape[0], x_nd.shape[0]), x_nd.dtype)
  return jax.lax.scan(add, zero_nn, jax.random.split(key, config.head_seeds))[0]


@check_arguments()
def held_out_score(
  held_out_logits: Float[Array, "n k"], labels: Int[Array, " n"], loss: Loss
) -> Float[Array, ""]:
  """Scores held-out logits against labels, compensated; larger is better.

  Args:
    held_out_logits: As `HeldOutResult`.
    labels: Class ids.
    loss: See `HeldOutConfig`.
  """
  logits_nk = compensated(held_out_logits, labels)
  if loss == "accuracy":
    return jnp.mean(jnp.argmax(logits_nk, axis=1) == labels)
  own_nk = jax.nn.one_hot(labels, logits_nk.shape[1], dtype=bool)
  if loss == "squared_error":
    error_nk = logits_nk - own_nk.astype(logits_nk.dtype)
    return -jnp.mean(jnp.sum(jnp.square(error_nk), axis=1))
  beta = jnp.ones((), logits_nk.dtype)
  if loss == "calibrated_cross_entropy":
    beta = inverse_temperature(logits_nk, labels)
  # -log p = log(1 + sum of the others' odds), which keeps its digits where p is near 1.
  ahead_nk = -beta * _lead_over_others(logits_nk, own_nk)
  others_n = jax.nn.logsumexp(jnp.where(own_nk, -jnp.inf, ahead_nk), axis=1)
  return -jnp.mean(jax.nn.softplus(others_n))


def _lead_over_others(
  logits_nk: Float[Array, "n k"], own_nk: Bool[Array, "n k"]
) -> Float[Array, "n k"]:
  """How far each sample's own logit is above each of its logits."""
  own_n = jnp.sum(jnp.where(own_nk, logits_nk, 0), axis=1)
  return own_n[:, None] - logits_nk


@check_arguments()
def compensated(
  held_out_logits: Float[Array, "n k"], labels: Int[Array, " n"]
) -> Float[Array, "n k"]:
  """Makes up for each sample's own class having one sample less to learn from.

  Args:
    held_out_logits: As `HeldOutResult`.
    labels: Class ids.

  Returns:
    To the logit of a sample's own class is added what a sample of that class is worth to
    the others on average: one number per class, so that no sample's label speaks for it
    more than another's. Where features know nothing, the logits of a class then have
    one mean over all samples.
  """
  own_nk = jax.nn.one_hot(labels, held_out_logits.shape[1], dtype=bool)
  sizes_k = jnp.sum(own_nk, axis=0)
  of_others_k = jnp.sum(jnp.where(own_nk, 0, held_out_logits), axis=0)
  mean_k = of_others_k / jnp.maximum(labels.shape[0] - sizes_k, 1)
  worth_k = mean_k / jnp.maximum(sizes_k, 1)
  return held_out_logits + jnp.where(own_nk, worth_k[None, :], 0)


@check_arguments()
def inverse_temperature(
  logits_nk: Float[Array, "n k"], labels: Int[Array, " n"]
) -> Float[Array, ""]:
  """Finds the factor of the logits under which the labels are likeliest.

  Returns:
    At most 100 over the root mean square of the own logits' lead over the others; 0 where
    logits are worse than saying nothing. The likelihood is concave in it, so that
    bisection of its slope finds the one maximum.
  """
  own_nk = jax.nn.one_hot(labels, logits_nk.shape[1], dtype=bool)
  lead_nk = _lead_over_others(logits_nk, own_nk)

  def slope(beta: Array) -> Array:
    return jnp.mean(jnp.sum(jax.nn.softmax(beta * logits_nk, axis=1) * lead_nk, axis=1))

  def halve(_: Array, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
    low, high = bounds
    middle = 0.5 * (low + high)
    rises = slope(middle) >= 0  # 0 where every sample is right beyond rounding
    return jnp.where(rises, middle, low), jnp.where(rises, high, middle)

  zero = jnp.zeros((), logits_nk.dtype)
  size = jnp.sqrt(jnp.mean(jnp.square(lead_nk)))
  largest = _LARGEST_INVERSE_TEMPERATURE / jnp.where(size > 0, size, 1)
  low, high = jax.lax.fori_loop(0, _BISECTIONS, halve, (zero, largest))
  return jnp.where(slope(zero) > 0, 0.5 * (low + high), 0)


def held_out_spectrum(
  features: Float[Array, "n d"], key: Array | None, *, config: HeldOutConfig
) -> logits.KernelSpectrum:
  """Decomposes the kernel: whatever its logits are asked for is cheap then.

  Args:
    features: One row per sample.
    key: As `held_out_kernel`.
    config: As `held_out_kernel`.
  """
  return logits.kernel_spectrum(held_out_kernel(features, key=key, config=config))


def held_out_result(
  spectrum: logits.KernelSpectrum,
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  config: HeldOutConfig,
) -> HeldOutResult:
  """Predicts and scores logits, given the decomposed kernel.

  Args:
    spectrum: Of the kernel of all samples.
    labels: Class ids.
    num_classes: Static K.
    config: Its dynamics, time and loss.
  """
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=spectrum.values.dtype)
  mean = spectrum.mean
  eta_t = config.t / jnp.where(mean > 0, mean, 1)
  if config.dynamics == "flow":
    held_out_nk = logits.held_out_flow(spectrum, onehot_nk, eta_t)
    trained_nk = logits.trained_flow(spectrum, onehot_nk, eta_t)
  else:
    held_out_nk = logits.held_out_ridge(spectrum, onehot_nk, 1 / eta_t)
    trained_nk = logits.trained_ridge(spectrum, onehot_nk, 1 / eta_t)
  # A kernel of zeros teaches nothing: what rounding leaves is each sample's own label.
  held_out_nk = jnp.where(mean > 0, held_out_nk, 0)
  return HeldOutResult(
    held_out_score(held_out_nk, labels, config.loss),
    held_out_nk,
    trained_nk,
    held_out_score(held_out_nk, labels, "accuracy"),
    mean,
  )


_spectrum_jit = jax.jit(held_out_spectrum, static_argnames="config")
_result_jit = jax.jit(held_out_result, static_argnames=("num_classes", "config"))


@check_arguments()
def spectrum_config(config: HeldOutConfig) -> HeldOutConfig:
  """The fields that the spectrum depends on, all others at their defaults."""
  return HeldOutConfig(
    kernel=config.kernel,
    hidden=config.hidden,
    initializer=config.initializer,
    head_seeds=config.head_seeds,
    centred=config.centred,
    feature_scale=config.feature_scale,
  )


@check_arguments()
def lead_held_out(
  features: ArrayLike,
  labels: ArrayLike,
  *,
  key: Array | None = None,
  config: HeldOutConfig | None = None,
  num_classes: int | None = None,
  spectrum: logits.KernelSpectrum | None = None,
  max_samples: int = MAX_SAMPLES,
) -> HeldOutResult:
  """Runs LEAD's dynamics out of sample on one model's features.

  O(N^2 D + N^3) time and O(N^2) memory: some thousand samples. `lead_jax.score` draws
  2,000 of more, as the metric `lead_held_out` does. Pure; under `jit` give
  `num_classes` and label ids, as for `lead`. Of a class with one sample nothing is left
  when that is held out: it counts as an error.

  Args:
    features: float[N, D].
    labels: Any integers or strings [N]; ids in `[0, num_classes)` where that is given.
    key: Draws the heads of `kernel="sampled"`.
    config: See `HeldOutConfig`.
    num_classes: Static K; None takes what the labels hold, after checking everything.
    spectrum: From `lead_held_out_spectrum`, where several configurations share it.
    max_samples: N above which nothing is begun; raise it where there is the memory.

  Returns:
    See `HeldOutResult`.

  Raises:
    InputError: (a ValueError) For what cannot be scored (see `checks.check_inputs`), and
      for more than `max_samples` samples.
    ValueError: If heads are to be drawn and there is no key.
  """
  config = HeldOutConfig() if config is None else config
  if num_classes is None:
    checked = checks.check_inputs(features, labels)
    features, labels = checked.features, checked.labels
    num_classes = len(checked.class_names)
  if spectrum is None:
    x_nd = jnp.asarray(features)
    x_nd = x_nd.astype(jnp.promote_types(x_nd.dtype, jnp.float32))
    spectrum = lead_held_out_spectrum(
      x_nd, key=key, config=config, max_samples=max_samples
    )
  result: HeldOutResult = _result_jit(
    spectrum, jnp.asarray(labels), num_classes=num_classes, config=config
  )
  return result


@check_arguments()
def lead_held_out_spectrum(
  features: Float[Array, "n d"],
  *,
  key: Array | None = None,
  config: HeldOutConfig,
  max_samples: int = MAX_SAMPLES,
) -> logits.KernelSpectrum:
  """Decomposes the kernel of one model's features, most of the work of `lead_held_out`.

  Args:
    features: As `lead_held_out`, checked.
    key: As `lead_held_out`.
    config: Its kernel, head, place and scale of features.
    max_samples: As `lead_held_out`.

  Raises:
    InputError: If there are more than `max_samples` samples, or an argument is not as
      its annotation says.
    ValueError: If heads are to be drawn and there is no key.
  """
  refuse_many_samples(len(features), "lead_held_out", most=max_samples)
  x_nd = jnp.asarray(features)
  if x_nd.dtype not in (jnp.float32, jnp.float64):
    x_nd = x_nd.astype(jnp.float32)
  drawn = key if config.kernel == "sampled" else None
  if drawn is not None:
    checks.check_key(drawn)
  found: logits.KernelSpectrum = _spectrum_jit(
    x_nd, drawn, config=spectrum_config(config)
  )
  return found
