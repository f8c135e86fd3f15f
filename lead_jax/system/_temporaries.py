"""Names of what is being written, and the removal of what killed processes left.

A temporary is `.NAME.PID-MACHINE-RANDOM.tmp` beside the place that it will take.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator

# A temporary of another machine, on a shared disk, that is this old belongs to a process
# that is gone. Of this machine, the process id says so.
STALE_SECONDS = 24 * 3600

# The machine stands in it since version 0.1.
_TEMPORARY = re.compile(r"\..*\.(\d+)-(?:([0-9a-f]{8})-)?[0-9a-f]{16}\.tmp", re.DOTALL)
# Letters of the target's name: at four bytes each the whole is short enough for a file.
_LETTERS = 45
# Names of what this process is writing now.
_being_written: set[str] = set()


def beside(path: pathlib.Path) -> pathlib.Path:
  """Returns a path that no other writer takes; `discard` gives it up."""
  name = path.name.lstrip(".")[:_LETTERS]
  unique = f"{os.getpid()}-{this_machine()}-{secrets.token_hex(8)}"
  temporary = path.with_name(f".{name}.{unique}.tmp")
  _being_written.add(temporary.name)
  return temporary


def discard(temporary: pathlib.Path) -> None:
  """Removes a temporary where it still is; its name is not used any more."""
  _remove(temporary)
  _being_written.discard(temporary.name)


@contextlib.contextmanager
def discarded(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields a path beside another one; what has it is removed when the block ends."""
  temporary = beside(path)
  try:
    yield temporary
  finally:
    discard(temporary)


def remove_stale(folder: str | os.PathLike[str]) -> None:
  """Removes what killed processes left in a folder; never the cause of an error."""
  with contextlib.suppress(OSError):
    for path in pathlib.Path(folder).iterdir():
      found = _TEMPORARY.fullmatch(path.name)
      if found and _is_stale(path, int(found[1]), found[2]):
        _remove(path)


def _is_stale(path: pathlib.Path, process: int, machine: str | None) -> bool:
  """Whether the process that wrote a temporary is gone."""
  if machine == this_machine():
    if process == os.getpid():
      return path.name not in _being_written
    return not is_alive(process)
  try:
    return path.lstat().st_mtime < time.time() - STALE_SECONDS
  except OSError:
    return False


def is_alive(process: int) -> bool:
  """Whether there is a process of that id on this machine; True where it is not known."""
  if os.name != "posix":
    return True  # os.kill would end it
  try:
    os.kill(process, 0)
  except ProcessLookupError:
    return False
  except (OSError, OverflowError):
    pass
  return True


@functools.cache
def this_machine() -> str:
  """Eight letters for this machine since it was started, and its numbering of processes."""
  parts = [platform.node()]
  with contextlib.suppress(OSError, ValueError):
    parts.append(os.readlink("/proc/self/ns/pid"))
    parts.append(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text())
  return hashlib.sha256(" ".join(parts).encode("utf-8", "replace")).hexdigest()[:8]


def _remove(path: pathlib.Path) -> None:
  """Removes a file or a folder if it is there and can be removed."""
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path, ignore_errors=True)
  else:
    with contextlib.suppress(OSError):
      path.unlink()
