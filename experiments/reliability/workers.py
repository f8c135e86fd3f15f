"""Workers of one plan on one store: what each extracts, and how long all take.

The networks wait: each takes as long as the floating-point operations that the catalogue
states of a published one ask for, at a pace that is chosen, and computes next to nothing.
So a machine of two cores shows how sixteen accelerators would share the work.
"""

import contextlib
import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import jax
import numpy as np

import lead_jax
from lead_jax.backbones import Backbone, InputSpec, ModelSpec, Stated
from lead_jax.backbones.catalogue import CATALOGUE
from lead_jax.readers import parse_json
from lead_jax.system import Claims, deal

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Race:
  """What workers did.

  Attributes:
    workers: How many there were.
    how: In words.
    extracted: Extractions of all of them together.
    models: Extractions that were needed.
    seconds: From the moment all were ready until the last one ended.
    left: Files of claims that were left.
    scores: What the store says after them, by model.
  """

  workers: int
  how: str
  extracted: int
  models: int
  seconds: float
  left: int
  scores: dict[str, float]


def seconds_of_networks(total: float) -> dict[str, float]:
  """Returns how long each network waits; all together `total` seconds."""
  flops = {name: card.flops for name, card in CATALOGUE.items()}
  return {name: total * each / sum(flops.values()) for name, each in flops.items()}


def networks(total: float, most: int | None = None) -> list[ModelSpec]:
  """Returns networks, `most` at most, that wait when images go through them."""
  waits = list(seconds_of_networks(total).items())[:most]
  return [_network(name, index, wait) for index, (name, wait) in enumerate(waits)]


def _network(name: str, index: int, seconds: float) -> ModelSpec:
  weights = np.random.default_rng(index).normal(size=(64, 16)).astype(np.float32)

  def apply(params, images):
    if len(images) > 1:  # one image is only counted
      time.sleep(seconds)
    return {"features": jax.nn.relu(images.reshape(len(images), -1) @ params)}

  spec = InputSpec(8, 8, "gray", (0.0,), (255.0,))
  backbone = Backbone(name, apply, weights, spec, weights_hash=f"{index:064d}")
  # As the published one, so that the deal is that of published ones.
  stated = Stated(flops=2.0 * CATALOGUE[name].flops)
  return ModelSpec(name, lambda: backbone, stated=stated)


def worker(
  cache: str, number: int, count: int, total: float, most: int | None, claims: bool
) -> None:
  """Works as one of several; the main function of a process.

  Says `ready` and waits for a line before it begins, and tells each model it extracted.

  Args:
    cache: Of all.
    number: Which part, from 1; 0 for all of the plan.
    count: Parts.
    total: Seconds that all networks wait together.
    most: Networks, at most.
    claims: Whether models are claimed.
  """

  class Tell(lead_jax.Listener):
    def finished(self, row, scores):
      if not row.features_cached:
        print(json.dumps([row.model, time.monotonic()]), flush=True)

  if not claims:
    Claims.holding = lambda self, key: contextlib.nullcontext(True)  # type: ignore
  plan = lead_jax.plan("digits", networks(total, most), ["feature_norm"], resamples=0)
  store = lead_jax.open_store(cache)
  print("ready", flush=True)
  if not sys.stdin.readline():
    return  # whoever started it has gone
  shard = (number, count) if number else None
  lead_jax.work(plan, store, Tell(), shard=shard)
  print(json.dumps(["", time.monotonic()]), flush=True)


def race(
  folder: pathlib.Path,
  workers: int,
  total: float,
  *,
  most: int | None = None,
  parts: bool = True,
  claims: bool = True,
  killed_after: float | None = None,
) -> Race:
  """Has workers share one store, and counts what they extracted.

  Args:
    folder: Empty.
    workers: How many.
    total: Seconds that all networks wait together.
    most: Networks, at most.
    parts: Whether each does a part, or all of them the whole plan.
    claims: Whether models are claimed.
    killed_after: Seconds after which the first worker is killed.
  """
  cache = folder / "cache"
  started = []
  for index in range(workers):
    arguments = (str(cache), index + 1 if parts else 0, workers, total, most, claims)
    code = (
      f"from experiments.reliability import workers; workers.worker(*{arguments!r})"
    )
    started.append(
      subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
      )
    )
  for process in started:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
      raise RuntimeError("a worker cannot begin; its reason is above")
  began = time.monotonic()
  for process in started:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
  if killed_after is not None:
    time.sleep(killed_after)
    started[0].send_signal(signal.SIGKILL)
  told = [process.communicate()[0].splitlines() for process in started]
  found = [parse_json(line.encode(), "a worker") for lines in told for line in lines]
  plan = lead_jax.plan("digits", networks(0.0, most), ["feature_norm"], resamples=0)
  report = lead_jax.conclude(plan, lead_jax.open_store(cache))
  how = "parts" if parts else "the whole plan each"
  how += "" if claims else ", no claims"
  how += "" if killed_after is None else ", one killed"
  return Race(
    workers,
    how,
    sum(model != "" for model, _ in found),
    len(plan.models),
    max(when for _, when in found) - began,
    len(list(cache.rglob("*.claim"))),
    {row.model: row.score for row in report.scores},
  )


def longest_part(total: float, workers: int, *, by_count: bool = False) -> float:
  """Returns how long the longest part takes by the deal alone, nobody helping anybody.

  Args:
    total: Seconds that all networks wait together.
    workers: Parts.
    by_count: Whether every part gets as many models, in the order of the plan.
  """
  seconds = seconds_of_networks(total)
  parts = deal(seconds, workers)
  if by_count:
    parts = [list(seconds)[i::workers] for i in range(workers)]
  return max(sum(seconds[model] for model in part) for part in parts)


def table(races: Sequence[Race], total: float) -> str:
  """Returns what races found, as a table.

  Its last columns are the seconds of the longest part by the deal alone.
  """
  lines = [
    "| workers | how | extracted | seconds | speed-up | dealt by cost | by count |",
    "|---|---|---|---|---|---|---|",
  ]
  alone = races[0].seconds
  for one in races:
    dealt = [longest_part(total, one.workers, by_count=b) for b in (False, True)]
    lines.append(
      f"| {one.workers} | {one.how} | {one.extracted} of {one.models} | "
      f"{one.seconds:.1f} | {alone / one.seconds:.2f} | {dealt[0]:.1f} | {dealt[1]:.1f} |"
    )
  same = all(one.scores == races[0].scores for one in races)
  left = sum(one.left for one in races)
  said = "the same, bit for bit" if same else "NOT the same"
  lines += ["", f"Scores are {said}; claims left: {left}."]
  return "\n".join(lines)
