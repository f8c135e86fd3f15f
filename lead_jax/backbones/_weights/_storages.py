"""From the bytes of torch's storages to arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lead_jax.backbones._weights._constructions import Name, Storage, Tensor

# What torch calls the element types of storages; bfloat16 has none in numpy.
_DTYPES = {
  "FloatStorage": "<f4",
  "DoubleStorage": "<f8",
  "HalfStorage": "<f2",
  "BFloat16Storage": "<u2",
  "LongStorage": "<i8",
  "IntStorage": "<i4",
  "ShortStorage": "<i2",
  "CharStorage": "i1",
  "ByteStorage": "u1",
  "BoolStorage": "?",
}


def storage_reference(pid: Any) -> Any:
  """Returns the storage that a persistent id of torch names.

  Args:
    pid: `("storage", type, key, device, count)`, in old files with a view of it behind:
      None, or `(key of its own, start, count)`.

  Raises:
    ValueError: If it is anything else, or a type that is no plain number.
  """
  if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
    raise ValueError("it holds whole modules, not a dictionary of weights")
  _, kind, key, _, count, *view = pid
  if not isinstance(kind, Name) or kind.name not in _DTYPES:
    called = kind if isinstance(kind, Name) else "no name"
    raise ValueError(f"storages of type {called} are not supported")
  if not isinstance(key, str | int):
    raise ValueError("a storage is named by something else than text")
  start, size = (0, count) if view in ([], [None]) else view[0][1:]
  if not all(
    isinstance(number, int) and number >= 0 for number in (count, start, size)
  ):
    raise ValueError("a storage has no size")
  if start + size > count:
    raise ValueError("a view of a storage is larger than that")
  return Storage(str(key), kind.name, count, (start, size))


def byte_count(storage: Storage) -> int:
  """How many bytes a storage has."""
  return storage.count * np.dtype(_DTYPES[storage.dtype]).itemsize


def tensor_reader(
  content: Callable[[Storage], Any],
) -> Callable[[Tensor], np.ndarray]:
  """Returns a function from tensors to read-only views of storages.

  Each storage is read, and widened, once.

  Args:
    content: The bytes of a storage, as many as `byte_count` says.
  """
  read: dict[str, tuple[str, np.ndarray]] = {}

  def to_array(tensor: Tensor) -> np.ndarray:
    storage = tensor.storage
    if storage.key not in read:
      dtype = _DTYPES[storage.dtype]
      values = np.frombuffer(content(storage), dtype, storage.count)
      values = widened(values, brain=storage.dtype == "BFloat16Storage")
      read[storage.key] = storage.dtype, values
    dtype, values = read[storage.key]
    if dtype != storage.dtype or len(values) != storage.count:
      raise ValueError(f"storage {storage.key} is used as two types or sizes")
    steps = [step * values.itemsize for step in tensor.strides]
    if 0 in tensor.shape:
      return np.zeros(tensor.shape, values.dtype)
    return np.lib.stride_tricks.as_strided(
      values[tensor.offset :], tensor.shape, steps, writeable=False
    )

  return to_array


def widened(array: np.ndarray, *, brain: bool = False) -> np.ndarray:
  """Half precision as single precision, in this machine's byte order.

  Args:
    array: Any numbers.
    brain: Whether they are the bits of bfloat16 (as uint16).
  """
  if brain:
    return (array.astype(np.uint32) << 16).view(np.float32)
  if array.dtype.kind == "f" and array.dtype.itemsize == 2:
    return array.astype(np.float32)
  return array.astype(array.dtype.newbyteorder("="), copy=False)
