"""A hash of code as it will run: functions, what they call, and what they have captured.

Scores are stored under keys, and a metric that people edit must never be given the score
of its former self. Its key therefore holds a hash of

  - the compiled code of its functions in memory: instructions, constants, names, defaults,
    values captured by closures, and values of the globals that it refers to;
  - the same of functions, classes and modules that these refer to, as far as they belong
    to the user: libraries (below `site-packages` or of Python itself) count by name;
  - the source text of every file of the user's that these come from, and of the modules
    that such a file imports anywhere, which also covers what no walk over references finds.

Text alone would not do: a file may be edited after it was imported, and the score is then
still that of the code in memory. Whatever cannot be hashed makes every hash another one:
the score is then computed afresh, which is slow and right.
"""

import concurrent.futures
import contextvars
import dataclasses
import functools
import hashlib
import logging
import pathlib
import pickle
import sys
import threading
import types
import typing
import uuid
import weakref
from collections.abc import Mapping, Set
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.system._user_modules import imported_files, is_library_file

# Attributes of classes that Python makes, or that no computation depends on.
_IGNORED = frozenset(
  (
    "__abstractmethods__",
    "__annotate_func__",
    "__annotations__",
    "__annotations_cache__",
    "__dataclass_fields__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__orig_bases__",
    "__parameters__",
    "__static_attributes__",
    "__type_params__",
    "__weakref__",
    "_abc_impl",
  )
)


def source_hash(*things: Any) -> tuple[str, bool]:
  """Returns a SHA-256 (hex) of functions and classes with all that they refer to.

  Args:
    *things: Functions, callable objects or classes; their own packages are followed
      wherever they are installed.

  Returns:
    The same hash for the same code and captured values, in every process of one version
    of Python; and whether that is so: where something cannot be hashed, it is another
    hash each time, and False.
  """
  walk = _Walk({_package(thing) for thing in things})
  try:
    for thing in things:
      walk.add(thing)
    return walk.digest(), walk.stable
  except RecursionError:
    return uuid.uuid4().hex, False


