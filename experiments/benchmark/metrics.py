"""Times every metric against a plain NumPy, SciPy or scikit-learn version of its formula.

Both get the same float32 features. Ours is timed after compilation, on a problem that has
been checked, as `lead-rank` computes it; nothing that another metric left behind is used.
The peers (`metrics_peers_*.py`) are written the way public code writes them, and give the
same value, which is checked here: a difference beyond 1e-3 fails the run. Where chance
differs (folds, draws of samples, the start of NLEEP's mixture) it may be larger;
that both are the same function of the same draw is a test.
"""

import contextlib
import ctypes
import time
from collections.abc import Iterator, Sequence

import jax

from experiments.benchmark import (
  metrics_peers_anchors,
  metrics_peers_gaussian,
  metrics_peers_geometry,
  metrics_peers_moments,
  metrics_peers_probabilities,
)
from experiments.benchmark.metrics_inputs import Inputs, make_inputs
from experiments.benchmark.timing import Row

PEERS = (
  *metrics_peers_moments.PEERS,
  *metrics_peers_gaussian.PEERS,
  *metrics_peers_probabilities.PEERS,
  *metrics_peers_geometry.PEERS,
  *metrics_peers_anchors.PEERS,
)
_WITHIN = {"linear_probe": 0.02, "nleep": 0.1, "parc": 0.1, "rsa": 0.02, "dds": 0.02}


def _problem(inputs: Inputs):
  from lead_jax.metrics import Problem

  problem = Problem(
    inputs.x,
    inputs.y,
    source_probs=inputs.source_probs,
    source_features=inputs.source_features,
    reference_features=inputs.reference_features,
  )
  # Arrays are handed over in the background: not within the time that is measured.
  jax.block_until_ready(
    (
      problem.features,
      problem.labels,
      problem.source_probs,
      problem.source_features,
      problem.reference_features,
    )
  )
  return problem


def _ours(name: str, inputs: Inputs, options: dict, repeats: int = 3):
  """Returns seconds, MiB above what was resident before, and the score."""
  from lead_jax.metrics import evaluate_metric
  from lead_jax.system import peak_mib, reset_peak

  evaluate_metric(name, _problem(inputs), **options)  # compiles
  best, memory, score = float("inf"), 0.0, 0.0
  for _ in range(repeats):
    problem = _problem(inputs)  # anew, since a problem keeps what it has computed
    _trim()
    reset_peak()
    before = peak_mib()
    started = time.perf_counter()
    score = evaluate_metric(name, problem, **options).score
    best = min(best, time.perf_counter() - started)
    memory = max(memory, peak_mib() - before)
  return best, memory, score


def _trim() -> None:
  """Gives freed memory back to the system: what is then taken of it again is counted."""
  with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
    ctypes.CDLL(None).malloc_trim(0)


def _theirs(peer, inputs: Inputs):
  """Returns the shorter of two runs, or the only one where it takes long; and the score."""
  best = float("inf")
  for _ in range(2):
    started = time.perf_counter()
    score = peer(inputs)
    best = min(best, time.perf_counter() - started)
    if best > 5:
      break
  return best, score


def run(
  n: int = 10_000, d: int = 1024, k: int = 100, only: Sequence[str] = ()
) -> Iterator[Row]:
  """Measures every metric, and yields one row a figure.

  Args:
    n: Samples.
    d: Features.
    k: Classes.
    only: Names of the metrics measured; all of them where empty.
  """
  inputs = make_inputs(n, d, k)
  features_mib = inputs.x.nbytes / 2**20
  yield Row("metrics.features", f"N={n}, D={d}, K={k}, float32", features_mib, "MiB")
  for name, peer, options in PEERS:
    if only and name not in only:
      continue
    ours, memory, score = _ours(name, inputs, options)
    theirs, reference = _theirs(peer, inputs)
    difference = abs(score - reference) / max(abs(score), abs(reference), 1e-30)
    if difference > _WITHIN.get(name, 1e-3):
      raise ValueError(f"{name}: ours is {score}, the peer's {reference}")
    label = f"metrics.{name}"
    yield Row(f"{label}.ours", f"score {score:.6g}", ours, "s")
    yield Row(f"{label}.peer", f"differs by {difference:.1e}", theirs, "s")
    yield Row(f"{label}.ratio", "peer / ours", theirs / ours, "x")
    what = f"{memory / features_mib:.2f} times the features"
    yield Row(f"{label}.memory", what, memory, "MiB")
