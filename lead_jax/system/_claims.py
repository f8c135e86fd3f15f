"""Claims: which process works on what, so that several on one disk do not do it twice.

A claim is a file that one process alone can make. Its owner has it open and moves a counter
in it on every few seconds. It is dead when the process is gone, which is known at once on
the owner's machine, or when the counter has stood still for the length of a lease by the
clock of whoever looks: clocks of two machines are never compared.

Claims only save work. Where none can be made, or two processes take one at the same moment,
something is done twice and is the same both times.
"""

import contextlib
import os
import pathlib
import platform
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

from lead_jax.checks import InputError
from lead_jax.system._atomic import explain_write_errors
from lead_jax.system._lock import alone_with, is_at
from lead_jax.system._regular_file import open_regular
from lead_jax.system._temporaries import STALE_SECONDS, is_alive, this_machine

# Between two steps of the counter, and without a step until a claim is dead. A process that
# compiles or reads from a slow disk may be late for some of them.
BEAT_SECONDS = 10.0
LEASE_SECONDS = 120.0

_CLAIM = re.compile(r"\d{20}\n(\S{1,255}) (\d{1,10}) ([0-9a-f]{8}) [0-9a-f]{16}\n")
# Of a file that is read.
_MOST_BYTES = 2000
# Between two looks at what others do; more after each look, up to the second.
_LEAST_WAIT, _MOST_WAIT = 0.1, 2.0


class _Owner(NamedTuple):
  """Who made a claim."""

  host: str
  process: int
  machine: str

  def is_gone(self) -> bool:
    """Returns whether the process is known to have ended."""
    return self.machine == this_machine() and not is_alive(self.process)


class _Seen(NamedTuple):
  """A claim of another process: what stands in it, and since when."""

  content: bytes
  since: float


