"""Files of `torch.save`: the zip archive since 1.6, the sequence of pickles before.

Tensors are views of the mapped file: nothing is copied until somebody computes with it,
except half precision. Every storage is checked against the file first, and a zip's
against its checksum.
"""

import functools
import io
import mmap
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from lead_jax.backbones._weights._budget import Budget, allowance
from lead_jax.backbones._weights._constructions import Storage, Tensor
from lead_jax.backbones._weights._pickles import run_pickle
from lead_jax.backbones._weights._storages import (
  byte_count,
  storage_reference,
  tensor_reader,
)

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

Reader = Callable[[Tensor], np.ndarray]


def pickle_member(names: list[str]) -> str | None:
  """Which member of a zip file is torch's pickle, or None."""
  found = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
  return min(found, key=len) if found else None


def check_sizes(archive: zipfile.ZipFile, size: int) -> int:
  """Refuses a zip file of `size` bytes that would grow beyond all reason.

  Returns:
    How many bytes its members have.

  Raises:
    ValueError: If its members are larger than weights could be.
  """
  members = archive.infolist()
  whole = sum(m.file_size for m in members if m.compress_type == zipfile.ZIP_STORED)
  grown = sum(m.file_size for m in members) - whole
  if whole > size or grown > allowance(size):
    raise ValueError(f"its members claim {whole + grown} bytes, the file has {size}")
  return whole + grown


def read_torch_zip(
  mapped: mmap.mmap, archive: zipfile.ZipFile, source: str
) -> tuple[Any, Reader]:
  """Reads a file of torch 1.6 or later.

  Args:
    mapped: The file's content.
    archive: The same, opened as a zip file; it passed `check_sizes` and has a
      `pickle_member`.
    source: How error messages name the file.

  Returns:
    What was saved, with a `Tensor` for each tensor, and the function that reads those.

  Raises:
    InputError: If its pickle asks for a call.
    ValueError, zipfile.BadZipFile: If it is damaged or not supported.
  """
  member = pickle_member(archive.namelist()) or ""
  folder = member.removesuffix("data.pkl")
  if f"{folder}constants.pkl" in archive.namelist():
    raise ValueError("it is a TorchScript program, not a dictionary of weights")
  if f"{folder}byteorder" in archive.namelist():
    order = _member(mapped, archive, f"{folder}byteorder", 6, exact=False)
    if bytes(order) != b"little":
      raise ValueError("it was written in big-endian byte order")
  content = io.BytesIO(
    _member(mapped, archive, member, archive.getinfo(member).file_size)
  )
  budget = Budget(len(content.getbuffer()), source)
  saved = run_pickle(
    content, source=source, budget=budget, persistent=storage_reference
  )

  def content_of(storage: Storage) -> Any:
    name = f"{folder}data/{storage.key}"
    if name not in archive.NameToInfo:
      raise ValueError(f"record {name} is missing")
    return _member(mapped, archive, name, byte_count(storage))

  return saved, tensor_reader(content_of)


def _member(
  mapped: mmap.mmap,
  archive: zipfile.ZipFile,
  name: str,
  size: int,
  *,
  exact: bool = True,
) -> Any:
  """Returns a member of `size` bytes: a piece of the mapped file where it is stored."""
  info = archive.getinfo(name)
  if info.file_size != size if exact else info.file_size > size:
    raise ValueError(f"record {name} has {info.file_size} bytes, {size} are needed")
  if info.flag_bits & 1:
    raise ValueError("it is encrypted")
  if info.compress_type != zipfile.ZIP_STORED:
    with archive.open(info) as file:  # Reads no more than file_size, checks the sum.
      return file.read()
  # The central directory knows where the local header starts; that knows its own length.
  header = mapped[info.header_offset : info.header_offset + 30]
  if len(header) < 30 or header[:4] != b"PK\x03\x04":
    raise ValueError(f"record {name} has no header")
  name_length, extra_length = struct.unpack("<HH", header[26:30])
  start = info.header_offset + 30 + name_length + extra_length
  content = memoryview(mapped)[start : start + info.file_size]
  if len(content) != info.file_size:
    raise ValueError(f"record {name} ends beyond the end of the file")
  if zlib.crc32(content) != info.CRC:
    raise ValueError(f"record {name} does not have its checksum")
  return content


def read_torch_legacy(mapped: mmap.mmap, source: str) -> tuple[Any, Reader]:
  """Reads a file written before torch 1.6, whose magic number was seen already.

  Four pickles (magic number, version, the writer's machine, what was saved), the list of
  storages, then each storage: its count and its elements.

  Args:
    mapped: The file's content.
    source: How error messages name the file.

  Returns:
    As `read_torch_zip`.

  Raises:
    InputError: If a pickle asks for a call.
    ValueError: If it is damaged or not supported.
  """
  file: BinaryIO = mapped  # type: ignore[assignment]
  file.seek(0)
  read = functools.partial(
    run_pickle, file, source=source, budget=Budget(len(mapped), source)
  )
  read()
  if read() != _LEGACY_PROTOCOL:
    raise ValueError(f"torch's file format is not number {_LEGACY_PROTOCOL}")
  machine = read()
  if not machine["little_endian"]:
    raise ValueError("it was written in big-endian byte order")
  storages: dict[str, Storage] = {}

  def referred(pid: Any) -> Storage:
    storage = storage_reference(pid)
    known = storages.setdefault(storage.key, storage)
    if (known.dtype, known.count) != (storage.dtype, storage.count):
      raise ValueError(f"storage {storage.key} is used as two types or sizes")
    return storage

  saved = read(persistent=referred)
  keys = read()
  places = {}
  position = file.tell()
  for key in keys:
    if not isinstance(key, str) or key not in storages:
      raise ValueError("it holds a storage that is not used: its size is unknown")
    if position + 8 > len(mapped):
      raise ValueError(f"it was cut short: its {len(mapped)} bytes are not all of it")
    (count,) = struct.unpack("<q", mapped[position : position + 8])
    if count != storages[key].count:
      raise ValueError(f"storage {key} has not the size that its tensors need")
    position += 8
    places[key] = position
    position += byte_count(storages[key])
  if position > len(mapped):
    raise ValueError(
      f"it was cut short: it has {len(mapped)} bytes and should have {position}"
    )

  def content_of(storage: Storage) -> Any:
    start = places[storage.key]
    return memoryview(mapped)[start : start + byte_count(storage)]

  return saved, tensor_reader(content_of)
