"""NumPy's `.npz` archives: arrays by name, nothing unpickled, nothing beyond the budget."""

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lead_jax.checks import InputError, one_line, shown
from lead_jax.readers._archive import Archive, open_archive
from lead_jax.readers._npy import MAGIC, read_npy_header, read_values
from lead_jax.system import open_regular


class NpzArrays(NamedTuple):
  """What an archive holds.

  Attributes:
    arrays: Those that were asked for and are there, by name.
    names: Of all arrays in it.
    digest: SHA-256 of the file; empty where it was not asked for.
  """

  arrays: Mapping[str, np.ndarray[Any, np.dtype[Any]]]
  names: tuple[str, ...]
  digest: str


def read_npz(
  file: str | os.PathLike | bytes,
  source: str,
  *,
  wanted: Sequence[str] | None = None,
  digest: bool = False,
) -> NpzArrays:
  """Reads arrays from an npz file.

  Args:
    file: Its path or its content.
    source: What messages call it.
    wanted: Names of the arrays to read; all of them where None.
    digest: Whether to hash the file.

  Returns:
    The arrays, C- or Fortran-ordered as they were saved.

  Raises:
    InputError: If it cannot be read, is no npz file, is damaged or encrypted, an array
      holds Python objects or is of no plain type, or it would unpack to far more than the
      file and the machine have.
  """
  if isinstance(file, bytes):
    return _read(io.BytesIO(file), source, wanted, digest)
  try:
    with open_regular(file) as opened:
      return _read(opened, source, wanted, digest)
  except InputError:
    raise
  except FileNotFoundError:
    raise InputError(f"{source}: there is no such file") from None
  except (OSError, ValueError) as error:
    reason = getattr(error, "strerror", None) or one_line(error)
    raise InputError(f"{source} cannot be read as an npz file: {reason}") from None


def _read(
  file: BinaryIO, source: str, wanted: Sequence[str] | None, digest: bool
) -> NpzArrays:
  start = file.read(6)
  if start == MAGIC:
    raise InputError(f"{source} is a single array, not an npz file: use np.savez")
  if start[:2] != b"PK":
    raise InputError(f"{source} is not an npz file: save one by numpy.savez")
  with open_archive(file, source, kind="an npz file") as archive:
    members = _by_name(archive.names, source)
    chosen = {n: m for n, m in members.items() if wanted is None or n in wanted}
    archive.claim(chosen.values())
    arrays = {
      name: _array(archive, member, f"{source}: {shown(name)!r}")
      for name, member in chosen.items()
    }
  hashed = ""
  if digest:
    file.seek(0)
    hashed = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
  return NpzArrays(arrays, tuple(members), hashed)


def _by_name(members: Sequence[str], source: str) -> dict[str, str]:
  """By name of an array, the member that holds it."""
  found: dict[str, str] = {}
  for member in members:
    name = member.removesuffix(".npy")
    if name in found:
      raise InputError(f"{source} has two arrays {shown(name)!r}: save it again")
    found[name] = member
  return found


def _array(
  archive: Archive, member: str, source: str
) -> np.ndarray[Any, np.dtype[Any]]:
  size = archive.size_of(member)
  with archive.member(member) as file:
    header = read_npy_header(file, source)
    if header.offset + header.nbytes != size:
      raise InputError(
        f"{source} is damaged: its header asks for {header.nbytes:.6g} bytes of values, "
        f"{max(0, size - header.offset)} are there"
      )
    return read_values(file, header, source)