class _Walk:
  """A depth-first walk over code and values that feeds a hash."""

  def __init__(self, packages: Set[str]):
    self._hash = hashlib.sha256(str(sys.implementation.cache_tag).encode())
    self._seen: dict[int, int] = {}
    self._alive: list[Any] = []  # ids are those of living objects
    self._modules: set[str] = set()
    self._packages = packages - set(sys.builtin_module_names)
    self.stable = True

  def digest(self) -> str:
    """Returns the hash of everything that was added, and of its files."""
    for path in sorted(imported_files(self._modules, self._packages)):
      self._tell("file", _hash_of_file(path))
    return self._hash.hexdigest()

  def add(self, thing: Any) -> None:
    """Adds any object."""
    if thing is None or type(thing) in _PLAIN:
      self._tell(type(thing).__name__, repr(thing))
    elif isinstance(thing, tuple | frozenset | types.CodeType):
      # Python makes equal ones the same or does not, as it happens to load them.
      self._add_compound(thing)
    elif id(thing) in self._seen:
      self._tell("again", str(self._seen[id(thing)]))
    else:
      self._seen[id(thing)] = len(self._seen)
      self._alive.append(thing)
      self._add_compound(thing)

  def _tell(self, *texts: str) -> None:
    for text in texts:
      part = text.encode("utf-8", "surrogatepass")
      self._hash.update(len(part).to_bytes(8, "big") + part)

  def _add_compound(self, thing: Any) -> None:
    if isinstance(thing, types.FunctionType):
      self._add_function(thing)
    elif isinstance(thing, types.CodeType):
      self._add_code(thing)
    elif isinstance(thing, type):
      self._add_class(thing)
    elif isinstance(thing, types.ModuleType):
      self._add_name(thing)
      self._keep_file(thing.__name__)
    elif isinstance(thing, _BY_NAME):
      self._add_name(thing)
    elif isinstance(thing, _WITHOUT_STATE):
      self._add_name(type(thing))
    elif isinstance(thing, jax.Device):
      self._tell("device", thing.platform)
    elif isinstance(thing, types.MethodType):
      self._add_all("method", thing.__func__, thing.__self__)
    elif isinstance(thing, functools.partial):
      self._add_all("partial", thing.func, thing.args, thing.keywords)
    elif isinstance(thing, staticmethod | classmethod):
      self._add_all(type(thing).__name__, thing.__func__)
    elif isinstance(thing, property):
      self._add_all("property", thing.fget)
    elif isinstance(thing, weakref.ReferenceType):
      self._add_all("weakref", thing())
    elif isinstance(thing, functools.cached_property):
      self._add_all("property", thing.func)
    elif isinstance(thing, contextvars.ContextVar):
      self._add_all("context", thing.name, thing.get(None))
    elif (origin := typing.get_origin(thing)) is not None:
      self._add_all("type", origin, *typing.get_args(thing))
    elif callable(wrapped := getattr(thing, "__wrapped__", None)):
      self._add_all("wrapped", wrapped)  # by jax.jit, functools.cache and the like
    elif isinstance(thing, tuple | list):
      self._add_all(type(thing).__name__, *thing)
      self._add_own(thing)
    elif isinstance(thing, Mapping):
      self._add_all("mapping", *(part for item in thing.items() for part in item))
      self._add_own(thing)
    elif isinstance(thing, set | frozenset):
      self._tell("set", *sorted(self._apart(item) for item in thing))
      self._add_own(thing)
    elif isinstance(thing, np.ndarray | np.generic | jax.Array):
      self._add_array(thing)
      if isinstance(thing, np.ndarray):
        self._add_own(thing)
    elif isinstance(thing, _PLAIN):
      plain = next(kind for kind in _PLAIN if isinstance(thing, kind))
      self._tell(plain.__name__, plain.__repr__(thing))
      self._add_own(thing)
    else:
      self._add_object(thing)

  def _apart(self, thing: Any) -> str:
    """Returns the hash of one thing by itself: sets have no order."""
    walk = _Walk(self._packages)
    walk._seen = dict(self._seen)  # a class may hold its own instances
    walk.add(thing)
    self._alive += walk._alive
    self._modules |= walk._modules
    self.stable &= walk.stable
    return walk._hash.hexdigest()

  def _add_all(self, kind: str, *things: Any) -> None:
    self._tell(kind, str(len(things)))
    for thing in things:
      self.add(thing)

  def _is_library(self, thing: Any) -> bool:
    """Whether something is not the user's, and counts by name."""
    module = getattr(thing, "__module__", None) or ""
    if isinstance(thing, types.ModuleType):
      module = thing.__name__
    package = module.partition(".")[0]
    if package in self._packages:
      return False
    if package == _OURS:
      return True
    if module in sys.builtin_module_names:  # where text was run without a module's name
      return not (isinstance(thing, types.FunctionType) or _is_written(thing))
    path = getattr(sys.modules.get(module), "__file__", None)
    # Without a file it is of a notebook, or made at run time.
    if path is None:
      return False
    return is_library_file(path)

  def _add_name(self, thing: Any) -> None:
    name = getattr(thing, "__qualname__", None) or getattr(thing, "name", None)
    module = getattr(thing, "__module__", None) or ""
    if isinstance(thing, types.ModuleType):
      name = thing.__name__
    self._tell("name", str(module), str(name), _version(str(module)))

  def _add_function(self, function: types.FunctionType) -> None:
    if hasattr(function, "checks_arguments"):
      # `checks.check_arguments` refuses, and changes no value of what it is around.
      self._add_all("wrapped", function.__wrapped__)  # type: ignore[attr-defined]
      return
    closure = [_content(cell) for cell in function.__closure__ or ()]
    if self._is_library(function):
      self._add_name(function)
      self._add_all("closure", *closure)
      return
    self._keep_file(function.__globals__.get("__name__", ""))
    self._tell("function", function.__qualname__)
    self.add(vars(function))
    self.add(function.__code__)
    self._add_all("defaults", function.__defaults__, function.__kwdefaults__ or {})
    self._add_all("closure", *closure)
    self._add_names(function.__code__, function.__globals__)

  def _add_names(self, code: types.CodeType, scope: Mapping[str, Any]) -> None:
    """Adds the values of globals that code refers to, and of modules' attributes."""
    names = sorted(_all_names(code))
    for name in names:
      if name not in scope:
        continue
      value = scope[name]
      self._tell("global", name)
      self.add(value)
      if isinstance(value, types.ModuleType) and not self._is_library(value):
        self._keep_file(value.__name__)
        for attribute in names:
          if attribute in vars(value):
            self._tell("attribute", attribute)
            self.add(vars(value)[attribute])

  def _add_code(self, code: types.CodeType) -> None:
    self._tell("code", code.co_code.hex(), code.co_exceptiontable.hex())
    shape = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount)
    self._tell(*map(str, shape), *code.co_varnames, *code.co_names, *code.co_freevars)
    self._add_all("constants", *code.co_consts)

  def _add_class(self, cls: type) -> None:
    if self._is_library(cls):
      self._add_name(cls)
      return
    self._keep_file(cls.__module__)
    self._tell("class", cls.__qualname__)
    self._add_all("bases", *cls.__bases__)
    if type(cls) is not type:
      self.add(type(cls))
    if dataclasses.is_dataclass(cls):
      for field in dataclasses.fields(cls):
        self._tell("field", field.name)
        self._add_default(field.default)
        self._add_default(field.default_factory)
    for name, value in sorted(vars(cls).items()):
      code = getattr(value, "__code__", None)
      written = code is None or code.co_filename != "<string>"  # not by dataclasses
      if name not in _IGNORED and written:
        self._tell("attribute", name)
        self.add(value)

  def _add_default(self, value: Any) -> None:
    if value is dataclasses.MISSING:
      self._tell("no default")
    else:
      self.add(value)

  def _add_array(self, thing: Any) -> None:
    if isinstance(thing, jax.Array) and jnp.issubdtype(
      thing.dtype, jax.dtypes.prng_key
    ):
      self._tell("key")
      thing = jax.random.key_data(thing)
    array = np.asarray(thing)
    if array.dtype.hasobject:
      self._add_all("objects", list(array.shape), array.tolist())
      return
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    self._tell("array", str(array.dtype), str(array.shape), digest)

  def _add_object(self, thing: Any) -> None:
    """Adds an instance by its class and attributes, else by its pickle."""
    self._add_all("object", type(thing))
    state = _attributes(thing)
    if state:
      self.add(state)
      return
    try:
      self._tell("pickle", pickle.dumps(thing, protocol=5).hex())
    except Exception:
      # Nothing is known of what cannot be pickled, unless it is an empty instance.
      if state is None or self._is_library(type(thing)):
        self.stable = False
        self._tell("unknown", uuid.uuid4().hex)

  def _add_own(self, thing: Any) -> None:
    """Adds class and attributes of an instance of a class derived from a builtin one."""
    if own := _attributes(thing):
      self._add_all("own", type(thing), own)

  def _keep_file(self, module: str) -> None:
    self._modules.add(module)


