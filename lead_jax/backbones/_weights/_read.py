"""`read_weights`: any published file of weights as a flat dictionary of arrays.

The kind is told by the content, not by the name: `.pth`, `.pt`, `.pth.tar`, `.bin` and
`.ckpt` are used for all of them. Files are untrusted: nothing in them is executed, every
size is checked against the file, and whatever is wrong is said in one line.
"""

import lzma
import mmap
import os
import pathlib
import pickletools
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

from lead_jax.backbones._weights._budget import Budget
from lead_jax.backbones._weights._constructions import Array, OldTensor, Tensor
from lead_jax.backbones._weights._pickles import run_pickle
from lead_jax.backbones._weights._safetensors_file import (
  looks_like_safetensors,
  read_safetensors,
)
from lead_jax.backbones._weights._storages import widened
from lead_jax.backbones._weights._tensorflow_checkpoint import (
  checkpoint_prefix,
  read_tensorflow,
  read_tensorflow_zip,
)
from lead_jax.backbones._weights._torch_files import (
  LEGACY_MAGIC,
  Reader,
  check_sizes,
  pickle_member,
  read_torch_legacy,
  read_torch_zip,
)
from lead_jax.checks import InputError, shown
from lead_jax.system import open_regular, user_path

# What files that are not weights begin with.
_OTHERS = {
  b"<": "is a web page, not weights: open its address in a browser and download the file",
  b"version https://git-lfs": "is a pointer of git-lfs, not the file: fetch that itself",
  b"\x1f\x8b": "is compressed by gzip: unpack it first",
  b"\x89HDF": "is an HDF5 file (Keras), which is not supported",
}

# What damaged files raise, on the way through zip, pickle, JSON and numpy.
_DAMAGE = (
  ArithmeticError,
  AttributeError,
  EOFError,
  LookupError,
  lzma.LZMAError,
  MemoryError,
  NotImplementedError,
  OSError,
  RecursionError,
  TypeError,
  ValueError,
  struct.error,
  zipfile.BadZipFile,
  zlib.error,
)

# A pickle may refer to one list many times, and so name far more than it holds.
_MOST_NAMES = 100_000
_MOST_DEPTH = 50


def read_weights(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads a file of weights.

  Args:
    path: A safetensors file, a file of `torch.save` (any version since 0.1.10), a pickle
      of NumPy arrays, a TensorFlow checkpoint (prefix, index, folder, SavedModel), or a
      zip file with one.

  Returns:
    Every array of the file, read-only, half precision widened to single; the keys of
    nested dictionaries, and places in lists, are joined by dots.

  Raises:
    InputError: If there is no such file, it is of no known kind, damaged, holds no
      arrays, is a pickle that would run code, or would grow beyond all reason.
  """
  path = user_path(path)
  source = str(path)
  try:
    tensors = _read(path, source)
  except InputError:
    raise
  except FileNotFoundError:
    raise InputError(f"{source}: there is no such file") from None
  except _DAMAGE as error:
    reason = shown(getattr(error, "strerror", None) or error)
    raise InputError(
      f"{source} cannot be read as weights ({reason or type(error).__name__}): if it is "
      "damaged or was cut short, fetch it again"
    ) from None
  if not tensors:
    raise InputError(f"{source} holds no arrays: it is no file of weights")
  return tensors


def _read(path: pathlib.Path, source: str) -> dict[str, np.ndarray]:
  prefix = checkpoint_prefix(path)
  if prefix is not None:
    return read_tensorflow(prefix, source)
  if path.is_dir():
    raise InputError(f"{source} is a folder without a TensorFlow checkpoint (*.index)")
  with open_regular(path) as file:
    size = os.fstat(file.fileno()).st_size
    if not size:
      raise InputError(f"{source} is empty: fetch it again")
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = mapped[:64]
    if start.startswith(b"PK\x03\x04"):
      if not zipfile.is_zipfile(file):
        raise ValueError("the end of the zip file, its table of contents, is missing")
      with zipfile.ZipFile(file) as archive:
        held = check_sizes(archive, size)
        if pickle_member(archive.namelist()) is None:
          return read_tensorflow_zip(archive, source)
        saved, reader = read_torch_zip(mapped, archive, source)
        return _flat(saved, reader, Budget(held, source), source)
  if start[:1] == b"\x80":
    if _is_legacy(mapped):
      saved, reader = read_torch_legacy(mapped, source)
      return _flat(saved, reader, Budget(size, source), source)
    mapped.seek(0)
    budget = Budget(size, source)
    saved = run_pickle(mapped, source=source, budget=budget)  # type: ignore[arg-type]
    return _flat(saved, None, Budget(size, source), source)
  if looks_like_safetensors(start, size):
    return read_safetensors(path, mapped)
  for magic, remark in _OTHERS.items():
    if start.lstrip().startswith(magic):
      raise InputError(f"{source} {remark}")
  raise InputError(
    f"{source} is no file of weights that is known (safetensors, torch, pickled NumPy "
    "arrays, TensorFlow checkpoint), or its beginning is missing"
  )


def _is_legacy(mapped: mmap.mmap) -> bool:
  """Whether the first pickle of a file is torch's magic number and nothing else."""
  for count, (opcode, arg, _) in enumerate(pickletools.genops(mapped)):  # type: ignore[arg-type]
    if opcode.name == "LONG1":
      return arg == LEGACY_MAGIC
    if count > 2:
      break
  return False


def _flat(
  saved: Any, reader: Reader | None, budget: Budget, source: str
) -> dict[str, np.ndarray]:
  """Arrays under the joined names of the dictionaries and lists that hold them."""
  flat: dict[str, np.ndarray] = {}
  wide: dict[int, np.ndarray] = {}  # By the identity of what it was: widened once.
  left = [_MOST_NAMES]

  def visit(value: Any, names: tuple[str, ...]) -> None:
    left[0] -= 1
    if left[0] < 0 or len(names) > _MOST_DEPTH:
      raise ValueError("it names more than a network could have")
    array = None
    if isinstance(value, dict):
      for key, item in value.items():
        if isinstance(key, bytes):
          budget.spend(len(key))
        visit(item, (*names, key if isinstance(key, str) else repr(key)))
    elif isinstance(value, list | tuple):
      for index, item in enumerate(value):
        visit(item, (*names, str(index)))
    elif isinstance(value, Tensor | OldTensor) and reader is not None:
      array = reader(value.tensor if isinstance(value, OldTensor) else value)
    elif isinstance(value, Array | np.ndarray):
      if id(value) not in wide:
        values = value.value if isinstance(value, Array) else value
        budget.spend(values.nbytes)
        wide[id(value)] = widened(values)
        wide[id(value)].flags.writeable = False
      array = wide[id(value)]
    if array is not None:
      budget.spend(array.nbytes + sum(map(len, names)))
      name = ".".join(names) or "tensor"
      if name in flat:
        raise InputError(f"{source} holds two tensors of the name {shown(name)!r}")
      flat[name] = array

  visit(saved, ())
  return flat
