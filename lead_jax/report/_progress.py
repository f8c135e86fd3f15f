"""Progress of a run: a live bar on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Sequence
from typing import IO

from lead_jax.results import Listener, ModelRow, Plan, ScoreRow


def describe(plan: Plan) -> str:
  """Returns, in a few lines, what a run will do."""
  data = plan.dataset
  return (
    f"Data: {data['name']}, {data['samples']} samples of {data['classes']} classes "
    f"(split: {data['split']})\n"
    f"Models: {len(plan.models)}; metrics: {', '.join(plan.metrics)}"
  )


class PlainProgress(Listener):
  """One line per model; a line now and then while a model takes long."""

  def __init__(self, stream: IO[str] | None = None, interval: float = 10.0):
    """Writes to `stream` (stderr where None), at most every `interval` seconds."""
    self._stream = stream or sys.stderr
    self._interval = interval
    self._total = 0
    self._place = ""
    self._said = 0.0

  def __enter__(self) -> "PlainProgress":
    return self

  def __exit__(self, *_) -> None:
    """Leaves the terminal as it was."""

  def reading(self, dataset: str) -> None:
    self._place = dataset
    self.say(f"Reading {dataset} ...")

  def planned(self, plan: Plan) -> None:
    self._total = len(plan.models)
    self.say(describe(plan))

  def started(self, index: int, model: str) -> None:
    self._place = f"[{index + 1}/{self._total}] {model}"
    self._said = time.monotonic()

  def fetching(self, done: int, total: int) -> None:
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      of = f" of {total / 1e6:.0f}" if total else ""
      self.say(f"{self._place}: {done / 1e6:.0f}{of} MB of its weights")

  def extracting(self, done: int, total: int) -> None:
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      self.say(f"{self._place}: {done} of {total} images")

  def scoring(self, metric: str) -> None:
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      self.say(f"{self._place}: scoring {metric}")

  def resampling(self, done: int, total: int) -> None:
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      self.say(f"{self._place}: {done} of {total} parts of the images scored")

  def finished(self, row: ModelRow, scores: Sequence[ScoreRow]) -> None:
    self.say(f"{self._place}: {summary(row, scores)}")

  def warned(self, message: str) -> None:
    self.say(f"warning: {message}")

  def say(self, text: str) -> None:
    """Prints a line at once."""
    print(text, file=self._stream, flush=True)


class LiveProgress(PlainProgress):
  """The same lines above a bar that moves with the images; for a terminal."""

  def __init__(self, stream: IO[str] | None = None):
    """Draws on `stream` (stderr where None)."""
    super().__init__(stream)
    from rich.console import Console
    from rich.progress import (
      BarColumn,
      MofNCompleteColumn,
      Progress,
      TaskID,
      TextColumn,
      TimeElapsedColumn,
    )

    self._console = Console(file=self._stream, highlight=False, markup=False)
    self._bar = Progress(
      TextColumn("{task.description}", markup=False),
      BarColumn(),
      MofNCompleteColumn(),
      TimeElapsedColumn(),
      console=self._console,
      transient=True,
    )
    self._task: TaskID | None = None

  def __enter__(self) -> "LiveProgress":
    self._bar.start()
    return self

  def __exit__(self, *_) -> None:
    self._bar.stop()

  def reading(self, dataset: str) -> None:
    self._drop()
    super().reading(dataset)

  def started(self, index: int, model: str) -> None:
    super().started(index, model)
    self._show("loading")

  def fetching(self, done: int, total: int) -> None:
    if self._task is None:
      self._show("weights")
    if self._task is not None:
      text = f"{self._place}: weights, kB"
      self._bar.update(
        self._task,
        completed=done // 1000,
        total=total // 1000 or None,
        description=text,
      )

  def extracting(self, done: int, total: int) -> None:
    if self._task is not None:
      text = f"{self._place}: images"
      self._bar.update(self._task, completed=done, total=total, description=text)

  def scoring(self, metric: str) -> None:
    self._show(metric)

  def resampling(self, done: int, total: int) -> None:
    if self._task is None:
      self._show("parts of the images")
    if self._task is not None:
      text = f"{self._place}: parts of the images"
      self._bar.update(self._task, completed=done, total=total, description=text)

  def finished(self, row: ModelRow, scores: Sequence[ScoreRow]) -> None:
    self._drop()
    super().finished(row, scores)

  def say(self, text: str) -> None:
    self._console.print(text, soft_wrap=True)

  def _show(self, what: str) -> None:
    """Starts a bar of unknown length."""
    self._drop()
    self._task = self._bar.add_task(f"{self._place}: {what}", total=None)

  def _drop(self) -> None:
    if self._task is not None:
      self._bar.remove_task(self._task)
      self._task = None


def summary(row: ModelRow, scores: Sequence[ScoreRow]) -> str:
  """Returns a model's stages with their times, or why it failed."""
  if row.status != "ok":
    return row.status
  # A moment where they come from the store too.
  seconds = row.seconds.get("resample", 0)
  resampled = [f"parts of the images in {seconds:.1f} s"] if seconds > 1 else []
  if all(score.cached for score in scores):
    return ", ".join(["scores from the store", *resampled])
  if row.features_cached:
    features = "features from the store"
  else:
    stages = (
      f"{stage} {row.seconds.get(stage, 0):.1f} s" for stage in ("read", "compute")
    )
    features = (
      f"features in {row.seconds.get('extract', 0):.1f} s ({', '.join(stages)})"
    )
  parts = [features, f"scores in {row.seconds.get('score', 0):.1f} s", *resampled]
  parts += [
    f"{score.metric} {score.status}"
    for score in scores
    if score.status.startswith("failed")
  ]
  return ", ".join(parts)
