"""LEAD judged out of sample, as a metric: the mean over draws of `dynamics.lead_held_out`.

Nearest kin: `lead`, which judges the same dynamics on the samples that it was fitted to
(Hu et al., CVPR 2024).
"""

import dataclasses

import jax
import numpy as np

from lead_jax import dynamics
from lead_jax.checks import option
from lead_jax.dynamics import HeldOutConfig, HeldOutResult
from lead_jax.metrics._draws import (
  DrawOptions,
  draw_samples,
  note_draws,
  spread_of,
)
from lead_jax.metrics._metric import Problem, Value, join, own_metric

_SALT = 1004

# Offset over spread from which the score of uncentred features may be off by a hundredth.
_MOST_OFFSET = 100.0

_score_jit = jax.jit(dynamics.held_out_score, static_argnums=2)


def _result(problem: Problem, rows: np.ndarray, config: HeldOutConfig) -> HeldOutResult:
  """One draw's result; configurations share its kernel, and losses its logits."""
  features = problem.features[rows]
  # Of many classes a draw may lack some.
  present, labels = np.unique(np.asarray(problem.labels)[rows], return_inverse=True)
  drawn, kernel = rows.tobytes(), dynamics.spectrum_config(config)
  any_loss = dataclasses.replace(config, loss="accuracy")
  of_kernel = lambda: dynamics.lead_held_out_spectrum(
    features, key=problem.key, config=kernel
  )
  of_any_loss = lambda: dynamics.lead_held_out(
    features,
    labels,
    config=any_loss,
    num_classes=len(present),
    spectrum=problem.once(("held-out spectrum", kernel, drawn), of_kernel),
  )
  result = problem.once(("held-out logits", any_loss, drawn), of_any_loss)
  score = _score_jit(result.held_out_logits, jax.numpy.asarray(labels), config.loss)
  return result._replace(score=score)


def _with_company(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
  """Leaves out samples that are the only ones of their class: nothing predicts them."""
  drawn = labels[rows]
  return np.asarray(rows[np.bincount(drawn)[drawn] > 1])


@dataclasses.dataclass(frozen=True)
class LeadHeldOutOptions(HeldOutConfig, DrawOptions):
  """Options of `lead_held_out`."""

  samples: int | None = option(
    2000,
    least=4,
    help="Size of a draw, at most 10,000; the work grows as its cube, and the score is the "
    "mean over draws where there are more samples. None takes all, once.",
  )
  draws: int = option(
    3, least=1, help="Number of draws, where there are more samples than one holds."
  )


def _doubt_of_digits(problem: Problem, config: HeldOutConfig) -> str:
  """Says where the kernel of features as they are has few digits in float32."""
  if config.centred or problem.features.dtype != jax.numpy.float32:
    return ""
  ratio = problem.once("offset over spread", lambda: offset_over_spread(problem))
  if ratio <= _MOST_OFFSET:
    return ""
  return (
    f"the features share an offset of {ratio:.0f} times their spread, beside which float32 "
    "keeps few digits: choose centred=true, or compute in float64"
  )


def offset_over_spread(problem: Problem) -> float:
  """Returns the length of the mean feature over the root mean square distance from it."""
  x_nd = np.asarray(problem.features, np.float64)
  mean_d = x_nd.mean(axis=0)
  spread = np.sqrt(np.mean(np.sum(np.square(x_nd - mean_d), axis=1)))
  offset = np.linalg.norm(mean_d)
  return float(offset / spread) if spread > 0 else float(np.inf if offset else 0)


def _compute_lead_held_out(problem: Problem, options: LeadHeldOutOptions) -> Value:
  """What training LEAD's head on all other samples would say of each sample."""
  labels = np.asarray(problem.labels)
  alone = int(np.sum(np.bincount(labels) == 1))
  if alone > problem.num_classes - 2:
    raise ValueError(
      f"{alone} of {problem.num_classes} classes have one sample: none is left to train on "
      "when it is held out; at least 2 classes with 2 samples are needed"
    )
  index = draw_samples(
    problem, samples=options.samples, draws=options.draws, salt=_SALT, least=2
  )
  draws_n = [_with_company(labels, rows) for rows in index]
  config = HeldOutConfig(
    **{name: getattr(options, name) for name in HeldOutConfig.names()}
  )
  results = [_result(problem, rows, config) for rows in draws_n]
  scores = [float(result.score) for result in results]
  if not np.all(np.isfinite(scores)):
    raise ValueError(
      f"the logits at t={options.t:g} are no finite numbers: choose a smaller t"
    )
  accuracies = [result.accuracy for result in results]
  eigenvalues = [result.mean_eigenvalue for result in results]
  return Value(
    float(np.mean(scores)),
    join(
      note_draws(problem, index),
      f"left out {alone} of {problem.num_classes} classes, of one sample"
      if alone
      else "",
      _doubt_of_digits(problem, config),
    ),
    details={
      "held_out_accuracy": float(np.mean(accuracies)),
      "mean_eigenvalue": float(np.mean(eigenvalues)),
      "samples": min(len(rows) for rows in draws_n),
    },
    spread=spread_of(scores),
  )


LEAD_HELD_OUT = own_metric(
  "lead_held_out",
  _compute_lead_held_out,
  "LEAD judged out of sample: each sample's logits from training on all others",
  "minus cross-entropy",
  "2 N^2 D + 10 N^3; 3 times at N = 2,000 above that",
  options=LeadHeldOutOptions,
  random=True,
  version=5,  # features that are all the same know nothing
)
