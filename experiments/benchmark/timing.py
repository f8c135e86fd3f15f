"""How the benchmarks measure: after compilation, the best of a few, in one process."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Row(NamedTuple):
  """One measured figure."""

  name: str
  what: str
  value: float
  unit: str


def best_seconds(
  function: Callable[[], Any], *, repeats: int = 3, warm_up: bool = True
) -> float:
  """Returns the shortest wall time of a call, its results awaited.

  Args:
    function: What is measured.
    repeats: How often.
    warm_up: Whether to call it once before, so that compilation is not counted.
  """
  if warm_up:
    jax.block_until_ready(function())
  best = float("inf")
  for _ in range(repeats):
    started = time.perf_counter()
    jax.block_until_ready(function())
    best = min(best, time.perf_counter() - started)
  return best
