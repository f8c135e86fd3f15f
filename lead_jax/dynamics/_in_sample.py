"""LEAD: rank a model by the logits that gradient flow would give it (Algorithm 1).

Hu et al., "LEAD: Exploring Logit Space Evolution for Model Selection", CVPR 2024. Nearest
kin: LogME and SFDA, which also score features against labels, but statically.

  1. log_init: a classifier's normalised outputs on the target samples
     (`logits.initial_logits`).
  2. An MLP head on the features; per class, the kernel of its summed logits (Eq. 24), its
     spectrum, and the mean eigenvalue, which is the class's rate (`ntk`).
  3. F_t of Eq. 7 (`logits.evolve_class_aware`).
  4. Score = -cross-entropy(F_t, y): near 0 is best.

No official implementation is public. Every choice that the text leaves open is a field of
`LeadConfig`; the defaults are the `paper` variant.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax import checks, logits, ntk
from lead_jax.checks import Rule, check_arguments
from lead_jax.dynamics._config import LeadConfig, Loss
from lead_jax.dynamics._feature_scale import scale_features_jit
from lead_jax.dynamics._rates import (
  Network,
  network_class_rates,
  rates_config,
  rates_with_check,
)
from lead_jax.dynamics._sizes import refuse_many_samples
from lead_jax.typing import Array, ArrayLike, Bool, Float, Int


class LeadResult(NamedTuple):
  """What LEAD found for one model.

  Attributes:
    score: Minus the cross-entropy of the predicted logits; larger is better, at most 0.
    lambda_c: [K] the classes' rates (mean eigenvalues), mean over heads.
    log_init: [N, K] the logits at time 0.
    final_logits: [N, K] the logits at time t.
    score_per_head: [heads] the score from each head's rates alone (one, where rates are
      expected); empty for evolutions other than `class_aware` and `mixed`.
    spectra: [K, S] eigenvalues of the classes' kernels, descending, mean over heads,
      zero-padded; None where kernels are not decomposed (`LeadConfig.spectra`).
    rate_per_head: [heads] the mean rate of each head.
    converged: Whether the classifier of the initial logits reached its optimum.
    trace_gap: Largest relative difference between a class's mean eigenvalue and its
      kernel's trace over its size: rounding. None where kernels are not decomposed.
  """

  score: Float[Array, ""]
  lambda_c: Float[Array, " k"]
  log_init: Float[Array, "n k"]
  final_logits: Float[Array, "n k"]
  score_per_head: Float[Array, " h"]
  spectra: Float[Array, "k s"] | None
  rate_per_head: Float[Array, " h"]
  converged: Bool[Array, ""]
  trace_gap: Float[Array, ""] | None = None


@check_arguments(final_logits=Rule(finite=False))
def transfer_score(
  final_logits: Float[Array, "n k"],
  labels: Int[Array, " n"],
  loss: Loss = "softmax_cross_entropy",
) -> Float[Array, ""]:
  """Computes minus the mean cross-entropy of predicted logits.

  Args:
    final_logits: F_t.
    labels: Class ids.
    loss: See `LeadConfig`.

  Returns:
    At most 0; larger is better.
  """
  own = jax.nn.one_hot(labels, final_logits.shape[1], dtype=bool)
  if loss == "softmax_cross_entropy":
    log_p = jnp.where(own, jax.nn.log_softmax(final_logits, axis=1), 0).sum(axis=1)
  else:
    p = jnp.where(own, final_logits, 0).sum(axis=1)
    # Near 1 a probability has lost its digits, but the others' sum has kept them.
    others = jnp.where(own, 0, final_logits).sum(axis=1)
    near_one = p > 0.5
    log_p = jnp.where(
      near_one,
      jnp.log1p(-jnp.where(near_one, others, 0)),
      jnp.log(jnp.where(near_one, 1, p)),
    )
  return jnp.mean(log_p)


def evolve(
  log_init: Float[Array, "n k"],
  features: Float[Array, "n d"] | None,
  labels: Int[Array, " n"],
  lambda_c: Float[Array, " k"],
  *,
  key: Array,
  config: LeadConfig,
) -> Float[Array, "n k"]:
  """Computes the logits at time t from those at time 0.

  Args:
    log_init: Initial logits.
    features: Already scaled; the full kernel alone needs them.
    labels: Class ids.
    lambda_c: The classes' rates.
    key: Draws the head of the full kernel.
    config: See `LeadConfig`.
  """
  if config.time == "relative":
    eta_t = config.t / jnp.nanmean(lambda_c)  # an empty class has no rate
  else:
    eta_t = jnp.asarray(config.eta * config.t * config.unit, lambda_c.dtype)
  if config.evolution == "constant":
    return logits.evolve_constant(log_init, labels, config.coefficient)
  if config.evolution == "full_kernel":
    if features is None:
      raise ValueError("evolution='full_kernel' needs the features")
    refuse_many_samples(len(features), "evolution='full_kernel'")
    head = ntk.MLPHead(log_init.shape[1], config.hidden, config.initializer)
    params = ntk.init_head(head, key, features.shape[1], features.dtype)
    kernel = ntk.head_kernel(params, features, initializer=config.initializer)
    return logits.evolve_full_kernel(log_init, labels, kernel, eta_t)
  if config.evolution == "cross_entropy":
    return logits.cross_entropy_flow(log_init, labels, lambda_c[labels], eta_t)
  return logits.evolve_class_aware(log_init, labels, lambda_c, eta_t)


def _predict(
  log_init: Float[Array, "n k"],
  features: Float[Array, "n d"] | None,
  labels: Int[Array, " n"],
  rates_hk: Float[Array, "h k"],
  key: Array,
  *,
  config: LeadConfig,
) -> tuple[Array, Array, Array, Array]:
  """Returns score, mean rates, logits at time t, and the score from each head's rates."""

  def at(lambda_c: Array) -> Array:
    return evolve(log_init, features, labels, lambda_c, key=key, config=config)

  lambda_c = jnp.mean(rates_hk, axis=0)
  final = at(lambda_c)
  if config.evolution in ("class_aware", "mixed"):
    per_head = jax.lax.map(
      lambda rates_k: transfer_score(at(rates_k), labels, config.loss), rates_hk
    )
  else:  # the constant has no rates; the others would be integrated anew for each head
    per_head = jnp.zeros((0,), log_init.dtype)
  return transfer_score(final, labels, config.loss), lambda_c, final, per_head


