"""LEAD and its controls, all read off one LEAD result a model.

A claim that the NTK helps is worth what its controls are worth: the initial logits alone
(t = 0), the mean rate alone, and, because a He head's expected rate is an affine function
of it, the mean squared feature norm alone (see `ntk.mlp`).
"""

import dataclasses

import jax.numpy as jnp
import numpy as np

from lead_jax import logits
from lead_jax.dynamics import (
  LeadConfig,
  LeadResult,
  lead as lead_of,
  lead_config,
  lead_start,
  transfer_score,
)
from lead_jax.metrics._metric import OK, Problem, Spread, Value

LEAD_OPTIONS = tuple(field.name for field in dataclasses.fields(LeadConfig))
INITIAL_OPTIONS = (
  "classifier",
  "normalisation",
  "c",
  "initial_folds",
  "loss",
  "feature_scale",
)
RATE_OPTIONS = (
  "hidden",
  "initializer",
  "head_seeds",
  "rates",
  "samples_per_class",
  "sampling",
  "feature_scale",
  "params",
)


def _start(problem: Problem, config: LeadConfig) -> logits.InitialLogits:
  """The initial logits, shared by all that begin with the same ones."""
  same = ("classifier", "normalisation", "c", "initial_folds", "feature_scale")
  return problem.once(
    ("initial logits", *(getattr(config, name) for name in same)),
    lambda: lead_start(
      problem.features,
      problem.labels,
      config=config,
      num_classes=problem.num_classes,
    ),
  )


def _result(problem: Problem, config: LeadConfig) -> LeadResult:
  return problem.once(
    config,
    lambda: lead_of(
      problem.features,
      problem.labels,
      key=problem.key,
      config=config,
      num_classes=problem.num_classes,
      network=problem.network,
      start=_start(problem, config),
    ),
  )


def _status(start: LeadResult | logits.InitialLogits, config: LeadConfig) -> str:
  if not bool(start.converged):
    return f"the {config.classifier} of the initial logits did not converge"
  return OK


def _summary(result: LeadResult) -> dict:
  rates = np.asarray(result.lambda_c, np.float64)
  details = {
    "mean_rate": float(rates.mean()),
    "lambda_c": [float(rate) for rate in rates],
  }
  if result.spectra is not None:
    details["spectra"] = np.asarray(result.spectra, np.float64).tolist()
  return details


def _spread(per_head) -> Spread | None:
  heads = np.asarray(per_head, np.float64)
  if heads.size < 2:
    return None
  return Spread(float(heads.std(ddof=1)), f"{heads.size} heads")


def lead(problem: Problem, *, variant="paper", **options) -> Value:
  """LEAD in its published form (`variant="normalised"`: see `lead_config`)."""
  config = lead_config(variant, **options)
  result = _result(problem, config)
  return Value(
    float(result.score),
    _status(result, config),
    _summary(result),
    _spread(result.score_per_head),
  )


def check_normalised(**options) -> LeadConfig:
  """Checks the options of `lead_normalised`."""
  return lead_config("normalised", **options)


def check_constant(*, coefficient: float = 0.5, **options) -> LeadConfig:
  """Checks the options of `constant`."""
  return lead_config(coefficient=coefficient, **options)


def lead_normalised(problem: Problem, **options) -> Value:
  """LEAD on features of unit root mean square, in relative time."""
  return lead(problem, variant="normalised", **options)


def log_init(problem: Problem, **options) -> Value:
  """LEAD at t = 0: the cross-entropy of the initial logits."""
  config = lead_config(**options)
  start = _start(problem, config)
  score = transfer_score(start.log_init, problem.labels, config.loss)
  return Value(float(score), _status(start, config))


def constant(problem: Problem, *, coefficient: float = 0.5, **options) -> Value:
  """LEAD with the same step for every sample, whatever its kernel (App. C.2)."""
  check_constant(coefficient=coefficient)
  config = lead_config(**options)
  start = _start(problem, config)
  final = logits.evolve_constant(start.log_init, problem.labels, coefficient)
  score = transfer_score(final, problem.labels, config.loss)
  return Value(float(score), _status(start, config))


def mean_rate(problem: Problem, **options) -> Value:
  """The mean over classes of LEAD's rates."""
  result = _result(problem, lead_config(**options))
  return Value(float(jnp.mean(result.lambda_c)), spread=_spread(result.rate_per_head))


def check_feature_norm() -> None:
  """There are no options."""


def feature_norm(problem: Problem) -> Value:
  """The mean squared norm of the features."""
  squares = np.square(np.asarray(problem.features, np.float64))
  return Value(float(squares.sum(axis=1).mean()))
