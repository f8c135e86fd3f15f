"""What a published checkpoint may construct: tensors, arrays and plain containers.

Every name here was found in checkpoints or in the code that writes them. None stands for
a Python object that would be called: each has a function of this file, which makes inert
data of inert data. A name that is not here is refused.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lead_jax.checks import InputError, shown


@dataclasses.dataclass(frozen=True)
class Name:
  """A global of a pickle: what it is called, never the thing."""

  module: str
  name: str

  def __str__(self) -> str:
    return f"{self.module}.{self.name}"


@dataclasses.dataclass(frozen=True)
class Module:
  """A module that a pickle of dill names: never imported."""

  name: str


class Record:
  """An object of no interest (a namespace, a date): it holds nothing that is used."""


@dataclasses.dataclass(frozen=True)
class NamedTupleType:
  """A named tuple's class that a file defines by its field names."""

  fields: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Storage:
  """A torch storage: `count` elements called `dtype` under `key`, read later.

  `view`: where a view of it starts, and how many elements that has.
  """

  key: str
  dtype: str
  count: int
  view: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Tensor:
  """A torch tensor before its storage was read."""

  storage: Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


class OldTensor:
  """A tensor of torch before 0.1.12 under construction; `BUILD` brings all it has."""

  def __init__(self) -> None:
    self._tensor: Tensor | None = None

  def set_state(self, state: Any) -> None:
    self._tensor = _tensor(*state)

  @property
  def tensor(self) -> Tensor:
    if self._tensor is None:
      raise ValueError("a tensor has no storage")
    return self._tensor


class Dtype:
  """A numpy data type under construction; `BUILD` tells its byte order."""

  def __init__(self, code: str):
    if not _CODES.fullmatch(code):
      raise ValueError(f"arrays of type {code!r} hold no numbers")
    self._code = code

  def set_state(self, state: Any) -> None:
    if state[1] in ("<", ">", "="):
      self._code = state[1] + self._code.lstrip("<>|=")

  @property
  def numpy(self) -> np.dtype:
    return np.dtype(self._code)


class Array:
  """A numpy array under construction; `BUILD` brings its shape and bytes."""

  def __init__(self) -> None:
    self._value: np.ndarray | None = None

  def set_state(self, state: Any) -> None:
    _, shape, dtype, by_column, data = state
    self._value = _array(data, dtype, shape, "F" if by_column else "C")

  @property
  def value(self) -> np.ndarray:
    if self._value is None:
      raise ValueError("an array has no content")
    return self._value

  @property
  def nbytes(self) -> int:
    return 0 if self._value is None else self._value.nbytes


_MOST_AXES = 64  # of NumPy

_CODES = re.compile(r"[<>|=]?([iu][1248]|f[248]|b1)")

# Data classes that appear beside the weights: options, dates, paths, optimizers' states.
_HARMLESS = frozenset(
  {
    "argparse.Namespace",
    "builtins.complex",
    "builtins.object",
    "builtins.range",
    "builtins.slice",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "torch.device",
  }
)

# BYOL's, for a file that names them; dill, which wrote the published one, spells the
# fields of every named tuple out (deepmind-research, byol_experiment.py, optimizers.py).
_NAMED_TUPLES = {
  "byol.byol_experiment._ByolExperimentState": NamedTupleType(
    ("online_params", "target_params", "online_state", "target_state", "opt_state")
  ),
  "byol.utils.optimizers.ScaleByLarsState": NamedTupleType(("mu",)),
  "byol.utils.optimizers.AddWeightDecayState": NamedTupleType(()),
}


def construct(target: Any, args: tuple[Any, ...], source: str) -> Any:
  """Returns the data that a call in a pickle stands for.

  Args:
    target: What would be called: a `Name`, or a `NamedTupleType`.
    args: Its arguments.
    source: How error messages name the file.

  Raises:
    InputError: If it is not known to make plain data.
    ValueError: If the arguments make no sense.
  """
  if isinstance(target, Name):
    name = str(target).replace("__builtin__.", "builtins.", 1)
    known = _NAMED_TUPLES.get(name)
    if known is None:
      if name in _HARMLESS:
        return Record()
      if name in ("copyreg._reconstructor", "copy_reg._reconstructor"):
        return construct(args[0], (), source)
      if name in _CONSTRUCTIONS:
        return _CONSTRUCTIONS[name](*args)
      raise InputError(
        f"{source}: its pickle wants {shown(target)} to be called, which makes no weights "
        "and no plain data: the file is refused and nothing in it was executed"
      )
    target = known
  if isinstance(target, NamedTupleType):
    if len(args) != len(target.fields):
      raise ValueError("a named tuple has not as many values as fields")
    return dict(zip(target.fields, args, strict=True))
  raise ValueError("something is called that has no name")


def build(target: Any, state: Any) -> None:
  """Gives an object its state, where that says anything about weights."""
  if isinstance(target, Array | Dtype | OldTensor):
    target.set_state(state)


def put(target: dict[Any, Any], key: Any, value: Any) -> None:
  """Sets an item, if its key could name anything.

  Weights are named by text and optimizers' states by numbers. Other keys hold nothing
  that is wanted, and hashing a stranger's nested tuple could exhaust the C stack.
  """
  if key is None or isinstance(key, str | int | float | bytes):
    target[key] = value


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *more: Any) -> Tensor:
  del more  # requires_grad, hooks.
  if not isinstance(storage, Storage):
    raise ValueError("a tensor has no storage")
  shape, strides = _counts(shape), _counts(strides)
  if len(shape) != len(strides):
    raise ValueError("a tensor has not as many strides as axes")
  (offset,) = _counts((offset,))
  start, count = storage.view
  last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
  # More elements than the storage has are an expanded tensor: a small file could ask for
  # any amount of memory by it.
  size = math.prod(shape)
  if size and (last >= count or size > count):
    raise ValueError(f"a tensor of shape {shape} does not fit into its storage")
  return Tensor(storage, start + offset, shape, strides)