# Compiled apart: configurations that share a step share its compilation.
_initial_logits_jit = jax.jit(
  logits.initial_logits,
  static_argnames=("num_classes", "classifier", "normalisation", "c", "tol", "folds"),
)
_class_rates_jit = jax.jit(rates_with_check, static_argnames=("num_classes", "config"))
_predict_jit = jax.jit(_predict, static_argnames="config")


@check_arguments()
def lead_start(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  config: LeadConfig,
  num_classes: int,
) -> logits.InitialLogits:
  """Computes LEAD's initial logits alone, which the rates do not enter.

  Args:
    features: As `lead`, checked.
    labels: Class ids.
    config: As `lead`.
    num_classes: Static K.
  """
  start: logits.InitialLogits = _initial_logits_jit(
    scale_features_jit(features, config.feature_scale),
    labels,
    num_classes=num_classes,
    classifier=config.classifier,
    normalisation=config.normalisation,
    c=config.c,
    tol=config.tol,
    folds=config.initial_folds,
  )
  return start


class LeadRates(NamedTuple):
  """The rates of LEAD's classes, under every drawn head.

  Attributes:
    rates_hk: [heads, K] mean eigenvalues (one row, where rates are expected).
    spectra: [K, S] as `LeadResult`.
    trace_gap: As `LeadResult`.
  """

  rates_hk: Float[Array, "h k"]
  spectra: Float[Array, "k s"] | None
  trace_gap: Float[Array, ""] | None = None

  def per_head(self) -> Float[Array, " h"]:
    """Returns the mean rate of each head."""
    return jnp.nanmean(self.rates_hk, axis=1)  # an empty class has no rate


@check_arguments()
def lead_rates(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  key: Array,
  config: LeadConfig,
  num_classes: int,
  network: Network | None = None,
) -> LeadRates:
  """Computes the rates of LEAD's classes alone, which no classifier enters.

  Args:
    features: As `lead`, checked.
    labels: Class ids.
    key: As `lead`.
    config: As `lead`.
    num_classes: Static K.
    network: As `lead`.

  Raises:
    ValueError: If `config.params` is `all` and there is no network.
  """
  key_rates, _ = jax.random.split(key)
  if config.params == "all":
    if network is None:
      raise ValueError("params='all' needs network: the backbone and its inputs")
    rates_hk = network_class_rates(
      network,
      labels,
      num_classes=num_classes,
      dim=features.shape[1],
      key=key_rates,
      config=config,
    ).astype(features.dtype)
    return LeadRates(rates_hk, None)
  found = _class_rates_jit(
    scale_features_jit(features, config.feature_scale),
    labels,
    num_classes=num_classes,
    key=key_rates,
    config=rates_config(config),
  )
  return LeadRates(*found)


