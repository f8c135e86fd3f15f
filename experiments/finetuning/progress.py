"""Progress of fine-tuning: a live bar on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Mapping
from typing import IO, Any

from lead_jax.finetune import Listener


class PlainProgress(Listener):
  """One line a run; a line now and then while it takes long."""

  def __init__(self, stream: IO[str] | None = None, interval: float = 10.0):
    """Writes to `stream` (stderr where None), at most every `interval` seconds."""
    self._stream = stream or sys.stderr
    self._interval = interval
    self._place = self._what = ""
    self._total = 0
    self._said = 0.0

  def __enter__(self) -> "PlainProgress":
    return self

  def __exit__(self, *_) -> None:
    """Leaves the terminal as it was."""

  def model(self, index: int, count: int, name: str) -> None:
    """A model's turn comes."""
    self._place = f"[{index + 1}/{count}] {name}"

  def fetching(self, done: int, total: int) -> None:
    """Bytes of the model's weights so far, of how many (0: not known)."""
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      of = f" of {total / 1e6:.0f}" if total else ""
      self.say(f"{self._place}: {done / 1e6:.0f}{of} MB of its weights")

  def started(self, what: str, total: int) -> None:
    self._what, self._total = what, total
    self._said = time.monotonic()

  def stepped(self, done: int) -> None:
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      self.say(f"{self._place}: {self._what}: {done} of {self._total} steps")

  def ended(self, result: dict[str, Any]) -> None:
    self.say(f"{self._place}: {summary(result)}")

  def warned(self, message: str) -> None:
    self.say(f"warning: {message}")

  def say(self, text: str) -> None:
    """Prints a line at once."""
    print(text, file=self._stream, flush=True)


class LiveProgress(PlainProgress):
  """The same lines above a bar that moves with the steps; for a terminal."""

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
      TimeRemainingColumn,
    )

    self._console = Console(file=self._stream, highlight=False, markup=False)
    self._bar = Progress(
      TextColumn("{task.description}", markup=False),
      BarColumn(),
      MofNCompleteColumn(),
      TimeElapsedColumn(),
      TimeRemainingColumn(),
      console=self._console,
      transient=True,
    )
    self._task: TaskID | None = None

  def __enter__(self) -> "LiveProgress":
    self._bar.start()
    return self

  def __exit__(self, *_) -> None:
    self._bar.stop()

  def started(self, what: str, total: int) -> None:
    super().started(what, total)
    self._drop()
    self._task = self._bar.add_task(f"{self._place}: {what}", total=total)

  def stepped(self, done: int) -> None:
    if self._task is not None:
      self._bar.update(self._task, completed=done)

  def ended(self, result: dict[str, Any]) -> None:
    self._drop()
    super().ended(result)

  def say(self, text: str) -> None:
    self._console.print(text, soft_wrap=True)

  def _drop(self) -> None:
    if self._task is not None:
      self._bar.remove_task(self._task)
      self._task = None


def _main(found: Mapping[str, float]) -> str:
  """The measure to follow a run by: top-1, or VOC's where an image may be of several."""
  if "top1" in found:
    return f"top-1 {found['top1']:.2f} %"
  return f"11-point mAP {found['map11']:.2f} %"


def summary(result: dict[str, Any]) -> str:
  """What a run gave, in a line."""
  setting = (
    f"learning rate {result['learning_rate']:g}, weight decay "
    f"{result['weight_decay']:g}, seed {result['seed']}"
  )
  parts = [
    f"{part} {_main(result[part])}"
    for part in ("validation", "test")
    if result[part] is not None
  ]
  if result["status"] != "ok":
    parts.append(result["status"])
  when = "in an earlier session" if result["earlier"] else f"{result['seconds']:.0f} s"
  return f"{setting}: {', '.join([*parts, when])}"
