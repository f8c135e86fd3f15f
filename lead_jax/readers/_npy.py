"""Arrays in NumPy's `.npy` format, whose header is checked before memory is asked for.

NumPy evaluates the header as a Python literal and then makes an array of the shape that it
says; whatever a damaged one raises on the way is raised as it is. Here a header is read on
its own, and everything in it is bounded by the bytes that are there.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import ast
import math
import os
import struct
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np

from lead_jax.checks import InputError, one_line, shown
from lead_jax.system import open_regular

MAGIC = b"\x93NUMPY"
# NumPy's own limit, so that evaluating a literal stays cheap.
_MOST_HEADER = 10_000
# What NumPy can index.
_MOST_AXES = 32
_KINDS = "biufcmMSU"


class NpyHeader(NamedTuple):
  """What the header of an array says.

  Attributes:
    dtype: Of one value; numbers, texts or times.
    shape: Of the array.
    fortran_order: Whether the first axis varies fastest.
    offset: Bytes of the header: where the values begin.
    nbytes: Bytes of the values.
  """

  dtype: np.dtype[Any]
  shape: tuple[int, ...]
  fortran_order: bool
  offset: int
  nbytes: int


def read_npy_header(file: BinaryIO, source: str) -> NpyHeader:
  """Reads the header of an array, and leaves the file behind it.

  Args:
    file: At the beginning of the array.
    source: What messages call the array.

  Raises:
    InputError: If it is no such header, or the array holds Python objects, fields or values
      of unknown type, or is larger than anything can be.
  """
  start = file.read(8)
  if start[:6] != MAGIC or len(start) < 8:
    raise InputError(f"{source} is not an array of NumPy: save it by numpy.save")
  major = start[6]
  if major not in (1, 2, 3):
    raise InputError(
      f"{source} is an array in version {major} of NumPy's format; 1 to 3 are known"
    )
  width, form = (2, "<H") if major == 1 else (4, "<I")
  counted = file.read(width)
  length = struct.unpack(form, counted)[0] if len(counted) == width else -1
  if not 0 <= length <= _MOST_HEADER:
    raise InputError(f"{source} is damaged: its header has an impossible length")
  text = file.read(length)
  if len(text) < length:
    raise InputError(f"{source} is cut short: its header has {len(text)} bytes")
  dtype, shape, fortran = _literal(text, "utf-8" if major == 3 else "latin-1", source)
  nbytes = math.prod(shape) * dtype.itemsize
  # Beside an axis of 0, the others must still be countable.
  if math.prod(n for n in shape if n) * dtype.itemsize >= 2**62:
    raise InputError(f"{source} claims the impossible shape {_sizes(shape)}")
  return NpyHeader(dtype, shape, fortran, 8 + width + length, nbytes)


def _literal(
  text: bytes, encoding: str, source: str
) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
  """The type, shape and order that the text of a header says."""
  try:
    found = ast.literal_eval(text.decode(encoding).strip())
  except (
    ValueError,
    SyntaxError,
    TypeError,
    MemoryError,
    RecursionError,
    AttributeError,
  ):
    found = None
  if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
    raise InputError(f"{source} is damaged: its header cannot be read")
  shape = found["shape"]
  sizes = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
  if not sizes or len(shape) > _MOST_AXES:
    raise InputError(f"{source} is damaged: its shape is {shown(shape, most=60)}")
  if type(found["fortran_order"]) is not bool:
    raise InputError(f"{source} is damaged: its order of axes cannot be read")
  return _type(found["descr"], source), shape, found["fortran_order"]


def _type(descr: Any, source: str) -> np.dtype[Any]:
  if isinstance(descr, list | tuple):
    raise InputError(
      f"{source} has records with fields, not plain values: save each field as an array of "
      "its own"
    )
  try:
    dtype = np.dtype(descr) if isinstance(descr, str) else None
  except (TypeError, ValueError, SyntaxError, OverflowError, MemoryError):
    dtype = None
  if dtype is None:
    raise InputError(f"{source} is damaged: its type is {shown(descr, most=60)}")
  if dtype.hasobject:
    raise InputError(
      f"{source} holds Python objects, which are never loaded; save integer, float or "
      "string arrays"
    )
  if dtype.kind == "V":
    likely = ", as which NumPy saves bfloat16" if dtype.itemsize == 2 else ""
    raise InputError(
      f"{source} has values of the unknown type {dtype.str}{likely}: convert it by "
      ".astype('float32') before it is saved"
    )
  if dtype.kind not in _KINDS or not dtype.itemsize or dtype.subdtype is not None:
    raise InputError(f"{source} has values of the type {shown(dtype)}: save numbers")
  return dtype


def read_values(
  file: BinaryIO, header: NpyHeader, source: str
) -> np.ndarray[Any, np.dtype[Any]]:
  """Reads the values behind a header, which end the file.

  Args:
    file: Behind the header.
    header: Its size was compared with what there is.
    source: What messages call the array.

  Raises:
    InputError: If there are more or fewer, or they are none of their type.
  """
  values = np.empty(header.nbytes, np.uint8)
  view, done = values.data, 0
  while done < header.nbytes:
    part = file.read(min(1 << 20, header.nbytes - done))
    if not part:
      break
    view[done : done + len(part)] = part
    done += len(part)
  # One more, so that an archive sees its end and compares its checksum.
  if done < header.nbytes or file.read(1):
    raise InputError(
      f"{source} has not the {header.nbytes} bytes that its shape "
      f"{_sizes(header.shape)} needs: it was cut short or damaged"
    )
  flat = values.view(header.dtype)
  _check_values(flat, source)
  return flat.reshape(header.shape, order="F" if header.fortran_order else "C")


def map_npy(path: str | os.PathLike) -> np.ndarray[Any, np.dtype[Any]]:
  """Maps an array of a `.npy` file into memory, read-only.

  Args:
    path: The file; it must stay as it is while the array is used.

  Returns:
    The array; without values where it has none, not mapped.

  Raises:
    InputError: If it cannot be read, is no sound `.npy` file of plain values, or has not
      the size that its header says.
  """
  source = shown(os.fspath(path), most=None)
  try:
    with open_regular(path) as file:
      header = read_npy_header(file, source)
      size = os.fstat(file.fileno()).st_size
      if size != header.offset + header.nbytes:
        raise InputError(
          f"{source} has {size} bytes, its header says {header.offset + header.nbytes}"
        )
      order: Literal["F", "C"] = "F" if header.fortran_order else "C"
      if not header.nbytes:
        return np.empty(header.shape, header.dtype)
      return np.memmap(
        file, header.dtype, "r", header.offset, header.shape or (1,), order
      ).reshape(header.shape, order=order)
  except InputError:
    raise
  except FileNotFoundError:
    raise InputError(f"{source}: there is no such file") from None
  except (OSError, ValueError, MemoryError, OverflowError) as error:
    raise InputError(f"{source} cannot be read ({one_line(error)})") from None


def _check_values(flat: np.ndarray[Any, np.dtype[Any]], source: str) -> None:
  """Refuses bytes that are no value of a type: text beyond Unicode, other booleans."""
  if flat.dtype.kind == "U":
    codes = flat.view(f"{flat.dtype.str[0]}u4")
    if np.any((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes <= 0xDFFF))):
      raise InputError(f"{source} holds text that is no Unicode: save it again")
  if flat.dtype.kind == "b" and np.any(flat.view(np.uint8) > 1):
    raise InputError(f"{source} is damaged: it has booleans that are neither 0 nor 1")


def _sizes(shape: tuple[int, ...]) -> str:
  """A shape in words, in which no size takes more than a few letters."""
  return shown("(" + ", ".join(f"{n:d}" if n < 10**12 else "huge" for n in shape) + ")")