def _counts(values: Any) -> tuple[int, ...]:
  """A shape or the like, checked before anybody multiplies or prints it."""
  if not isinstance(values, tuple | list) or len(values) > _MOST_AXES:
    raise ValueError("a shape is no list of counts")
  if not all(isinstance(n, int) and 0 <= n < 1 << 63 for n in values):
    raise ValueError("a shape or strides are no counts")
  return tuple(values)


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
  if isinstance(data, str):  # Written by Python 2.
    data = data.encode("latin-1")
  if not isinstance(dtype, Dtype) or not isinstance(data, bytes | bytearray):
    raise ValueError("an array is not made of numbers")
  shape = _counts((shape,) if isinstance(shape, int) else shape)
  values = np.frombuffer(data, dtype.numpy)
  if math.prod(shape) != values.size:
    raise ValueError(f"an array of shape {shape} has {values.size} values")
  return values.reshape(shape, order="F" if order == "F" else "C")


def _reconstructed(function: Any, args: Any, state: Any, *more: Any) -> Array:
  """A numpy array inside a jax one: the arguments of numpy's own construction."""
  del args, more
  if not isinstance(function, Name) or str(function) not in _RECONSTRUCT:
    raise ValueError("an array is made by an unknown function")
  array = Array()
  array.set_state(state)
  return array


def _attribute(module: Any, name: Any, *more: Any) -> Name:
  """How dill before 0.3.5 names a function that is not written in Python."""
  if not isinstance(module, Module) or not isinstance(name, str):
    raise ValueError("an attribute is taken of something else than a module")
  return Name(module.name, name)


def _module(name: Any, *more: Any) -> Module:
  if not isinstance(name, str):
    raise ValueError("a module is named by something else than text")
  return Module(name)


def _named_tuple(name: Any, fields: Any, *more: Any) -> NamedTupleType:
  if not all(isinstance(field, str) for field in fields):
    raise ValueError("a field is named by something else than text")
  return NamedTupleType(tuple(fields))


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
  if encoding not in ("latin1", "latin-1"):
    raise ValueError("bytes are written in an unknown way")
  return text.encode("latin-1")


def _pairs(*args: Any) -> dict[Any, Any]:
  """The arguments of `dict`: nothing, a mapping, or pairs."""
  made: dict[Any, Any] = {}
  content = args[0] if args else ()
  for key, value in content.items() if isinstance(content, dict) else content:
    put(made, key, value)
  return made


def _scalar(dtype: Any, data: Any = None) -> np.ndarray:
  return _array(data, dtype, (), "C")


# Where numpy's own constructions are found, or where dill says so: it asks the functions.
_NUMPY = tuple(
  f"numpy.{core}.{module}"
  for core in ("core", "_core")
  for module in ("multiarray", "_multiarray_umath")
)
_RECONSTRUCT = tuple(f"{module}._reconstruct" for module in _NUMPY)

_OLD_TENSORS = tuple(
  f"torch.{device}{kind}Tensor"
  for device in ("", "cuda.")
  for kind in ("Float", "Double", "Half", "Long", "Int", "Short", "Char", "Byte")
)

_CONSTRUCTIONS: Mapping[str, Callable[..., Any]] = {
  "collections.OrderedDict": _pairs,
  "collections.defaultdict": lambda factory=None, *args: _pairs(*args),
  "collections.Counter": _pairs,
  "builtins.dict": _pairs,
  "builtins.list": lambda items=(): list(items),
  "builtins.set": lambda items=(): list(items),
  "builtins.frozenset": lambda items=(): list(items),
  "builtins.tuple": lambda items=(): tuple(items),
  "builtins.bytes": lambda data=b"": data,
  "builtins.bytearray": lambda data=b"", *encoding: _encode(data) if encoding else data,
  "_codecs.encode": _encode,
  "torch._utils._rebuild_tensor": _tensor,
  "torch._utils._rebuild_tensor_v2": _tensor,
  "torch._utils._rebuild_parameter": lambda tensor, *more: tensor,
  "torch._utils._rebuild_parameter_with_state": lambda tensor, *more: tensor,
  "torch.nn.parameter.Parameter": lambda tensor, *more: tensor,
  "torch.autograd.variable.Variable": lambda tensor, *more: tensor,
  **{name: lambda: OldTensor() for name in _OLD_TENSORS},
  "torch.Size": lambda items=(): tuple(items),
  **{name: lambda *args: Array() for name in _RECONSTRUCT},
  "numpy.dtype": lambda code, *more: Dtype(code),
  **{f"{module}.scalar": _scalar for module in _NUMPY},
  "numpy.core.numeric._frombuffer": _array,
  "numpy._core.numeric._frombuffer": _array,
  "jax._src.array._reconstruct_array": _reconstructed,
  "jax._src.device_array.reconstruct_device_array": _reconstructed,
  "haiku._src.data_structures.FlatMapping": _pairs,
  "haiku._src.data_structures.FlatMap": _pairs,
  "haiku._src.data_structures.frozendict": _pairs,
  "dill._dill._import_module": _module,
  "dill._dill._get_attr": _attribute,
  "dill._dill._create_array": _reconstructed,
  "dill._dill._create_namedtuple": _named_tuple,
}
