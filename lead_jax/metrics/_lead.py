"""LEAD and its controls, all of pieces that a model's metrics share.

A claim that the NTK helps is worth what its controls are worth: the initial logits alone
(t = 0), the mean rate alone, and, because a He head's expected rate is an affine function
of it, the mean squared feature norm alone (see `ntk.expected_head_kernel_diagonal`). Each
control computes only what it is made of: no classifier is fitted for the rates, and no
head drawn for the logits.

Paper: Hu et al., "LEAD: Exploring Logit Space Evolution for Model Selection", CVPR 2024,
Algorithm 1; the constant step is that of its Appendix C.2.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax import logits
from lead_jax.checks import Options, option
from lead_jax.dynamics import (
  VARIANTS,
  LeadConfig,
  LeadRates,
  LeadResult,
  Variant,
  lead as run_lead,
  lead_config,
  lead_rates,
  lead_start,
  transfer_score,
)
from lead_jax.metrics._metric import OK, Problem, Spread, Value, own_metric

# The choices of LEAD that the initial logits depend on, and those that the rates do.
_OF_START = (
  "classifier",
  "normalisation",
  "c",
  "tol",
  "initial_folds",
  "feature_scale",
)
_OF_RATES = (
  "hidden",
  "initializer",
  "head_seeds",
  "rates",
  "samples_per_class",
  "sampling",
  "feature_scale",
  "params",
)


def _choices(
  title: str, names: Sequence[str], *, variant: bool = False, **defaults: Any
) -> type[Options]:
  """Makes a class of options of some choices of `LeadConfig`, which checks them together.

  Args:
    title: Name of the class.
    names: Names of fields of `LeadConfig`, whose types, bounds and help they keep.
    variant: Whether the variant is an option too.
    **defaults: Other defaults than those of `LeadConfig`; None leaves the variant's.
  """
  known = {field.name: field for field in dataclasses.fields(LeadConfig)}
  fields: list[tuple[str, Any, Any]] = []
  if variant:
    says = "`paper`, or `normalised` for zoos of mixed origin; see `lead_config`."
    fields = [("variant", Variant, option("paper", help=says))]
  for name in names:
    default = defaults.get(name, known[name].default)
    kind: Any = known[name].type
    rule = known[name].metadata["rule"]
    if default is None:
      kind = kind | None
      rule = rule._replace(help=f"None: what the variant says. {rule.help}")
    field = dataclasses.field(default=default, metadata={"rule": rule})
    fields.append((name, kind, field))

  def check_together(self: Options) -> None:
    Options.__post_init__(self)
    _config(self)

  namespace = {"__post_init__": check_together, "__module__": __name__}
  return dataclasses.make_dataclass(
    title, fields, bases=(Options,), namespace=namespace, frozen=True
  )


def _config(options: Options) -> LeadConfig:
  """Returns LEAD's configuration; whatever is no option of the metric is the default."""
  given = {name: each for name, each in options.values().items() if each is not None}
  return lead_config(given.pop("variant", "paper"), **given)


def _start(problem: Problem, config: LeadConfig) -> logits.InitialLogits:
  """The initial logits, shared by all that begin with the same ones."""
  return problem.once(
    ("initial logits", *(getattr(config, name) for name in _OF_START)),
    lambda: lead_start(
      problem.features,
      problem.labels,
      config=config,
      num_classes=problem.num_classes,
    ),
  )


def _rates(problem: Problem, config: LeadConfig) -> LeadRates:
  """The rates, shared by all that draw the same heads and samples."""
  mixed = config.evolution == "mixed"
  choices = (getattr(config, name) for name in _OF_RATES)
  return problem.once(
    ("rates", mixed, config.decomposes, *choices),
    lambda: lead_rates(
      problem.features,
      problem.labels,
      key=problem.key,
      config=config,
      num_classes=problem.num_classes,
      network=problem.network,
    ),
  )


def _result(problem: Problem, config: LeadConfig) -> LeadResult:
  return problem.once(
    config,
    lambda: run_lead(
      problem.features,
      problem.labels,
      key=problem.key,
      config=config,
      num_classes=problem.num_classes,
      start=_start(problem, config),
      rates=_rates(problem, config),
    ),
  )


def _status(start: LeadResult | logits.InitialLogits, config: LeadConfig) -> str:
  if not bool(start.converged):
    return f"the {config.classifier} of the initial logits did not converge"
  return OK


