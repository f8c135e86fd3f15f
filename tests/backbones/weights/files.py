"""Files as torch, dill and training programs write them, made without any of these."""

import io
import pickle
import struct
import zipfile
from typing import Any, NamedTuple

import numpy as np

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

_STORAGES = {
  "float32": b"FloatStorage",
  "float64": b"DoubleStorage",
  "float16": b"HalfStorage",
  "int64": b"LongStorage",
  "bool": b"BoolStorage",
}


class Call(NamedTuple):
  """What a pickle does by REDUCE (or another opcode): `target` is `module.name`.

  `state` is what BUILD gives to the result.
  """

  target: Any
  args: tuple
  opcode: bytes = pickle.REDUCE
  state: Any = None


class Name(NamedTuple):
  """A global that is mentioned and not called."""

  path: str


class Reference(NamedTuple):
  """A persistent id of torch for an array; `view` as old versions have it."""

  array: np.ndarray
  view: Any = None
  count: int | None = None


class _Pickler(pickle._Pickler):
  """Writes arrays as torch's tensors (where asked), calls and names without importing."""

  def __init__(self, file, *, tensors: bool = False, legacy: bool = False):
    super().__init__(file, protocol=2)
    self._tensors = tensors
    self._legacy = legacy
    self.storages: dict[str, np.ndarray] = {}

  def save(self, obj, save_persistent_id=True):
    if isinstance(obj, Call):
      self._name(obj.target)
      self.save(obj.args)
      self.write(obj.opcode)
      if obj.state is not None:
        self.save(obj.state)
        self.write(pickle.BUILD)
    elif isinstance(obj, Name):
      self._name(obj.path)
    elif isinstance(obj, Reference):
      self._reference(obj)
    elif isinstance(obj, np.ndarray) and self._tensors:
      self._tensor(obj)
    else:
      super().save(obj, save_persistent_id)

  def _name(self, target):
    if isinstance(target, Call):
      self.save(target)
    else:
      module, _, name = target.rpartition(".")
      self.write(b"c" + module.encode() + b"\n" + name.encode() + b"\n")

  def _reference(self, reference):
    array, view, count = reference
    key = str(len(self.storages))
    self.storages[key] = array
    self.write(pickle.MARK)
    self.save("storage")
    self.write(b"ctorch\n" + _STORAGES[array.dtype.name] + b"\n")
    for item in (key, "cuda:0", array.size if count is None else count):
      self.save(item)
    if self._legacy:
      self.save(view)
    self.write(pickle.TUPLE + pickle.BINPERSID)

  def _tensor(self, array):
    steps = [step // array.itemsize for step in np.asarray(array, order="C").strides]
    hooks = Call("collections.OrderedDict", ())
    args = (Reference(array), 0, array.shape, tuple(steps), False, hooks)
    self.save(Call("torch._utils._rebuild_tensor_v2", args))


def pickled(obj: Any) -> bytes:
  """A bare pickle, arrays as numpy's."""
  file = io.BytesIO()
  _Pickler(file).dump(obj)
  return file.getvalue()


def torch_zip(obj: Any, *, compression: int = zipfile.ZIP_STORED) -> bytes:
  """A file of torch since 1.6, arrays as its tensors."""
  file, content = io.BytesIO(), io.BytesIO()
  pickler = _Pickler(content, tensors=True)
  pickler.dump(obj)
  with zipfile.ZipFile(file, "w", compression) as archive:
    archive.writestr("archive/data.pkl", content.getvalue())
    archive.writestr("archive/byteorder", "little")
    for key, array in pickler.storages.items():
      archive.writestr(f"archive/data/{key}", array.tobytes())
    archive.writestr("archive/version", "3\n")
  return file.getvalue()


def torch_legacy(obj: Any) -> bytes:
  """A file of torch before 1.6, arrays as its tensors."""
  file = io.BytesIO()
  machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
  for item in (LEGACY_MAGIC, 1001, machine):
    pickle.dump(item, file, protocol=2)
  pickler = _Pickler(file, tensors=True, legacy=True)
  pickler.dump(obj)
  keys = sorted(pickler.storages)
  pickle.dump(keys, file, protocol=2)
  for key in keys:
    file.write(struct.pack("<q", pickler.storages[key].size))
    file.write(pickler.storages[key].tobytes())
  return file.getvalue()


def nested(flat: dict[str, Any], separator: str = "/") -> dict[str, Any]:
  """Dictionaries in dictionaries from keys joined by a separator."""
  made: dict[str, Any] = {}
  for path, value in flat.items():
    *folders, last = path.split(separator)
    inner = made
    for folder in folders:
      inner = inner.setdefault(folder, {})
    inner[last] = value
  return made
