"""One run: one setting, one seed, from the pre-trained network to its measures.

A run is a function of its key. It keeps a checkpoint after every pass; stopped at any
moment and started again, it goes on from there and ends with the same bits. When it has
ended, `result.json` says so, and it is never done again.
"""

import dataclasses
import functools
import math
import pathlib
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lead_jax.finetune import _checkpoints as checkpoints, _run_files as files
from lead_jax.finetune._accuracy import accuracy_measures
from lead_jax.finetune._label_kinds import Labels, compact
from lead_jax.finetune._learner import Inputs, Learner
from lead_jax.finetune._split import Rows, epoch_order
from lead_jax.readers import read_npz

# Passes after which logits are kept, at most, beside the start.
_RECORDED = 16


class Listener:
  """Told of progress; does nothing of its own accord, but for what is lost."""

  def dealt(self, number: int, count: int, models: Sequence[str]) -> None:
    """This process does part `number` (from 1) of `count`, which is these models."""

  def waiting(self, model: str, owner: str) -> None:
    """Another process, `HOST:PROCESS` or "", is at a model; called again and again."""

  def model(self, index: int, count: int, name: str) -> None:
    """The turn of a model comes, the `index`-th of `count`, from 0."""

  def fetching(self, done: int, total: int) -> None:
    """Bytes of the model's weights that were downloaded; `total` is 0 where unknown."""

  def started(self, what: str, total: int) -> None:
    """A run of `total` steps begins."""

  def stepped(self, done: int) -> None:
    """Steps of it are done."""

  def ended(self, result: dict[str, Any]) -> None:
    """It has ended, now or in an earlier session (`earlier`)."""

  def warned(self, message: str) -> None:
    """Something that the user should know, in one line."""

  def unwritten(self, message: str) -> None:
    """Results could not be written; one line says which. Warns, unless told better."""
    warnings.warn(message, stacklevel=2)


@dataclasses.dataclass(frozen=True)
class Setting:
  """What distinguishes the runs of a grid."""

  learning_rate: float
  weight_decay: float
  seed: int

  def __str__(self) -> str:
    return (
      f"learning rate {self.learning_rate:g}, weight decay {self.weight_decay:g}, "
      f"seed {self.seed}"
    )


@dataclasses.dataclass(frozen=True)
class Samples:
  """What a run works on.

  Attributes:
    inputs: The training split, as `Learner.train` takes it.
    labels: Its labels: class ids, or whether each sample is of each class.
    rows: Which of it are trained on, ascending.
    validation: Which of it are measured, none of them trained on.
    test: The test split and its labels, where it is measured; its logits are recorded.
    class_names: Names of the classes.
    features: Of the training split by the network as it came, where the protocol
      standardises them.
  """

  inputs: Inputs
  labels: Labels
  rows: Rows
  validation: Rows
  test: tuple[Inputs, Labels] | None
  class_names: tuple[str, ...]
  features: np.ndarray | None


def run(
  prepare: Callable[[], tuple[Learner, Samples]],
  setting: Setting,
  *,
  key: str,
  folder: pathlib.Path,
  listener: Listener,
  facts: Mapping[str, Any],
) -> dict[str, Any]:
  """Trains and measures, or reads what an earlier session found.

  Args:
    prepare: Returns the network and what to learn and to measure; called where anything
      is left to do.
    setting: Learning rate, weight decay and seed.
    key: Of everything that the result depends on.
    folder: The run's own.
    listener: Told of progress.
    facts: JSON values to be kept with the result.

  Returns:
    JSON values: `status` (`ok`, or `diverged at step S`), `steps`, mean `loss` of each
    pass, `validation` and `test` (measures by name; None where not measured), `seconds`
    over all sessions, `sessions`, `files` that belong to it, and `earlier`, whether
    nothing was left to do.

  Raises:
    InputError: If the folder cannot be written.
  """
  if (known := finished_run(folder, key)) is not None:
    result = {**known, "earlier": True}
    listener.ended(result)
    return result
  learner, samples = prepare()
  result = _train(learner, samples, setting, key, folder, listener)
  computed = "once" if learner.on_features else "at each step"
  used = {"devices_used": learner.num_devices, "features_computed": computed}
  result["facts"] = {**facts, **used}
  files.write_json(folder / "result.json", result)
  files.remove(folder / "logits")
  if samples.test is None:
    files.remove(folder / "checkpoint")  # of a setting that was only compared
  result = {**result, "earlier": False}
  listener.ended(result)
  return result


def finished_run(folder: pathlib.Path, key: str) -> dict[str, Any] | None:
  """Returns what a run gave that has ended; None where it has not, or files are gone."""
  known = files.read_json(folder / "result.json")
  if known is not None and known.get("key") == key and _all_there(folder, known):
    return known
  return None


def _all_there(folder: pathlib.Path, known: Mapping[str, Any]) -> bool:
  """Whether the files that belong to a result are there and sound."""
  return all(files.has_arrays(folder / name) for name in known.get("files", []))


