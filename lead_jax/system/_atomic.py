"""Files and folders that are there completely or not at all.

What is written is made beside its place as `.NAME.PID-MACHINE-RANDOM.tmp`, flushed to disk
and renamed. Whatever moment a process is killed at, a reader finds the old content or the
new one; two processes that write the same name both succeed, and one of them is found. What
a killed process left is removed by the next one that writes there.
"""

import contextlib
import errno
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from lead_jax.checks import InputError, parameter
from lead_jax.system._temporaries import beside, discard, discarded, remove_stale

# What a user can do, unless the caller knows better.
OTHER_FOLDER = f"give another {parameter('out')}"


class UnwrittenError(InputError):
  """A file cannot be written: the disk is full, or the folder is not the user's."""


def write_bytes(
  path: str | os.PathLike[str],
  data: bytes,
  *,
  remedy: str = OTHER_FOLDER,
) -> None:
  """Writes a file so that a reader finds the old one or the new one, never a part.

  Args:
    path: Its folder is made where it is not there.
    data: All of it.
    remedy: What the user can do where it cannot be written, for the message.

  Raises:
    UnwrittenError: If it cannot be written.
  """
  path = pathlib.Path(path)
  with explain_write_errors(path, remedy=remedy):
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
      file.write(data)
    remove_stale(path.parent)


def write_text(
  path: str | os.PathLike[str], text: str, *, remedy: str = OTHER_FOLDER
) -> None:
  """Writes a text file, in UTF-8, as `write_bytes` does.

  What UTF-8 has not is written as `?`: half a surrogate pair, as Python reads each byte of
  a file's name that is no text.
  """
  write_bytes(path, text.encode("utf-8", errors="replace"), remedy=remedy)


@contextlib.contextmanager
def explain_write_errors(
  path: str | os.PathLike[str], *, remedy: str = OTHER_FOLDER
) -> Iterator[None]:
  """Turns each `OSError` inside into an `UnwrittenError` of one line.

  Args:
    path: What is written, for the message.
    remedy: What the user can do, for the message.
  """
  try:
    yield
  except OSError as error:
    reason = error.strerror or error
    raise UnwrittenError(
      f"cannot write {os.fspath(path)!r} ({reason}): {remedy}"
    ) from error


@contextlib.contextmanager
def replacing(
  path: str | os.PathLike[str], *, lasting: bool = True
) -> Iterator[BinaryIO]:
  """Opens a file beside `path` for writing; it takes the place when the block ends.

  Where the block raises, whatever it is, `path` is as it was and nothing is left beside it.

  Args:
    path: Of the file.
    lasting: Whether it has to survive a power cut, which takes a moment; False for what
      is checked when it is read and can be made again.

  Raises:
    OSError: If it cannot be written.
  """
  with (
    replacing_path(path, lasting=lasting) as temporary,
    open(temporary, "wb") as file,
  ):
    yield file


@contextlib.contextmanager
def replacing_path(
  path: str | os.PathLike[str], *, lasting: bool = True
) -> Iterator[pathlib.Path]:
  """Does what `replacing` does, for a library that opens its file itself.

  Args:
    path: Of the file.
    lasting: As for `replacing`.

  Yields:
    The path of an empty file, to be written over or replaced.

  Raises:
    OSError: If it cannot be written.
  """
  path = pathlib.Path(path)
  temporary = beside(path)
  try:
    with open(temporary, "xb") as file:
      mode = os.fstat(file.fileno()).st_mode  # what the user's umask leaves
    yield temporary
    temporary.chmod(mode & 0o777)
    if lasting:
      move_into_place(temporary, path)
    else:
      os.replace(temporary, path)
  finally:
    discard(temporary)


