"""Fine-tunes models one after another; writes what each gave as soon as it is known."""

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lead_jax.backbones import ModelSpec, predicted_costs
from lead_jax.checks import file_name, file_names, visible
from lead_jax.data import Division
from lead_jax.finetune._grid import Outcome
from lead_jax.finetune._model_turns import ModelTurns
from lead_jax.finetune._one_run import Listener
from lead_jax.finetune._protocol import AccuracyMeasure, Protocol
from lead_jax.finetune._run_files import read_json, settings_key
from lead_jax.finetune._split import split_rows
from lead_jax.finetune._task import Target
from lead_jax.finetune._truth_tables import MEASURES, Runs, Truth, truth_row
from lead_jax.system import (
  Claims,
  UnwrittenError,
  Worked,
  deal,
  explain_write_errors,
  make_writable,
  part_of,
  replacing_path,
  work_all,
  work_part,
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

  Several processes may do this in the same folders at once: they share the runs.

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
  wanted = _wanted(models, target, protocol, out, overwrite=overwrite)
  make_writable(out, _TABLES)
  runs = Runs(out)
  if target.division is not None:
    _record(out / "splits" / f"{file_name(target.name)}.json", target.division)

  def write(outcome: Outcome, weights: str) -> None:
    row = None
    if outcome.status == "ok":
      row = truth_row(
        outcome,
        wanted.protocol,
        measure=wanted.protocol.measure_of(several=target.several),
        settings=wanted.settings,
        weights=weights,
        division=target.division,
      )
    try:
      truth, logits = wanted.truth, out / "logits"
      _write_outcome(outcome, row, runs, truth, wanted.protocol, target, logits)
    except UnwrittenError as error:
      # The runs are kept in `checkpoint_dir`: the next call writes them.
      listener.unwritten(str(error))

  with Claims(checkpoint_dir / ".claims") as claims:
    turns = ModelTurns(
      models,
      target,
      wanted.protocol,
      claims,
      listener,
      allowed=wanted.refuse_other,
      ended=write,
    )
    work_all(turns, [spec.name for spec in models])
  return [turns.outcomes[spec.name] for spec in models]


def finetune_part(
  models: Sequence[ModelSpec],
  target: Target,
  protocol: Protocol,
  *,
  shard: tuple[int, int],
  out: pathlib.Path,
  checkpoint_dir: pathlib.Path,
  overwrite: bool,
  listener: Listener,
) -> Worked:
  """Fine-tunes one part of the models, and shares the runs of those that are left.

  The runs go to `checkpoint_dir`, where `finetune_models` finds them; nothing is written
  to `out`. Models are dealt by what is stated of their size.

  Args:
    models, target, protocol, checkpoint_dir, overwrite, listener: As `finetune_models`.
    shard: `(i, n)`: the i-th of n parts, from 1.
    out: Whose rows of other settings are refused.

  Returns:
    The models that it did runs of and that have all of them now, and those of which
    others have some in hand.

  Raises:
    InputError: As `finetune_models`, or if there is no such part.
  """
  part = part_of(shard)
  wanted = _wanted(models, target, protocol, out, overwrite=overwrite)
  runs = len(protocol.learning_rates) * len(protocol.weight_decays) * protocol.seeds
  images = len(target.train) * (protocol.epochs or 1) * runs
  costs = predicted_costs(models, images)
  listener.dealt(part.number, part.count, deal(costs, part.count)[part.number - 1])
  with Claims(checkpoint_dir / ".claims") as claims:
    turns = ModelTurns(
      models,
      target,
      wanted.protocol,
      claims,
      listener,
      allowed=wanted.refuse_other,
    )
    ended, elsewhere = work_part(turns, part, costs)
  failed = [model for model in ended if not turns.is_done(model)]
  done = [model for model in ended if model in turns.worked_on or model in failed]
  return Worked(done, failed, elsewhere)


class _Wanted(NamedTuple):
  """What is asked for, checked.

  Attributes:
    protocol: With the measure that the tables name.
    truth: The table of accuracies.
    settings: Key of protocol and data.
    refuse_other: Raises where the table has another row of a model, by its weights.
  """

  protocol: Protocol
  truth: Truth
  settings: str
  refuse_other: Callable[[str, str], None]


def _wanted(
  models: Sequence[ModelSpec],
  target: Target,
  protocol: Protocol,
  out: pathlib.Path,
  *,
  overwrite: bool,
) -> _Wanted:
  """Checks what can be checked before any work."""
  measure = protocol.measure_of(several=target.several)
  protocol = dataclasses.replace(protocol, measure=measure)  # as the tables say it
  split_rows(len(target.train), protocol)
  truth = Truth(out / "ground_truth.csv", overwrite=overwrite)
  settings = settings_key(
    protocol=dataclasses.asdict(protocol), data=target.content(test=True)
  )

  def refuse_other(model: str, weights: str) -> None:
    truth.refuse_other(
      [model], target.name, settings, division=target.division, weights=weights
    )

  names = [spec.name for spec in models]
  truth.refuse_other(names, target.name, settings, division=target.division)
  return _Wanted(protocol, truth, settings, refuse_other)


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


def _copy(path: pathlib.Path, to: pathlib.Path) -> None:
  with explain_write_errors(to):
    to.parent.mkdir(parents=True, exist_ok=True)
    with replacing_path(to) as temporary:
      shutil.copyfile(path, temporary)