def recorded_epochs(count: int) -> list[int]:
  """Passes after which logits are kept: the start, the end, and some between, evenly."""
  return sorted({round(x) for x in np.linspace(0, count, min(count, _RECORDED) + 1)})


def _train(
  learner: Learner,
  samples: Samples,
  setting: Setting,
  key: str,
  folder: pathlib.Path,
  listener: Listener,
) -> dict[str, Any]:
  began = time.perf_counter()
  protocol, rows = learner.protocol, samples.rows
  each = -(-len(rows) // protocol.batch_size)
  total = protocol.steps or each * (protocol.epochs or 1)
  epochs = -(-total // each)
  recorded = recorded_epochs(epochs) if samples.test is not None else []
  decay = setting.weight_decay
  if protocol.divide_decay:
    decay = decay / setting.learning_rate

  features = None if samples.features is None else samples.features[rows]
  state = learner.start(setting.seed, features)
  losses = np.zeros(total, np.float32)
  done, before, sessions = 0, 0.0, 1
  saved = checkpoints.restore(
    folder / "checkpoint",
    {"learner": state, "losses": losses},
    key=key,
    warn=listener.warned,
  )
  if saved is not None and not all(
    files.has_arrays(_logits_of(folder, epoch))
    for epoch in recorded
    if epoch <= saved[0]
  ):
    listener.warned(
      f"{folder}: logits of earlier passes are gone or damaged, its run starts anew"
    )
    saved = None
  if saved is not None:
    done, kept, notes = saved
    state, losses = learner.place(kept["learner"]), np.array(kept["losses"])
    before, sessions = float(notes["seconds"]), int(notes["sessions"]) + 1
  listener.started(str(setting), total)
  listener.stepped(min(done * each, total))

  def finish(status: str) -> dict[str, Any]:
    steps = min(done * each, total)
    found: dict[str, Any] = {"validation": None, "test": None}
    held = samples.inputs[samples.validation], samples.labels[samples.validation]
    for part, sample in (("validation", held), ("test", samples.test)):
      if status != "ok" or sample is None or not len(sample[1]):
        continue
      logits = learner.logits(state, sample[0])
      if np.isfinite(logits).all():
        found[part] = accuracy_measures(logits, sample[1])
      else:
        status = f"diverged at step {steps}"  # by the last update, after its loss
    means = [float(losses[i : i + each].mean()) for i in range(0, steps, each)]
    return {
      "key": key,
      "status": status,
      **dataclasses.asdict(setting),
      "steps": steps,
      "loss": [mean if math.isfinite(mean) else None for mean in means],
      **found,
      "seconds": round(before + time.perf_counter() - began, 2),
      "sessions": sessions,
      "files": [] if found["test"] is None else ["logits.npz"],
    }

  def record(epoch: int) -> None:
    if epoch in recorded and samples.test is not None:
      files.write_arrays(
        _logits_of(folder, epoch),
        train=learner.logits(state, samples.inputs[rows]),
        test=learner.logits(state, samples.test[0]),
      )

  if not done:
    record(0)
  while done < epochs:
    order = rows[epoch_order(len(rows), seed=setting.seed, epoch=done)]
    start = done * each
    state, found = learner.train(
      state,
      samples.inputs,
      samples.labels,
      order,
      learning_rate=setting.learning_rate,
      weight_decay=decay,
      total=total,
      seed=setting.seed,
      progress=functools.partial(_stepped, listener, start),
    )
    losses[start : start + len(found)] = found
    done += 1
    if not np.isfinite(found).all():
      step = start + int(np.flatnonzero(~np.isfinite(found))[0])
      return finish(f"diverged at step {step}")
    record(done)
    checkpoints.save(
      folder / "checkpoint",
      done,
      {"learner": state, "losses": losses},
      key=key,
      notes={
        "seconds": before + time.perf_counter() - began,
        "sessions": sessions,
      },
    )
  result = finish("ok")
  if samples.test is not None and result["files"]:
    _join_logits(folder, samples, samples.test[1], recorded, each)
  return result


def _stepped(listener: Listener, start: int, steps: int) -> None:
  listener.stepped(start + steps)


def _logits_of(folder: pathlib.Path, epoch: int) -> pathlib.Path:
  return folder / "logits" / f"{epoch}.npz"


def _join_logits(
  folder: pathlib.Path,
  samples: Samples,
  test_labels: Labels,
  recorded: list[int],
  each: int,
) -> None:
  """One file of all recorded passes, from those of each; `logits.npz`."""
  parts = []
  for epoch in recorded:
    path = _logits_of(folder, epoch)
    arrays = read_npz(path, str(path)).arrays
    parts.append((arrays["train"], arrays["test"]))
  files.write_arrays(
    folder / "logits.npz",
    epochs=np.asarray(recorded, np.int32),
    steps_per_epoch=np.asarray(each, np.int32),
    train_logits=np.stack([train for train, _ in parts]),
    test_logits=np.stack([test for _, test in parts]),
    train_rows=samples.rows.astype(np.int32),
    train_labels=compact(samples.labels[samples.rows]),
    test_labels=compact(test_labels),
    class_names=np.asarray(samples.class_names),
  )
