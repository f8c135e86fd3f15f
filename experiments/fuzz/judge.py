"""One input, from its number to a verdict: read, refused in one line, or a failure."""

import functools
import itertools
import pathlib
import random
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from experiments.fuzz.doors import KINDS, Kind

READ, REFUSED, FAILED = "read", "refused", "failed"
# Letters of a message that still is a line.
_LONGEST = 20_000


class Verdict(NamedTuple):
  """What came of one input.

  Attributes:
    number: Of the input.
    kind: Its kind.
    outcome: `READ`, `REFUSED` or `FAILED`.
    reason: What was said, or why it failed.
    seconds: Wall time of the door.
  """

  number: int
  kind: str
  outcome: str
  reason: str
  seconds: float


class TooSlowError(BaseException):
  """The time of one input is over; no handler of `Exception` keeps it."""


@functools.cache
def _sample(name: str) -> bytes:
  return KINDS[name].sample()


@functools.cache
def _order(names: tuple[str, ...]) -> tuple[str, ...]:
  """Kinds in turn, each by its share."""
  rows = [[name] * KINDS[name].share for name in names]
  return tuple(name for row in itertools.zip_longest(*rows) for name in row if name)


def input_of(index: int, seed: int, names: tuple[str, ...]) -> tuple[Kind, bytes]:
  """Returns the kind and the bytes of an input: the same for the same numbers."""
  order = _order(names)
  kind = KINDS[order[index % len(order)]]
  rng = random.Random(f"{seed} {index}")
  return kind, kind.damage(_sample(kind.name), rng)


def judge(
  index: int, kind: Kind, content: bytes, folder: pathlib.Path, *, limit: float = 20.0
) -> Verdict:
  """Puts an input through its door.

  Args:
    index: Its number.
    kind: Its kind.
    content: Its bytes.
    folder: A scratch folder.
    limit: Seconds after which it fails.
  """
  from lead_jax.checks import InputError

  path = folder / f"input{kind.suffix}"
  path.write_bytes(content)
  start = time.perf_counter()
  outcome, reason = READ, ""
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      for _ in _within(limit):
        kind.door(path)
  except InputError as error:
    outcome, reason = REFUSED, str(error)
    if not reason or len(reason.splitlines()) > 1 or len(reason) > _LONGEST:
      outcome, reason = FAILED, f"no line: {reason[:300]!r}"
  except TooSlowError:
    outcome, reason = FAILED, f"took more than {limit:g} s"
  except (Exception, SystemExit) as error:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{pathlib.Path(last.filename).name}:{last.lineno}"
    text = " ".join(str(error).split())[:200]
    outcome, reason = FAILED, f"{type(error).__name__} at {where}: {text}"
  return Verdict(index, kind.name, outcome, reason, time.perf_counter() - start)


def _within(seconds: float) -> Iterator[None]:
  """Interrupts the body of its one pass after some seconds, on the main thread."""
  if threading.current_thread() is not threading.main_thread():
    yield
    return

  def stop(*_: object) -> None:
    raise TooSlowError

  before = signal.signal(signal.SIGALRM, stop)
  signal.setitimer(signal.ITIMER_REAL, seconds)
  try:
    yield
  finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
