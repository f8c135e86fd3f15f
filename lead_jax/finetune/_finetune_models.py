"""Fine-tunes models one after another; writes what each gave as soon as it is known."""

import dataclasses
import functools
import importlib.metadata
import json
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax.backbones import Backbone, ModelSpec, doubting_input
from lead_jax.checks import InputError, file_name, file_names, reason, visible
from lead_jax.data import Division, ResizedCache
from lead_jax.finetune._grid import Outcome, finetune
from lead_jax.finetune._one_run import Listener
from lead_jax.finetune._protocol import AccuracyMeasure, Protocol
from lead_jax.finetune._run_files import read_json, settings_key
from lead_jax.finetune._split import split_rows
from lead_jax.finetune._task import Target
from lead_jax.finetune._truth_tables import MEASURES, Runs, Truth, truth_row
from lead_jax.system import (
  UnwrittenError,
  environment,
  explain_write_errors,
  make_writable,
  replacing_path,
  write_text,
)

# Files of `out`.
_TABLES = ("ground_truth.csv", "runs.jsonl", "runs.csv")


def finetune_models(
  models: Sequence[ModelSpec],
  target: Target,
  protocol: Protocol,
  *,
  out: pathlib.Path,
  checkpoint_dir: pathlib.Path,
  overwrite: bool,
  listener: Listener,
) -> list[Outcome]:
  """Fine-tunes every model; one that fails is a row with its reason.

  Args:
    models: Not yet loaded.
    target: The data set.
    protocol: How, and what to try.
    out: Folder for the tables, `logits/DATASET/MODEL.SEED.npz` and, of a data set that
      was divided here, `splits/DATASET.json`; the record of an earlier split stays, as
      `splits/DATASET.DIGEST.json`.
    checkpoint_dir: Folder for runs, finished or not.
    overwrite: Whether rows found with other settings are replaced.
    listener: Told of progress.

  Returns:
    What each gave, in the order asked for.

  Raises:
    InputError: If a file of `out` cannot be read or written, or holds rows of other
      settings, or the data set is too small for the protocol or has no such measure.
  """
  measure = protocol.measure_of(several=target.several)
  protocol = dataclasses.replace(protocol, measure=measure)  # as the tables say it
  split_rows(len(target.train), protocol)
  make_writable(out, _TABLES)
  truth, runs = Truth(out / "ground_truth.csv", overwrite=overwrite), Runs(out)
  settings = settings_key(
    protocol=dataclasses.asdict(protocol), data=target.content(test=True)
  )
  refuse_other = functools.partial(
    truth.refuse_other,
    dataset=target.name,
    settings=settings,
    division=target.division,
  )
  refuse_other([spec.name for spec in models])
  if target.division is not None:
    _record(out / "splits" / f"{file_name(target.name)}.json", target.division)
  facts = _facts()
  cache = ResizedCache()
  outcomes = []
  for index, spec in enumerate(models):
    listener.model(index, len(models), spec.name)
    try:
      backbone = _load(spec, listener)
      refuse_other([spec.name], weights=backbone.weights_hash)
      outcome = finetune(
        backbone,
        target,
        protocol,
        folder=checkpoint_dir,
        listener=listener,
        cache=cache,
        facts=facts,
      )
    # A model from a stranger's file may fail in any way; the others go on.
    except Exception as error:
      outcome = Outcome(spec.name, target.name, reason(error, "fine-tuning"))
    outcomes.append(outcome)
    if outcome.status != "ok":
      listener.warned(f"{spec.name}: {outcome.status}")
    row = None
    if outcome.status == "ok":
      row = truth_row(
        outcome,
        protocol,
        measure=measure,
        settings=settings,
        weights=backbone.weights_hash,
        division=target.division,
      )
    try:
      _write_outcome(outcome, row, runs, truth, protocol, target, out / "logits")
    except UnwrittenError as error:
      # The runs are kept in `checkpoint_dir`: the next call writes them.
      listener.unwritten(str(error))
  return outcomes


def _write_outcome(
  outcome: Outcome,
  row: Mapping[str, str] | None,
  runs: Runs,
  truth: Truth,
  protocol: Protocol,
  target: Target,
  logits: pathlib.Path,
) -> None:
  """Writes what a model gave: its runs, its accuracy where it has one, its logits."""
  model, dataset, division = outcome.model, target.name, target.division
  done = [
    {
      "model": model,
      "dataset": dataset,
      **{name: value for name, value in run.items() if name != "earlier"},
      "protocol": dataclasses.asdict(protocol),
      "split": None if division is None else division.summary(),
    }
    for run in outcome.runs
  ]
  runs.add(model, dataset, done)
  if row is None:
    runs.fail(model, dataset, outcome.status)
    return
  truth.add(dict(row))
  # After those of earlier calls: two models never share a file.
  stem = file_names([*runs.models(dataset), model])[model]
  for seed, path in enumerate(outcome.logits):
    _copy(path, logits / file_name(dataset) / f"{stem}.{seed}.npz")


def as_text(outcomes: Sequence[Outcome], measure: AccuracyMeasure) -> str:
  """One line a model, best first; `measure` is what they were measured by."""
  lines = []
  for outcome in sorted(outcomes, key=lambda o: -(o.accuracy or 0.0)):
    if outcome.accuracy is None:
      lines.append(visible(f"{outcome.model}: failed: {outcome.status}"))
      continue
    spread = outcome.accuracy_std
    lines.append(
      f"{visible(outcome.model)}: {outcome.accuracy:.2f}"
      + ("" if spread is None else f" ± {spread:.2f}")
      + f" {MEASURES[measure]} on {visible(outcome.dataset)}, learning rate "
      f"{outcome.learning_rate:g}, weight decay {outcome.weight_decay:g}"
    )
  return "\n".join(lines)


def _record(path: pathlib.Path, division: Division) -> None:
  """Writes which images are train and which are test.

  What is known of an earlier split is kept beside it: runs and accuracies refer to it.
  """
  earlier = read_json(path) or {}
  digest = earlier.get("digest")
  if isinstance(digest, str) and digest != division.digest:
    aside = f"{path.stem}.{file_name(digest[:12])}.json"
    _copy(path, path.with_name(aside))
  text = json.dumps(division.record(), indent=1, ensure_ascii=False, allow_nan=False)
  write_text(path, text + "\n")


def _load(spec: ModelSpec, listener: Listener) -> Backbone:
  if spec.fetch is not None:
    spec.fetch(listener.fetching)
  loaded = doubting_input(spec, listener.warned).load()
  if not isinstance(loaded, Backbone):
    raise InputError("it is a file of features: there is no model to fine-tune")
  return loaded


def _facts() -> dict[str, Any]:
  """Versions, device and time, as every run keeps them."""
  found = environment()
  for package in ("optax", "orbax-checkpoint"):
    found["versions"][package] = importlib.metadata.version(package)
  return found


def _copy(path: pathlib.Path, to: pathlib.Path) -> None:
  with explain_write_errors(to):
    to.parent.mkdir(parents=True, exist_ok=True)
    with replacing_path(to) as temporary:
      shutil.copyfile(path, temporary)
