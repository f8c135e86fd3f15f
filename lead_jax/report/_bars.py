"""How progress is shown: a live bar on a terminal, lines now and then otherwise.

Names of data sets, models and classes come from strangers' files: whatever is shown here is
cleaned here. A stream that takes no more (a full disk, a terminal that went away) costs the
progress and nothing else.
"""

import contextlib
import sys
import time
from collections.abc import Sequence
from typing import IO

from lead_jax.checks import visible
from lead_jax.report._words import plural


class Lines:
  """Plain lines; at most one every `interval` seconds about what is going on.

  A text is one line, whatever a stranger wrote into it.
  """

  def __init__(self, stream: IO[str] | None = None, interval: float = 10.0):
    """Writes to `stream` (stderr where None)."""
    self._stream = stream or sys.stderr
    self._interval = interval
    self._said = 0.0

  def start(self) -> None:
    """Takes the terminal."""

  def stop(self) -> None:
    """Leaves the terminal as it was."""

  def say(self, text: str) -> None:
    """Prints a line at once."""
    self._print(visible(text))

  def _print(self, line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed
      print(line, file=self._stream, flush=True)

  def begin(self, what: str, total: int | None = None) -> None:
    """Something begins, of `total` steps where that is known."""
    self._said = time.monotonic()

  def step(self, what: str, line: str, done: int = 0, total: int | None = None) -> None:
    """Something goes on.

    Args:
      what: Stands beside the bar.
      line: What a plain line says.
      done: Steps done.
      total: Of how many; None where unknown.
    """
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      self.say(line)

  def end(self) -> None:
    """It has ended: there is nothing to show until the next begins."""


class LiveBar(Lines):
  """The same lines above a bar that moves; for a terminal."""

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
    self._what = ""

  def start(self) -> None:
    with contextlib.suppress(OSError):
      self._bar.start()

  def stop(self) -> None:
    with contextlib.suppress(OSError):
      self._bar.stop()

  def _print(self, line: str) -> None:
    with contextlib.suppress(OSError):
      self._console.print(line, soft_wrap=True)

  def begin(self, what: str, total: int | None = None) -> None:
    self.end()
    self._what = what
    with contextlib.suppress(OSError):
      self._task = self._bar.add_task(visible(what), total=total)

  def step(self, what: str, line: str, done: int = 0, total: int | None = None) -> None:
    if self._task is None or what != self._what:
      self.begin(what, total)
    if self._task is not None:
      with contextlib.suppress(OSError):
        self._bar.update(self._task, completed=done, total=total)

  def end(self) -> None:
    if self._task is not None:
      task, self._task = self._task, None
      with contextlib.suppress(OSError):
        self._bar.remove_task(task)


class Shown:
  """What shows the progress of a job; a context manager that gives the terminal back.

  Attributes:
    lost: Results that could not be written: a line on each, which has been shown.
  """

  def __init__(self, display: Lines | None = None):
    """Shows on `display`; on stderr where None, live if that is a terminal."""
    self._display = display or (LiveBar() if sys.stderr.isatty() else Lines())
    self._place = ""
    self.lost: list[str] = []

  def __enter__(self):
    self._display.start()
    return self

  def __exit__(self, *_) -> None:
    """Leaves the terminal as it was."""
    self._display.stop()

  def told(self, line: str) -> None:
    """Something worth a line before the work."""
    self._display.say(line)

  def warned(self, message: str) -> None:
    """Something that the user should know, in one line."""
    self._display.say(f"warning: {message}")

  def unwritten(self, message: str) -> None:
    """Results could not be written; one line says which and what to do."""
    self.lost.append(message)
    self.warned(message)

  def dealt(self, number: int, count: int, models: Sequence[str]) -> None:
    """This process does one part of several, which is these models."""
    named = ", ".join(models) or "none"
    self._display.say(
      f"Part {number}/{count}: {plural(len(models), 'model')} ({named}); then what is "
      "left of other parts and no process is at"
    )

  def waiting(self, model: str, owner: str) -> None:
    """Another process is at a model, which is waited for."""
    by = f" ({owner})" if owner else ""
    self._place = model
    self._step("waiting", f"waiting: another process{by} is at it")

  def fetching(self, done: int, total: int) -> None:
    """Bytes of the model's weights that were downloaded; `total` is 0 where unknown."""
    of = f" of {total / 1e6:.0f}" if total else ""
    self._step(
      "weights, kB",
      f"{done / 1e6:.0f}{of} MB of its weights",
      done // 1000,
      total // 1000 or None,
    )

  def _say(self, text: str) -> None:
    """Says something of the model whose turn it is."""
    self._display.say(f"{self._place}: {text}")

  def _step(
    self, what: str, line: str, done: int = 0, total: int | None = None
  ) -> None:
    """Says that something goes on with the model whose turn it is."""
    place = self._place
    self._display.step(f"{place}: {what}", f"{place}: {line}", done, total)
