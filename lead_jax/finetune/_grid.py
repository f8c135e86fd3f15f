"""One model on one data set: compare the settings, train the best, measure it.

Settings are compared by the validation measure, averaged over the seeds; the test split is
not touched before one is chosen. A run whose loss is not finite loses its setting the
comparison, and nothing else.
"""

import dataclasses
import functools
import itertools
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import jax

from lead_jax.backbones import Backbone
from lead_jax.checks import InputError, parameter
from lead_jax.data import ResizedCache
from lead_jax.finetune import _run_files as files
from lead_jax.finetune._learner import Learner
from lead_jax.finetune._one_run import (
  Listener,
  Samples,
  Setting,
  finished_run,
  run,
)
from lead_jax.finetune._protocol import Protocol
from lead_jax.finetune._split import split_rows
from lead_jax.finetune._task import Target, read_images
from lead_jax.system import Claims

# Status of a model of which others have runs in hand.
_ELSEWHERE = "other processes are at runs of it"

Pair = tuple[float, float]  # learning rate, weight decay


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What fine-tuning a model gave.

  Attributes:
    model: Its name.
    dataset: Its name.
    status: `ok`, or why there is no accuracy.
    accuracy: Mean over the seeds of the test measure, in percent.
    accuracy_std: Its standard deviation over the seeds (N - 1); None of one.
    validation_accuracy: Mean over the seeds of the chosen setting's measure on held-out
      images; None where nothing was held out.
    learning_rate: Chosen.
    weight_decay: Chosen.
    runs: One row per run, in the order they were done.
    warnings: One line each.
    logits: One file per seed.
    elsewhere: Keys of runs that other processes are at, where these have to end first.
  """

  model: str
  dataset: str
  status: str
  accuracy: float | None = None
  accuracy_std: float | None = None
  validation_accuracy: float | None = None
  learning_rate: float | None = None
  weight_decay: float | None = None
  runs: Sequence[Mapping[str, Any]] = ()
  warnings: Sequence[str] = ()
  logits: Sequence[pathlib.Path] = ()
  elsewhere: Sequence[str] = ()


def finetune(
  backbone: Backbone,
  target: Target,
  protocol: Protocol,
  *,
  folder: pathlib.Path,
  listener: Listener | None = None,
  cache: ResizedCache | None = None,
  devices: Sequence[jax.Device] | None = None,
  facts: Mapping[str, Any] | None = None,
  claims: Claims | None = None,
) -> Outcome:
  """Finds what a network reaches on a data set.

  Several processes may share the runs: each is claimed by one, and whoever ends the last
  one goes on.

  Args:
    backbone: The pre-trained network; it is left as it is.
    target: The data set.
    protocol: How to train, what to try, what to measure.
    folder: Where runs are kept, each under its key; what is finished there is used.
    listener: Told of progress.
    cache: Resized images shared with other networks of the same input size.
    devices: All local ones if None.
    facts: JSON values (versions, device) that a run keeps with its result.
    claims: By which runs are shared; nobody else works in `folder` if None.

  Returns:
    Accuracies in percent, larger is better.

  Raises:
    InputError: If the network or the data set cannot be used, or has no such measure.
  """
  listener = listener or Listener()
  measure = protocol.measure_of(several=target.several)
  rows = split_rows(len(target.train), protocol)
  held = target.train_labels[rows.validation]
  if target.several and len(held) and not held.any():
    raise InputError(
      f"none of the {len(held)} images held out of {target.name!r} is of any class: give "
      f"more images, another {parameter('validation_fraction')} or "
      f"{parameter('split_seed')}"
    )

  @functools.cache
  def learner() -> Learner:
    return Learner(backbone, len(target.class_names), protocol, devices=devices)

  def inputs_of(dataset):
    images = read_images(dataset, backbone.input, cache)
    return learner().features(images) if learner().on_features else images

  train_inputs = functools.cache(lambda: inputs_of(target.train))
  test_inputs = functools.cache(lambda: inputs_of(target.test))

  @functools.cache
  def features():
    if not protocol.standardise:
      return None
    inputs = train_inputs()
    return inputs if learner().on_features else learner().features(inputs)

  def prepare(final: bool) -> tuple[Learner, Samples]:
    return learner(), Samples(
      inputs=train_inputs(),
      labels=target.train_labels,
      rows=rows.final if final else rows.train,
      validation=rows.validation[: 0 if final and protocol.retrain else None],
      test=(test_inputs(), target.test_labels) if final else None,
      class_names=target.class_names,
      features=features(),
    )

  runs: list[Mapping[str, Any]] = []
  elsewhere: list[str] = []

  def do(setting: Setting, final: bool) -> Mapping[str, Any] | None:
    """Does a run, or finds it done; None where another process is at it."""
    key = run_key(backbone, target, protocol, setting, final=final)
    shared = claims is not None and finished_run(folder / key, key) is None
    with claims.holding(key) if claims and shared else nullcontext(True) as mine:
      if not mine:
        elsewhere.append(key)
        return None
      return run(
        functools.partial(prepare, final),
        setting,
        key=key,
        folder=folder / key,
        listener=listener,
        facts=facts or {},
      )

  def do_all(settings: Sequence[Setting], final: bool) -> list[Mapping[str, Any]]:
    """Does all that nobody else is at; fewer than were asked for where somebody is."""
    found: dict[Setting, Mapping[str, Any]] = {}
    while left := [setting for setting in settings if setting not in found]:
      elsewhere.clear()
      now = {setting: do(setting, final) for setting in left}
      ended = {setting: result for setting, result in now.items() if result is not None}
      if not ended:
        break
      found |= ended
    results = [found[setting] for setting in settings if setting in found]
    phase = "final" if final else "selection"
    runs.extend({"phase": phase, **result} for result in results)
    return results

  pairs = list(itertools.product(protocol.learning_rates, protocol.weight_decays))
  seeds = range(protocol.seeds)
  outcome = functools.partial(Outcome, backbone.name, target.name)
  chosen, validation, warnings = pairs[0], None, []
  if protocol.chooses:
    settings = [Setting(*pair, seed) for pair in pairs for seed in seeds]
    tried = do_all(settings, False)
    if elsewhere:
      return outcome(_ELSEWHERE, runs=runs, elsewhere=elsewhere)
    by_pair = [tried[i : i + len(seeds)] for i in range(0, len(tried), len(seeds))]
    scores = {
      pair: mean_measure(results, measure)
      for pair, results in zip(pairs, by_pair, strict=True)
    }
    best = best_pair(scores)
    if best is None:
      return outcome("every setting diverged: try smaller learning rates", runs=runs)
    chosen, validation = best, scores[best]
    warnings = [
      f"{backbone.name}: {text}" for text in grid_edge_warnings(best, protocol)
    ]
    for text in warnings:
      listener.warned(text)
  results = do_all([Setting(*chosen, seed) for seed in seeds], True)
  if elsewhere:
    return outcome(_ELSEWHERE, runs=runs, elsewhere=elsewhere)
  bad = next((r for r in results if r["status"] != "ok"), None)
  if bad is not None:
    return outcome(f"seed {bad['seed']} {bad['status']}", runs=runs, warnings=warnings)
  if validation is None and results[0]["validation"] is not None:
    validation = statistics.fmean(r["validation"][measure] for r in results)
  found = [r["test"][measure] for r in results]
  return outcome(
    "ok",
    accuracy=statistics.fmean(found),
    accuracy_std=statistics.stdev(found) if len(found) > 1 else None,
    validation_accuracy=validation,
    learning_rate=chosen[0],
    weight_decay=chosen[1],
    runs=runs,
    warnings=warnings,
    logits=[folder / r["key"] / "logits.npz" for r in results],
  )


def run_key(
  backbone: Backbone,
  target: Target,
  protocol: Protocol,
  setting: Setting,
  *,
  final: bool,
) -> str:
  """The key of everything that a run depends on, but the machine."""
  return files.settings_key(
    weights=backbone.weights_hash,
    architecture=backbone.architecture,
    feature_point=backbone.feature_point,
    input=backbone.input.canonical(),
    data=target.content(test=final),
    protocol=protocol.of_a_run(),
    setting=dataclasses.asdict(setting),
    final=final,
  )


def mean_measure(results: Sequence[Mapping[str, Any]], measure: str) -> float | None:
  """Mean over the seeds of a setting's validation measure; None if any diverged."""
  if any(result["status"] != "ok" for result in results):
    return None
  return statistics.fmean(result["validation"][measure] for result in results)


def best_pair(scores: Mapping[Pair, float | None]) -> Pair | None:
  """The pair of the largest score; of equals that of the smaller learning rate, then
  of the smaller weight decay. None if no pair has a score."""
  scored = [(-score, *pair) for pair, score in scores.items() if score is not None]
  return min(scored)[1:] if scored else None


def grid_edge_warnings(best: Pair, protocol: Protocol) -> list[str]:
  """Says on which axes of the grid the best setting lies at an end."""
  found = []
  axes = (
    ("learning rate", protocol.learning_rates),
    ("weight decay", protocol.weight_decays),
  )
  for (name, values), value in zip(axes, best, strict=True):
    if len(values) < 2 or min(values) < value < max(values) or value == 0:
      continue
    end, beyond = (
      ("smallest", "smaller") if value == min(values) else ("largest", "larger")
    )
    found.append(
      f"the best {name}, {value:g}, is the {end} of those tried: {beyond} ones may be "
      "better"
    )
  return found
