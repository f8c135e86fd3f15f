"""Zip archives from outside, bounded before anything is unpacked.

A zip file of a kilobyte may unpack to a megabyte. What members claim is compared with the
size of the file and with the machine before the first is read; what they hold is compared
with their claim and their checksum after.
"""

import contextlib
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from typing import BinaryIO

from lead_jax.checks import InputError, one_line, shown

# An archive may unpack to this many bytes for each of its own, and to these in any case.
_FACTOR, _MORE = 64, 256 << 20
_MOST_MEMBERS = 100_000
# What the standard library raises for damaged archives.
_DAMAGE = (
  zipfile.BadZipFile,
  zipfile.LargeZipFile,
  zlib.error,
  lzma.LZMAError,
  struct.error,
  EOFError,
  OSError,
  ValueError,
  KeyError,
  IndexError,
  OverflowError,
  RuntimeError,
  NotImplementedError,
  MemoryError,
)


class Archive:
  """An open archive whose members stay within a budget.

  Attributes:
    names: Of its members, in its order.
  """

  def __init__(self, archive: zipfile.ZipFile, size: int, source: str):
    """Takes an archive of `size` bytes; raises InputError if names stand twice in it."""
    self._archive, self._size, self._source = archive, size, source
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
      raise InputError(f"{source} has {len(members)} members: it is not read")
    self.names = tuple(member.filename for member in members)
    if len(set(self.names)) < len(self.names):
      seen: set[str] = set()
      twice = next(n for n in self.names if n in seen or seen.add(n))  # type: ignore[func-returns-value]
      raise InputError(f"{source} has two members {shown(twice)!r}: pack it again")

  def claim(self, names: Collection[str]) -> None:
    """Refuses members that are together too large to be unpacked, or are encrypted.

    Raises:
      InputError: If they are.
    """
    infos = [self._archive.getinfo(name) for name in names]
    for info in infos:
      if info.flag_bits & 0x1:
        raise InputError(f"{self._source} is encrypted: pack it without a password")
    stored = sum(i.file_size for i in infos if i.compress_type == zipfile.ZIP_STORED)
    claimed = sum(info.file_size for info in infos)
    if stored > self._size:
      raise InputError(
        f"{self._source} is damaged: its members claim {stored} bytes, it has {self._size}"
      )
    most = min(_FACTOR * self._size + _MORE, _machine() // 2)
    if claimed > max(most, stored):
      raise InputError(
        f"{self._source} would unpack to {claimed / 1e6:.0f} MB, at most "
        f"{most / 1e6:.0f} MB are allowed for its {self._size / 1e6:.2g} MB: if it can be "
        "trusted, save it without compression"
      )

  def size_of(self, name: str) -> int:
    """Returns how many bytes a member claims."""
    return self._archive.getinfo(name).file_size

  @contextlib.contextmanager
  def member(self, name: str) -> Iterator[BinaryIO]:
    """Opens a member: no more than it claims is read, its checksum compared at the end."""
    with self._archive.open(name) as file:
      yield file  # type: ignore[misc]


@contextlib.contextmanager
def open_archive(
  file: BinaryIO, source: str, *, kind: str = "a zip archive"
) -> Iterator[Archive]:
  """Opens a zip archive; what reading it raises inside is one line.

  Args:
    file: Of the archive, which can seek.
    source: What messages call it.
    kind: What it should be, in words.

  Raises:
    InputError: If it is none, is damaged, or has a member twice.
  """
  try:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
      yield Archive(archive, size, source)
  except InputError:
    raise
  except _DAMAGE as error:
    raise InputError(
      f"{source} cannot be read as {kind} ({one_line(error, most=120)}): it is damaged, "
      "make or copy it again"
    ) from None


def _machine() -> int:
  """Bytes of memory that the machine has; plenty where that is not known."""
  try:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
  except (AttributeError, ValueError, OSError):
    return 1 << 40
