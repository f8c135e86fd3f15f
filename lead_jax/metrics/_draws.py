"""Scores that compare all pairs of samples, as the mean over stratified draws.

Their cost and memory grow with the square of the number of samples, and their value
hardly changes beyond a few hundred: a few draws tell it and its spread.
"""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from lead_jax.checks import Options, option
from lead_jax.metrics._metric import Problem, Spread
from lead_jax.statistics import stratified_subsample


@dataclasses.dataclass(frozen=True)
class DrawOptions(Options):
  """Options of scores that are the mean over stratified draws."""

  samples: int | None = option(
    500,
    least=4,
    help="Size of a draw; None for all samples, in memory that grows as their square.",
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
  """
  n = problem.features.shape[0]
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
