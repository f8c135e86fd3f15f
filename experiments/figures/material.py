"""What figures are made of: data sets, networks, their features, the truth, fine-tuning."""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from experiments.sensitivity.bench import Bench, outputs_of, ready_spec
from lead_jax.backbones import ReadyFeatures
from lead_jax.checks import InputError, file_name
from lead_jax.data import Dataset
from lead_jax.evaluation import ScoreTable, score_table
from lead_jax.readers import read_npz
from lead_jax.results import ScoreRow
from lead_jax.run import labels_hash, score_model
from lead_jax.system import content_key, file_digest

Options = Mapping[str, Any]
T = TypeVar("T")

_INTERVAL = 10.0

# To be raised whenever a figure's numbers are made in another way.
_VERSION = 3


class MissingError(InputError):
  """A figure needs what was not given; the message says what to give."""


class FineTuned(NamedTuple):
  """The logits of one fine-tuned network, as docs/finetuning.md describes them.

  Attributes:
    seed: Of the run.
    epochs: [E] when the logits were taken, in passes; 0 is before the first step.
    steps_per_epoch: Steps of a pass.
    train_logits: float32[E, N, K] of the images that were trained on.
    test_logits: float32[E, M, K].
    train_rows: [N] which images of the training split these are.
    train_labels: [N] class ids.
    test_labels: [M] class ids.
  """

  seed: int
  epochs: np.ndarray
  steps_per_epoch: int
  train_logits: np.ndarray
  test_logits: np.ndarray
  train_rows: np.ndarray
  train_labels: np.ndarray
  test_labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Material:
  """What all figures of a run share.

  Attributes:
    bench: Networks, the store of features and scores, the seed; its metrics are not used.
    datasets: Their training parts, each named as in `truth`.
    truth: By data set, by model: true accuracies of the networks, in percent.
    finetuned: The folder that `lead-finetune` wrote, or None.
  """

  bench: Bench
  datasets: Sequence[Dataset]
  truth: Mapping[str, Mapping[str, float]]
  finetuned: pathlib.Path | None = None
  _kept: dict[Any, Any] = dataclasses.field(default_factory=dict)

  @property
  def seed(self) -> int:
    """Seed of every random draw."""
    return self.bench.seed

  @property
  def models(self) -> list[str]:
    """Names of the networks, in the order asked for."""
    return [spec.name for spec in self.bench.models]

  def once(self, what: Any, compute: Callable[[], T]) -> T:
    """Returns `compute()`, computed the first time that `what` is asked for."""
    if what not in self._kept:
      self._kept[what] = compute()
    return self._kept[what]

  def array(self, what: Mapping[str, Any], compute: Callable[[], Any]) -> np.ndarray:
    """Returns an array, computed if it is not in the store yet.

    Args:
      what: JSON values that it hangs on, its kind among them.
      compute: Returns it.
    """
    key = content_key(scoring=_VERSION, **what)

    def computed() -> np.ndarray:
      if (kept := self.bench.store.get(key)) is not None:
        return kept["value"]
      found = np.asarray(compute())
      self.bench.store.put(key, {"value": found})
      return found

    return self.once(key, computed)

  def say(self, figure: str, text: str) -> None:
    """Tells of progress, on one line."""
    self.bench.lines.at(figure)
    self.bench.lines.say(text)

  def working(self, place: str, what: str) -> None:
    """Tells what is being done, if nothing was told for ten seconds."""
    now = time.monotonic()
    if now - self._kept.setdefault("told", now) >= _INTERVAL:
      self._kept["told"] = now
      self.say(place, what)

  def outputs(self, dataset: Dataset) -> list[ReadyFeatures]:
    """Returns every network's features of a data set, in the order of `models`.

    Raises:
      InputError: If a network cannot be read or applied: all are needed.
    """

    def compute() -> list[ReadyFeatures]:
      scorer = self.bench.scorer(dataset)
      found = []
      for spec in self.bench.models:
        self.bench.lines.at(f"features of {dataset.name}, {spec.name}")
        try:
          loaded = self.once(("network", spec.name), spec.load)
          found.append(outputs_of(scorer, loaded, spec.name))
        except InputError as error:
          raise InputError(f"model {spec.name!r} on {dataset.name}: {error}") from error
      return found

    return self.once(("outputs", dataset.name), compute)

  def scores(
    self, dataset: Dataset, wanted: Sequence[tuple[str, Options]]
  ) -> dict[str, list[ScoreRow]]:
    """Scores every network by metrics under options; what is in the store is read.

    Args:
      dataset: One of `datasets`.
      wanted: Metrics, each with its options; a metric may stand there many times.

    Returns:
      By model, in the order of `wanted`.
    """
    scorer = self.bench.scorer(dataset)
    found = {}
    # Models of one width share what is compiled; then it can be forgotten.
    outputs = self.outputs(dataset)
    for ready in sorted(outputs, key=lambda ready: ready.features.shape[1]):
      self.bench.lines.at(f"{dataset.name}, {ready.name}")
      _, rows = score_model(scorer, ready_spec(ready.name, ready), wanted)
      found[ready.name] = rows
    return found

  def table(self, wanted: Mapping[str, tuple[str, Options]]) -> ScoreTable:
    """Scores all networks on all data sets, beside the true accuracies.

    Args:
      wanted: By a name of one's own, a metric with options.
    """
    scores: dict[str, dict[str, dict[str, float]]] = {name: {} for name in wanted}
    for dataset in self.datasets:
      rows = self.scores(dataset, list(wanted.values()))
      for index, name in enumerate(wanted):
        of_models = {model: found[index].score for model, found in rows.items()}
        scores[name][dataset.name] = of_models
    return score_table(scores, self.truth)

  def runs(self, dataset: Dataset) -> dict[str, list[FineTuned]]:
    """Returns the fine-tuned logits of a data set, by model; of some there may be none.

    Raises:
      MissingError: If there are none at all, on no data set of the material.
      InputError: If a file is damaged, or of other images than the data set's.
    """
    self.finetuned_files()
    found = {}
    for model, paths in self._files_of(dataset).items():
      found[model] = [_read(path, seed, dataset) for seed, path in paths]
    return found

  def finetuned_files(self) -> list[pathlib.Path]:
    """Returns the files of logits that there are for the material.

    Raises:
      MissingError: If there is none.
    """
    found = [
      path
      for dataset in self.datasets
      for paths in self._files_of(dataset).values()
      for _, path in paths
    ]
    if not found:
      where = f"in {self.finetuned} there are none" if self.finetuned else "none given"
      raise MissingError(
        f"needs the logits of fine-tuned networks ({where}): run "
        "`lead-finetune --out=FOLDER` and give --finetuned=FOLDER"
      )
    return found

  def identity(self, *, finetuned: bool) -> dict[str, Any]:
    """Returns what a figure's numbers hang on, as JSON values.

    Args:
      finetuned: Whether on the logits of fine-tuning, too.
    """
    outputs = {dataset.name: self.outputs(dataset) for dataset in self.datasets}
    found: dict[str, Any] = {
      "scoring": _VERSION,
      "seed": self.seed,
      "datasets": {d.name: [d.fingerprint, labels_hash(d)] for d in self.datasets},
      "models": {o.name: o.weights_hash for o in next(iter(outputs.values()))},
      "truth": {name: dict(known) for name, known in self.truth.items()},
    }
    if finetuned:
      found["finetuned"] = {
        f"{path.parent.name}/{path.name}": file_digest(path)
        for path in self.finetuned_files()
      }
    return found

  def _files_of(self, dataset: Dataset) -> dict[str, list[tuple[int, pathlib.Path]]]:
    if self.finetuned is None:
      return {}
    folder = self.finetuned / "logits" / file_name(dataset.name)
    found = {}
    for model in self.models:
      stem = file_name(model)
      paths = [
        (int(seed), path)
        for path in folder.glob(f"{stem}.*.npz")
        if (seed := path.name[len(stem) + 1 : -len(".npz")]).isdecimal()
      ]
      if paths:
        found[model] = sorted(paths)
    return found


def _read(path: pathlib.Path, seed: int, dataset: Dataset) -> FineTuned:
  try:
    held = read_npz(path, str(path)).arrays
    names = tuple(str(name) for name in held["class_names"])
    found = FineTuned(
      seed,
      held["epochs"],
      int(held["steps_per_epoch"]),
      held["train_logits"],
      held["test_logits"],
      held["train_rows"],
      held["train_labels"],
      held["test_labels"],
    )
  except (ValueError, KeyError, TypeError) as error:
    raise InputError(f"{path}: cannot be read as logits ({error})") from error
  rows = found.train_rows
  same = names == tuple(dataset.class_names) and (rows < len(dataset)).all()
  if not same or not np.array_equal(dataset.labels[rows], found.train_labels):
    raise InputError(f"{path}: of other images or classes than {dataset.name!r} has")
  return found


def short(names: Iterable[str]) -> list[str]:
  """Returns names of models without the prefix of the bundled zoo."""
  return [name.removeprefix("digits/") for name in names]
