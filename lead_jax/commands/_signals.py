"""Signals that stop a command: what is done is concluded first.

SIGINT comes from Ctrl-C, SIGTERM from every batch system, SIGHUP from a terminal that goes
away. The first one raises `Stopped`, which the work takes for Ctrl-C; the next one ends the
process at once.

Python swallows an exception that is raised in a callback of a weak reference or in a
`__del__`, and a signal may come there (imports and JAX have many). So the exception is
watched: when it is gone and the work still goes on, the signal is sent again. And a library
whose import is torn apart may crash the process: a signal waits until modules are imported.
"""

import contextlib
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from types import FrameType

# Windows has no SIGHUP.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
# What comes so soon after the first is the same one: `timeout` and shells send theirs to
# the process and to its group.
_SAME_SECONDS = 0.5
# Until a signal that was swallowed is sent again.
_AGAIN_SECONDS = 0.05


class Stopped(KeyboardInterrupt):
  """A signal has come.

  Attributes:
    number: Of the signal.
  """

  def __init__(self, number: int):
    """Takes the signal's number."""
    super().__init__()
    self.number = number


def exit_code(interrupt: KeyboardInterrupt) -> int:
  """Returns the exit code of what was stopped, as shells have it: 130 for SIGINT."""
  return 128 + getattr(interrupt, "number", signal.SIGINT)


class _Watch:
  """What has come, and whether it was swallowed."""

  def __init__(self):
    self.first: float | None = None
    self.over = False
    self._watched: weakref.ref[Stopped] | None = None

  def stop(self, number: int, frame: FrameType | None) -> None:
    """The handler of the signals."""
    if self.first is None and _is_importing(frame):
      self._later(number)
    elif self.first is None:
      self.first = time.monotonic()
      raise self._stopped(number)
    elif time.monotonic() - self.first > _SAME_SECONDS:
      os._exit(128 + number)

  def _stopped(self, number: int) -> Stopped:
    stopped = Stopped(number)
    self._watched = weakref.ref(stopped, lambda _: self._later(number))
    return stopped

  def _later(self, number: int) -> None:
    if not self.over:
      again = threading.Timer(_AGAIN_SECONDS, self._send_again, [number])
      again.daemon = True
      again.start()

  def _send_again(self, number: int) -> None:
    if not self.over:
      self.first = None
      os.kill(os.getpid(), number)


def _is_importing(frame: FrameType | None) -> bool:
  """Whether a module is being imported where a signal has come."""
  while frame is not None:
    if frame.f_code.co_filename.startswith("<frozen importlib"):
      return True
    frame = frame.f_back
  return False


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
  """Has the signals raise `Stopped` inside, where signals can be set.

  A signal that is ignored, as SIGHUP under `nohup`, stays ignored.
  """
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
  before = {number: signal.getsignal(number) for number in numbers}
  before = {n: h for n, h in before.items() if h not in (signal.SIG_IGN, None)}
  watch, hook = _Watch(), sys.unraisablehook

  def unraisable(found) -> None:
    if not isinstance(found.exc_value, Stopped):  # which will be raised again
      hook(found)

  for number in before:
    signal.signal(number, watch.stop)
  sys.unraisablehook = unraisable
  try:
    yield
  finally:
    watch.over = True
    sys.unraisablehook = hook
    for number, handler in before.items():
      signal.signal(number, handler)
