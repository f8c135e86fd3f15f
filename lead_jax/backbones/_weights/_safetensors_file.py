"""Files of `safetensors`: a JSON header and the tensors' bytes."""

import mmap
import os
import struct

import numpy as np

from lead_jax.backbones._weights._storages import widened
from lead_jax.readers import parse_json

_DTYPES = {
  "F64": "<f8",
  "F32": "<f4",
  "F16": "<f2",
  "BF16": "<u2",
  "I64": "<i8",
  "I32": "<i4",
  "I16": "<i2",
  "I8": "i1",
  "U64": "<u8",
  "U32": "<u4",
  "U16": "<u2",
  "U8": "u1",
  "BOOL": "?",
}


def looks_like_safetensors(start: bytes, size: int) -> bool:
  """Whether a file of `size` bytes begins as a safetensors file does."""
  if len(start) < 9:
    return False
  (header,) = struct.unpack("<Q", start[:8])
  return start[8:9] == b"{" and 2 <= header <= size - 8


def read_safetensors(path: os.PathLike, mapped: mmap.mmap) -> dict[str, np.ndarray]:
  """Reads every tensor, as views of the mapped file; half precision is widened.

  Args:
    path: The file.
    mapped: Its content.

  Raises:
    ValueError: If the library finds it damaged, or a type has no place in numpy.
  """
  import safetensors

  try:
    # The library checks the header: its size, its offsets, that they cover the file.
    with safetensors.safe_open(path, framework="numpy"):
      pass
  except safetensors.SafetensorError as error:
    raise ValueError(str(error)) from None
  (length,) = struct.unpack("<Q", mapped[:8])
  header = parse_json(mapped[8 : 8 + length], str(path))
  content = memoryview(mapped)[8 + length :]
  tensors = {}
  for name, entry in header.items():
    if name == "__metadata__":
      continue
    if entry["dtype"] not in _DTYPES:
      raise ValueError(f"tensors of type {entry['dtype']} are not supported")
    start, stop = entry["data_offsets"]
    values = np.frombuffer(content[start:stop], _DTYPES[entry["dtype"]])
    tensors[name] = widened(
      values.reshape(entry["shape"]), brain=entry["dtype"] == "BF16"
    )
  return tensors
