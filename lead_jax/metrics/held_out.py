"""LEAD judged out of sample, as a metric; see `lead_jax.held_out`."""

import dataclasses
import functools

import jax
import numpy as np

from lead_jax import held_out
from lead_jax.held_out import HeldOutConfig, HeldOutResult
from lead_jax.metrics.base import Problem, Value
from lead_jax.metrics.draws import check_draws, draw, spread_of
from lead_jax.typing import Array, Float, Int

OPTIONS = tuple(field.name for field in dataclasses.fields(HeldOutConfig))

_SALT = 1004


def check(*, samples: int | None = 2000, draws: int = 3, **options) -> HeldOutConfig:
  """Checks the options."""
  check_draws(samples, draws)
  if unknown := sorted(set(options) - set(OPTIONS)):
    known = sorted(("samples", "draws", *OPTIONS))
    raise ValueError(f"unknown option {unknown[0]!r} of lead_held_out; it has {known}")
  return HeldOutConfig(**options)


def _result(problem: Problem, rows: np.ndarray, config: HeldOutConfig) -> HeldOutResult:
  """One draw's result; configurations share its kernel, and losses its logits."""
  features, labels = problem.features[rows], problem.labels[rows]
  drawn, kernel = rows.tobytes(), held_out.spectrum_config(config)
  any_loss = dataclasses.replace(config, loss="squared_error")
  of_kernel = lambda: held_out.lead_held_out_spectrum(
    features, key=problem.key, config=kernel
  )
  of_any_loss = lambda: held_out.lead_held_out(
    features,
    labels,
    config=any_loss,
    num_classes=problem.num_classes,
    spectrum=problem.once(("held-out spectrum", kernel, drawn), of_kernel),
  )
  result = problem.once(("held-out logits", any_loss, drawn), of_any_loss)
  return result._replace(score=_score(result.held_out_logits, labels, loss=config.loss))


@functools.partial(jax.jit, static_argnames="loss")
def _score(
  held_out_logits: Float[Array, "n k"], labels: Int[Array, " n"], *, loss: held_out.Loss
) -> Float[Array, ""]:
  fair_nk = held_out.compensated(held_out_logits, labels)
  return held_out.held_out_score(fair_nk, labels, loss)


def evaluate(
  problem: Problem, *, samples: int | None = 2000, draws: int = 3, **options
) -> Value:
  """What training LEAD's head on all other samples would say of each sample.

  Args:
    problem: Features and labels.
    samples: Of a draw; the work grows as their cube, and the score is the mean over draws
      where there are more. None takes all, once.
    draws: How many.
    **options: See `HeldOutConfig`.
  """
  config = check(samples=samples, draws=draws, **options)
  name, size = problem.smallest_class()
  if size < 2:
    raise ValueError(
      f"class {name!r} has {size} sample: none is left to train on when it is held out"
    )
  index = draw(problem, samples=samples, draws=draws, salt=_SALT, least=2)
  results = [_result(problem, rows, config) for rows in index]
  scores = [float(result.score) for result in results]
  if not np.all(np.isfinite(scores)):
    raise ValueError(
      "the kernel could not be decomposed: its eigenvalues are no numbers"
    )
  mean = lambda field: float(np.mean([getattr(result, field) for result in results]))
  return Value(
    float(np.mean(scores)),
    details={
      "held_out_accuracy": mean("accuracy"),
      "mean_eigenvalue": mean("mean_eigenvalue"),
      "samples": index.shape[1],
    },
    spread=spread_of(scores),
  )