@contextlib.contextmanager
def replacing_folder(
  path: str | os.PathLike[str],
  *,
  keep: Callable[[pathlib.Path], bool] = lambda folder: False,
) -> Iterator[pathlib.Path]:
  """Makes a folder beside `path`; it takes the place when the block ends.

  Where the block raises, whatever it is, `path` is as it was and nothing is left beside it.
  A folder that is there cannot be replaced in one step: a process that is killed between
  the two leaves none.

  Args:
    path: Of the folder, whose parent exists.
    keep: Asked of a folder that is there, or that another process has made meanwhile: if
      true, that one stays.

  Yields:
    The path of an empty folder, to be filled.

  Raises:
    OSError: If it cannot be written.
  """
  path = pathlib.Path(path)
  temporary = beside(path)
  try:
    temporary.mkdir()
    yield temporary
    for inner in temporary.rglob("*"):
      _flush_folder(inner) if inner.is_dir() else _flush(inner)
    _flush_folder(temporary)
    _move_folder(temporary, path, keep)
    _flush_folder(path.parent)
  finally:
    discard(temporary)


def move_into_place(
  temporary: str | os.PathLike[str], path: str | os.PathLike[str]
) -> None:
  """Flushes a finished file to disk and renames it, over what is there.

  Raises:
    OSError: If it cannot be flushed or renamed.
  """
  _flush(temporary)
  os.replace(temporary, path)
  _flush_folder(pathlib.Path(path).parent)


def write_together(
  folder: str | os.PathLike[str],
  files: Mapping[str, bytes],
  *,
  remedy: str = OTHER_FOLDER,
) -> None:
  """Writes files that belong together: all of them, or none where one cannot be written.

  All are made and flushed before the first is renamed, so that a full disk costs no file
  that is there. A process that is killed between two renames leaves some of the new ones
  beside some of the old ones, each whole.

  Args:
    folder: Made where it is not there.
    files: Content by name, in the order in which they are renamed.
    remedy: As for `write_bytes`.

  Raises:
    UnwrittenError: If one cannot be written; it is named.
  """
  folder = pathlib.Path(folder)
  with explain_write_errors(folder, remedy=remedy):
    folder.mkdir(parents=True, exist_ok=True)
  with contextlib.ExitStack() as stack:
    made = [
      (stack.enter_context(discarded(folder / name)), folder / name) for name in files
    ]
    for (temporary, path), data in zip(made, files.values(), strict=True):
      with explain_write_errors(path, remedy=remedy):
        temporary.write_bytes(data)
        _flush(temporary)
    for temporary, path in made:
      with explain_write_errors(path, remedy=remedy):
        os.replace(temporary, path)
    _flush_folder(folder)
    remove_stale(folder)


def _move_folder(
  temporary: pathlib.Path, path: pathlib.Path, keep: Callable[[pathlib.Path], bool]
) -> None:
  """Renames a finished folder, over one that is there if it is not to be kept."""
  if _renamed(temporary, path) or keep(path):
    return
  aside = beside(path)
  # FileNotFoundError: another writer has put the same folder aside just now.
  with contextlib.suppress(FileNotFoundError):
    os.rename(path, aside)
  try:
    # Not renamed: another writer was first again, and what it wrote is as new.
    _renamed(temporary, path)
  finally:
    discard(aside)


def _renamed(temporary: pathlib.Path, path: pathlib.Path) -> bool:
  """Renames a folder; returns False where another one is in its place."""
  try:
    os.rename(temporary, path)
  except OSError as error:
    # A folder is not renamed onto a file, nor onto one with files in it.
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
      return False
    raise
  return True


def _flush(path: str | os.PathLike[str]) -> None:
  """Has a file's content lie on the disk when it returns."""
  with open(path, "rb") as file:
    os.fsync(file.fileno())


def _flush_folder(path: pathlib.Path) -> None:
  """Makes a rename last through a power cut, where the system can."""
  with contextlib.suppress(OSError):
    descriptor = os.open(path, os.O_RDONLY)
    try:
      os.fsync(descriptor)
    finally:
      os.close(descriptor)