@check_arguments()
def lead(
  features: ArrayLike,
  labels: ArrayLike,
  *,
  key: Array,
  config: LeadConfig | None = None,
  num_classes: int | None = None,
  network: Network | None = None,
  start: logits.InitialLogits | None = None,
  rates: LeadRates | None = None,
) -> LeadResult:
  """Scores one model by the logits that LEAD predicts for it.

  Args:
    features: float[N, D] backbone outputs on the target samples (16, 32 or 64 bits).
    labels: [N] any integers or strings.
    key: `jax.random.key(seed)`; draws the heads and the samples of each class.
    config: The paper's form where None; `lead_config("normalised")` for zoos of mixed
      origin.
    num_classes: Static K. Where given, labels must be ids in `[0, K)` and are not
      checked, and the call may stand inside `jax.jit`.
    network: The backbone that made the features; needed where `config.params` is `all`
      (then not inside `jax.jit`), not looked at otherwise.
    start: What `lead_start` gives, where it is known already.
    rates: What `lead_rates` gives, where it is known already.

  Returns:
    Score (larger is better, at most 0), rates, initial and final logits.

  Raises:
    ValueError: If features hold NaN or infinity or are not [N, D], lengths differ, there
      are fewer than two samples or classes, or `key` is no random key; the message names
      the thing.
  """
  checks.check_key(key)
  config = LeadConfig() if config is None else config
  if num_classes is None:
    checked = checks.check_inputs(features, labels)
    features, labels = checked.features, checked.labels
    num_classes = len(checked.class_names)
  labels = jnp.asarray(labels)
  x_nd = jnp.asarray(features)
  if x_nd.dtype not in (jnp.float32, jnp.float64):
    x_nd = x_nd.astype(jnp.float32)  # squared norms overflow 16 bits
  if start is None:
    start = lead_start(x_nd, labels, config=config, num_classes=num_classes)
  if rates is None:
    rates = lead_rates(
      x_nd, labels, key=key, config=config, num_classes=num_classes, network=network
    )
  # Without the features, models of all widths share one compiled program.
  seen_nd = None
  if config.evolution == "full_kernel":
    seen_nd = scale_features_jit(x_nd, config.feature_scale)
  _, key_kernel = jax.random.split(key)
  score, lambda_c, final, per_head = _predict_jit(
    start.log_init, seen_nd, labels, rates.rates_hk, key_kernel, config=config
  )
  return LeadResult(
    score,
    lambda_c,
    start.log_init,
    final,
    per_head,
    rates.spectra,
    rates.per_head(),
    start.converged,
    rates.trace_gap,
  )


@check_arguments()
def rescore_in_pool(
  results: list[LeadResult], labels: Int[Array, " n"], config: LeadConfig
) -> list[float]:
  """Scores models in time relative to the mean rate over classes *and models*.

  The other reading of relative time: a model whose rates are above the pool's gets
  further in the same time. A score then depends on the model's rivals.

  Args:
    results: Of models on the same samples, from `lead` with the same configuration.
    labels: Class ids.
    config: With `time="relative"` and the `class_aware` or `mixed` evolution.

  Returns:
    Scores in the order of `results`; larger is better.

  Raises:
    ValueError: If the configuration is not one of relative time.
  """
  if config.time != "relative" or config.evolution not in ("class_aware", "mixed"):
    raise ValueError(
      "config must have time='relative' and evolution='class_aware' or 'mixed'"
    )
  labels = jnp.asarray(labels)
  pool_rate = jnp.mean(jnp.stack([jnp.nanmean(r.lambda_c) for r in results]))
  eta_t = config.t / pool_rate
  return [
    float(
      transfer_score(
        logits.evolve_class_aware(r.log_init, labels, r.lambda_c, eta_t),
        labels,
        config.loss,
      )
    )
    for r in results
  ]
