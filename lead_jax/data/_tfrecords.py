"""TFRecord files, read without TensorFlow.

A record is its length (eight bytes, little-endian), a checksum of those, its bytes and a
checksum of these. Checksums are CRC-32C, masked, as in TensorFlow's `record_writer.cc`:
rotated right by 15 bits, plus a constant. Both are verified, as TensorFlow does.
"""

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8


def read_tfrecords(
  file: BinaryIO, size: int, crc32c: Callable[[bytes], int]
) -> Iterator[bytes]:
  """Yields the records of an uncompressed file.

  Args:
    file: Open for reading, at its start.
    size: Of the file, in bytes; no record can be longer.
    crc32c: The checksum of bytes, not masked.

  Raises:
    ValueError: If the file ends within a record or a checksum is another.
  """
  while header := file.read(_HEADER.size):
    length, of_length = _unpacked(_HEADER, header)
    if of_length != _masked(crc32c(header[:8])) or length > size:
      raise ValueError("the length of a record is damaged")
    record = file.read(length)
    (of_record,) = _unpacked(_FOOTER, file.read(_FOOTER.size))
    if of_record != _masked(crc32c(record)):
      raise ValueError("a record is damaged")
    yield record


def _unpacked(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
  if len(data) < layout.size:
    raise ValueError("the file ends within a record")
  return layout.unpack(data)


def _masked(checksum: int) -> int:
  rotated = (checksum >> 15) | (checksum << 17)
  return (rotated + _MASK_DELTA) & 0xFFFFFFFF