class Claims:
  """Claims in a folder; a context manager that gives up what is held.

  One thread moves the counters of all that this object holds.
  """

  def __init__(
    self,
    folder: str | os.PathLike[str],
    *,
    beat: float = BEAT_SECONDS,
    lease: float = LEASE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Names the folder; it is made when something is claimed.

    Args:
      folder: That all who share the work see.
      beat: Seconds between two steps of a counter.
      lease: Seconds after which a counter that stands still is that of a dead process.
      clock: Seconds that pass; a test's own.
    """
    self.folder = pathlib.Path(folder)
    self._beat, self._lease, self._clock = beat, lease, clock
    self._seen: dict[str, _Seen] = {}
    self._first: dict[str, bytes] = {}
    self._held: dict[str, IO[bytes]] = {}
    self._guard = threading.Lock()
    self._ended = threading.Event()
    self._thread: threading.Thread | None = None

  def __enter__(self) -> "Claims":
    """Removes what processes of this machine left that are gone."""
    self._sweep()
    return self

  def __exit__(self, *_: object) -> None:
    """Gives up all that is held."""
    self._ended.set()
    for key in list(self._held):
      self._give_up(key)

  @contextlib.contextmanager
  def holding(self, key: str) -> Iterator[bool]:
    """Claims something while the block runs; yields whether this process may do it.

    That is so where no living process has it, and where no claim can be made: on a disk
    that cannot be written all is done without.

    Args:
      key: Of what is done; letters and digits.
    """
    mine = True
    try:
      with contextlib.suppress(OSError, InputError):
        mine = self._take(key)
      yield mine
    finally:
      self._give_up(key)

  @contextlib.contextmanager
  def awaited(self, key: str, waiting: Callable[[], object]) -> Iterator[None]:
    """Claims something while the block runs, after all who have it already.

    Args:
      key: Of what is done; letters and digits.
      waiting: Called again and again until they have ended.
    """
    mine, looks = False, 0
    while not mine:
      with self.holding(key) as mine:
        if mine:
          yield
      if not mine:
        waiting()
        wait_a_moment(looks)
        looks += 1

  def owner(self, key: str) -> str:
    """Returns who has claimed something, `HOST:PROCESS`; "" where nobody is known."""
    owner = _owner(_content(self._path(key)))
    return "" if owner is None else f"{owner.host}:{owner.process}"

  def is_taken(self, key: str) -> bool:
    """Returns whether somebody has claimed something and is not known to be dead."""
    return not self._is_dead(key)

  def is_moving(self, key: str) -> bool:
    """Returns whether the owner of a claim has shown that it lives.

    On this machine its process is there; on others the counter has moved since this was
    asked first.
    """
    content = self._look(key)
    owner = _owner(content)
    if owner is not None and owner.machine == this_machine():
      return not owner.is_gone()
    return content is not None and content != self._first.setdefault(key, content)

  def _take(self, key: str) -> bool:
    """Makes a claim, over one that is dead; returns False if a living process has it."""
    path = self._path(key)
    with explain_write_errors(path):
      self.folder.mkdir(parents=True, exist_ok=True)
    if self._made(key):
      return True
    if not self._is_dead(key):
      return False
    with alone_with(path):
      # Another process may have taken it over meanwhile.
      if not self._is_dead(key):
        return False
      path.unlink(missing_ok=True)
      return self._made(key)

  def _made(self, key: str) -> bool:
    """Makes the file of a claim; returns False where there is one."""
    # What is written is on the disk when it returns: others look at it from elsewhere.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_SYNC", 0)
    flags |= getattr(os, "O_BINARY", 0)
    try:
      file = os.fdopen(os.open(self._path(key), flags, 0o666), "r+b", buffering=0)
    except FileExistsError:
      return False
    host = re.sub(r"\s+", "-", platform.node())[:200] or "localhost"
    facts = f"{host} {os.getpid()} {this_machine()} {secrets.token_hex(8)}"
    with self._guard:
      self._held[key] = file
      file.write(f"{0:020}\n{facts}\n".encode("utf-8", "replace"))
    if self._thread is None:
      self._thread = threading.Thread(target=self._move, daemon=True)
      self._thread.start()
    return True

  def _move(self) -> None:
    """Moves the counters on until the end; the thread's work."""
    count = 0
    while not self._ended.wait(self._beat):
      count += 1
      with self._guard:
        for file in self._held.values():
          with contextlib.suppress(OSError):
            file.seek(0)
            file.write(f"{count:020}".encode())

  def _give_up(self, key: str) -> None:
    """Removes the file of a claim that is held, unless another has taken it over."""
    with self._guard:
      file = self._held.pop(key, None)
    if file is None:
      return
    with contextlib.suppress(OSError):
      with file:
        ours = is_at(file, self._path(key))
      if ours:  # closed first: Windows removes no open file
        self._path(key).unlink()

  def _is_dead(self, key: str) -> bool:
    """Whether nobody has a claim, or who has it is gone."""
    content = self._look(key)
    owner = _owner(content)
    if content is None or (owner is not None and owner.is_gone()):
      return True
    return self._clock() - self._seen[key].since >= self._lease

  def _look(self, key: str) -> bytes | None:
    """Reads a claim and remembers since when it is as it is."""
    content = _content(self._path(key))
    before = self._seen.get(key)
    if content is None:
      self._seen.pop(key, None)
    elif before is None or before.content != content:
      self._seen[key] = _Seen(content, self._clock())
    return content

  def _sweep(self) -> None:
    """Removes claims whose process is gone; of other machines, those a day old."""
    with contextlib.suppress(OSError, InputError):
      for path in self.folder.glob("*.claim"):
        if _is_left(path):
          with alone_with(path):
            if _is_left(path):
              path.unlink()

  def _path(self, key: str) -> pathlib.Path:
    return self.folder / f"{key}.claim"


def wait_a_moment(looks: int) -> None:
  """Sleeps, the longer the more often nothing had happened: 0.1 s to 2 s."""
  time.sleep(min(_LEAST_WAIT * 2**looks, _MOST_WAIT))


def _content(path: pathlib.Path) -> bytes | None:
  """What stands in a claim; None where there is none."""
  try:
    with open_regular(path) as file:
      return file.read(_MOST_BYTES)
  except FileNotFoundError:
    return None
  except OSError:
    return b""  # something is there, and says nothing


def _owner(content: bytes | None) -> _Owner | None:
  """Who made a claim; None where it does not say."""
  found = _CLAIM.fullmatch((content or b"").decode("utf-8", "replace"))
  return None if found is None else _Owner(found[1], int(found[2]), found[3])


def _is_left(path: pathlib.Path) -> bool:
  """Whether the process that made a claim is known to be gone, or must be."""
  owner = _owner(_content(path))
  if owner is not None and owner.machine == this_machine():
    return owner.is_gone()
  return path.stat().st_mtime < time.time() - STALE_SECONDS