def _summary(result: LeadResult, config: LeadConfig) -> dict[str, Any]:
  """Details of a row: rates, and what the spectra of the kernels are on average."""
  rates = np.asarray(result.lambda_c, np.float64)
  details: dict[str, Any] = {
    "mean_rate": float(rates.mean()),
    "lambda_c": [float(rate) for rate in rates],
  }
  if result.spectra is not None:
    spectra = np.asarray(result.spectra, np.float64)
    details["mean_spectrum"] = spectra.mean(axis=0).tolist()
    details["trace_gap"] = float(np.asarray(result.trace_gap))
    if config.spectra:  # of all classes, where somebody asked: as large as K S
      details["spectra"] = spectra.tolist()
  return details


def _spread(per_head: Any) -> Spread | None:
  heads = np.asarray(per_head, np.float64)
  if heads.size < 2:
    return None
  return Spread(float(heads.std(ddof=1)), f"{heads.size} heads")


def _compute_lead(problem: Problem, options: Options) -> Value:
  config = _config(options)
  result = _result(problem, config)
  return Value(
    float(result.score),
    _status(result, config),
    _summary(result, config),
    _spread(result.score_per_head),
  )


def _compute_log_init(problem: Problem, options: Options) -> Value:
  """LEAD at t = 0: the cross-entropy of the initial logits."""
  config = _config(options)
  start = _start(problem, config)
  score = transfer_score(start.log_init, problem.labels, config.loss)
  return Value(float(score), _status(start, config))


def _compute_constant(problem: Problem, options: Options) -> Value:
  """LEAD with the same step for every sample, whatever its kernel (App. C.2)."""
  config = _config(options)
  start = _start(problem, config)
  final = logits.evolve_constant(start.log_init, problem.labels, config.coefficient)
  score = transfer_score(final, problem.labels, config.loss)
  return Value(float(score), _status(start, config))


_mean_over_heads = jax.jit(lambda rates_hk: jnp.mean(rates_hk, axis=0))


def _compute_mean_rate(problem: Problem, options: Options) -> Value:
  """The mean over classes of LEAD's rates."""
  rates = _rates(problem, _config(options))
  score = jnp.mean(_mean_over_heads(rates.rates_hk))
  return Value(float(score), spread=_spread(rates.per_head()))


def _compute_feature_norm(problem: Problem, _: Options) -> Value:
  """The mean squared norm of the features."""
  squares = np.square(np.asarray(problem.features, np.float64))
  return Value(float(squares.sum(axis=1).mean()))


LEAD = own_metric(
  "lead",
  _compute_lead,
  "LEAD, the published form: logits evolved by the class-aware NTK",
  "minus cross-entropy",
  "SVM: about 50 N D K; rates: 8 heads x K S (D + H1) H2",
  options=_choices(
    "LeadOptions", LeadConfig.names(), variant=True, feature_scale=None, time=None
  ),
  random=True,
  resamples=20,
  version=5,  # copies of a sample have no spread under a GMM start
)
LEAD_NORMALISED = own_metric(
  "lead_normalised",
  _compute_lead,
  "LEAD on features of unit scale, in relative time: for zoos of mixed origin",
  "minus cross-entropy",
  "as lead",
  options=_choices(
    "LeadNormalisedOptions", LeadConfig.names(), **VARIANTS["normalised"]
  ),
  random=True,
  resamples=20,
  version=5,  # copies of a sample have no spread under a GMM start
)
LOG_INIT = own_metric(
  "log_init",
  _compute_log_init,
  "control: LEAD at t = 0, the initial logits alone",
  "minus cross-entropy",
  "SVM: about 50 N D K",
  options=_choices("LogInitOptions", (*_OF_START, "loss")),
  version=5,  # copies of a sample have no spread under a GMM start
)
MEAN_RATE = own_metric(
  "lambda",
  _compute_mean_rate,
  "control: LEAD's mean rate alone",
  "squared gradient norm",
  "8 heads x K S (D + H1) H2",
  options=_choices("MeanRateOptions", _OF_RATES),
  random=True,
  resamples=20,
  version=4,  # rates from spectra; the SVM in float64
)
FEATURE_NORM = own_metric(
  "feature_norm",
  _compute_feature_norm,
  "control: mean squared feature norm, what the rates amount to",
  "squared feature units",
  "N D",
)
CONSTANT = own_metric(
  "constant",
  _compute_constant,
  "control: LEAD with one constant step for every sample",
  "minus cross-entropy",
  "SVM: about 50 N D K",
  options=_choices("ConstantOptions", ("coefficient", *_OF_START, "loss")),
  version=5,  # copies of a sample have no spread under a GMM start
)