_HEAP_TYPE = 1 << 9  # CPython's flag of classes made at run time
_OURS = __name__.partition(".")[0]
_PLAIN = (bool, int, float, complex, str, bytes)
# What these hold is no part of any computation.
_WITHOUT_STATE = (
  concurrent.futures.Executor,
  threading.Event,
  type(threading.Lock()),
  type(threading.RLock()),
)
# What these hold is no part of any computation, or cannot be looked into.
_BY_NAME = (
  logging.Logger,
  types.BuiltinFunctionType,
  types.GetSetDescriptorType,
  types.MemberDescriptorType,
  types.MethodDescriptorType,
  types.WrapperDescriptorType,
)


def _is_written(thing: Any) -> bool:
  """Whether something is a class written in Python."""
  return isinstance(thing, type) and bool(thing.__flags__ & _HEAP_TYPE)


def _package(thing: Any) -> str:
  """The first name of the package that a thing is defined in."""
  while isinstance(thing, functools.partial):
    thing = thing.func
  while callable(wrapped := getattr(thing, "__wrapped__", None)):
    thing = wrapped
  module = getattr(thing, "__module__", None) or type(thing).__module__
  return str(module).partition(".")[0]


def _version(module: str) -> str:
  """The version of the library that a module belongs to; empty where it says none."""
  package = sys.modules.get(module.partition(".")[0])
  version = getattr(package, "__version__", "")
  return version if isinstance(version, str) else ""


def _hash_of_file(path: str) -> str:
  """The hash of a source file as it is on disk; empty where it cannot be read."""
  try:
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
  except OSError:
    return ""


def _content(cell: types.CellType) -> Any:
  try:
    return cell.cell_contents
  except ValueError:
    return "an empty cell"


def _all_names(code: types.CodeType) -> set[str]:
  """Names that a function and those defined within it refer to."""
  found = set(code.co_names)
  for constant in code.co_consts:
    if isinstance(constant, types.CodeType):
      found |= _all_names(constant)
  return found


def _attributes(thing: Any) -> dict[str, Any]:
  """An instance's attributes: of its `__dict__` and of all slots of its classes."""
  found = dict(getattr(thing, "__dict__", None) or {})
  for cls in type(thing).__mro__:
    slots = vars(cls).get("__slots__", ())
    for name in [slots] if isinstance(slots, str) else slots:
      if hasattr(thing, name) and name not in ("__dict__", "__weakref__"):
        found[name] = getattr(thing, name)
  return found
