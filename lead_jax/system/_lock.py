"""One process at a time, where a file is read, changed and written."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import IO

from lead_jax.system._atomic import explain_write_errors

try:
  import fcntl
except ImportError:  # Windows
  fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def alone_with(path: str | os.PathLike[str]) -> Iterator[None]:
  """Waits until no other process or thread is inside with the same path.

  The lock, `.NAME.lock` beside the file, ends with the process, however that ends. Where
  a disk or a system has no such locks there is none: the file that is written last stays.

  Args:
    path: Of the file, there or not; its folder is made where it is not there.

  Raises:
    InputError: If the lock cannot be made.
  """
  path = pathlib.Path(path)
  lock = path.with_name(f".{path.name}.lock")
  with explain_write_errors(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    held = _held(lock)
  with held:
    try:
      yield
    finally:
      with contextlib.suppress(OSError):
        lock.unlink()


def _held(lock: pathlib.Path) -> IO[bytes]:
  while True:
    file = open(lock, "ab")  # noqa: SIM115 (the caller closes it)
    with contextlib.suppress(OSError):  # a disk without locks
      lock_file(file, wait=True)
    # Who had it has removed it: what is open is a file that no other will wait for.
    if is_at(file, lock):
      return file
    file.close()


def lock_file(file: IO[bytes], *, wait: bool) -> None:
  """Locks an open file until it is closed; does nothing where the system has no locks.

  Args:
    file: To be locked.
    wait: Whether to wait for who has the lock.

  Raises:
    OSError: If another has the lock and `wait` is False, or the disk has no locks.
  """
  if fcntl is not None:
    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def is_at(file: IO[bytes], path: str | os.PathLike[str]) -> bool:
  """Returns whether an open file still stands at a path."""
  try:
    return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
  except FileNotFoundError:
    return False
