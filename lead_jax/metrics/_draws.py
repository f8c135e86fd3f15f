"""Scores that compare all pairs of samples, as the mean over stratified draws.

Their cost and memory grow with the square of the number of samples, and their value
hardly changes beyond a few hundred: a few draws tell it and its spread.
"""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from lead_jax.checks import Options, option
from lead_jax.dynamics import refuse_many_samples
from lead_jax.metrics._metric import Problem, Spread
from lead_jax.statistics import stratified_subsample


@dataclasses.dataclass(frozen=True)
class DrawOptions(Options):
  """Options of scores that are the mean over stratified draws."""

  samples: int | None = option(
    500,
    least=4,
    help="Size of a draw; None for all samples, at most 10,000: memory grows as their "
    "square.",
  )
  draws: int = option(
    5, least=1, help="Number of draws, where there are more samples than one holds."
  )


def draw_samples(
  problem: Problem, *, samples: int | None, draws: int, salt: int, least: int = 1
) -> np.ndarray:
  """Returns int32[B, n], the samples of each draw; all of them once where they are few.

  Args:
    problem: Whose key is used.
    samples: Size of a draw; `None` for all.
    draws: How many, where there are more samples than that.
    salt: Tells one metric's draws from another's.
    least: Samples of a class that are of use; see `stratified_subsample`.

  Raises:
    InputError: If a draw has too many samples to compare with one another.
  """
  n = problem.features.shape[0]
  refuse_many_samples(n if samples is None else min(n, samples), "one draw")
  if samples is None or n <= samples:
    return np.arange(n, dtype=np.int32)[None]
  keys = jax.random.split(jax.random.fold_in(problem.key, salt), draws)
  found = [
    stratified_subsample(
      problem.labels,
      key,
      size=samples,
      num_classes=problem.num_classes,
      least=least,
    )
    for key in keys
  ]
  return np.stack(found).astype(np.int32)


def note_draws(problem: Problem, index: np.ndarray) -> str:
  """Says that a score is of a part of the samples; nothing where it is of all.

  Args:
    problem: With all samples.
    index: From `draw_samples`.
  """
  draws, size = index.shape
  total = problem.features.shape[0]
  if size >= total:
    return ""
  how = f"mean over {draws} draws" if draws > 1 else "one draw"
  return f"{how} of {size:,} of {total:,} samples"


def spread_of(scores: Sequence[float]) -> Spread | None:
  """Returns the spread over draws, if there are several."""
  if len(scores) < 2:
    return None
  return Spread(float(np.std(scores, ddof=1)), f"{len(scores)} draws")


def note_constant_samples(constant: Sequence[int]) -> str:
  """Says how many samples had no defined correlations; nothing where none."""
  if not max(constant):
    return ""
  return f"{max(constant)} constant samples: their correlations count as 0"
