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
still that of the code in memory; of a module that was, there is a warning. Whatever cannot
be hashed makes every hash another one: the score is then computed afresh, which is slow and
right.
"""

import collections
import concurrent.futures
import contextvars
import copyreg
import dataclasses
import functools
import hashlib
import logging
import pathlib
import queue
import sys
import sysconfig
import threading
import types
import uuid
import warnings
import weakref
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.system._user_modules import (
  imports_of_code,
  imports_of_text,
  is_edited,
  package_of,
  path_of,
)

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


class SourceHash(NamedTuple):
  """What code is, as far as that can be told.

  Attributes:
    digest: A SHA-256 (hex).
    stable: Whether the same code has the same digest the next time; False where a part of
      it cannot be hashed, or a module was edited after it was imported.
  """

  digest: str
  stable: bool


def source_hash(*things: Any) -> SourceHash:
  """Hashes functions and classes with all that they refer to; never raises.

  Args:
    *things: Functions, callable objects or classes; their own packages are followed
      wherever they are installed.

  Returns:
    If stable, the same for the same code and captured values, in every process of one
    version of Python.
  """
  walk = _Walk(_Reached({_package(thing) for thing in things}))
  try:
    for thing in things:
      walk.add(thing)
    digest = walk.digest()
    files = walk.reached.digest()
  except RecursionError:  # lists in lists in lists
    return SourceHash(_unlike_any(), stable=False)
  if not walk.reached.stable:
    return SourceHash(_unlike_any(), stable=False)
  return SourceHash(hashlib.sha256(f"{digest} {files}".encode()).hexdigest(), True)


def _unlike_any() -> str:
  return hashlib.sha256(uuid.uuid4().bytes).hexdigest()


class _Reached:
  """The modules that a walk came to, and whether all that it met can be hashed.

  Attributes:
    stable: See `SourceHash`.
    steps: How many things may still be looked at within sets.
  """

  def __init__(self, packages: Set[str]):
    self.stable = True
    self.steps = _MOST_STEPS
    self._packages = packages - set(sys.builtin_module_names)
    self._modules: dict[str, types.ModuleType | None] = {}

  def keep(self, name: str, module: types.ModuleType | None = None) -> None:
    """Takes a module for one of those whose files count, unless it is a library."""
    if name not in self._modules and not self.is_library(name):
      self._modules[name] = module or sys.modules.get(name)

  def is_library(self, module: str) -> bool:
    """Whether a module is not the user's, and counts by name."""
    package = module.partition(".")[0]
    if package in self._packages:
      return False
    if package == _OURS:
      return True
    # Without a file it is of a notebook, or made at run time.
    if (path := path_of(module)) is None:
      return False
    parts = pathlib.PurePath(path).parts
    return path.startswith(_STANDARD) or not _SITES.isdisjoint(parts)

  def digest(self) -> str:
    """Returns the hash of the files of all modules, and of those that they import."""
    found: dict[str, str] = {}
    waiting = list(self._modules)
    while waiting:
      name = waiting.pop()
      module = self._modules[name]
      path = getattr(module, "__file__", None) or path_of(name)
      if path is None:
        continue
      text = _text_of(path)
      found[path] = hashlib.sha256(text).hexdigest()
      if name.partition(".")[0] == _OURS:
        continue  # of ours, what the code refers to
      if module is not None:
        self._look_for_edits(module)
      before = len(self._modules)
      for other in sorted(imports_of_text(text, package_of(name, path))):
        self.keep(other)
      for value in list(vars(module).values()) if module is not None else ():
        if isinstance(value, types.ModuleType):
          self.keep(value.__name__, value)
      waiting += list(self._modules)[before:]
    return " ".join(sorted(found.values()))

  def _look_for_edits(self, module: types.ModuleType) -> None:
    if not is_edited(module):
      return
    self.stable = False
    if module.__name__ not in _WARNED:
      _WARNED.add(module.__name__)
      warnings.warn(
        f"{module.__file__} was edited after module {module.__name__!r} was imported: "
        "the code in memory is used, and scores are not stored for reuse; start Python "
        "again or importlib.reload it",
        stacklevel=2,
      )


class _Walk:
  """A walk over code and values that feeds a hash.

  Values are looked into at once, functions and classes after what refers to them, so that
  a long chain of calls is no deep recursion.
  """

  def __init__(self, reached: _Reached, outer: "_Walk | None" = None):
    self.reached = reached
    self._hash = hashlib.sha256(str(sys.implementation.cache_tag).encode())
    self._is_inner = outer is not None
    # ids are those of living objects
    seen: collections.ChainMap[int, int] = collections.ChainMap()
    self._seen = seen if outer is None else outer._seen.new_child()
    self._count = 0 if outer is None else outer._count
    self._alive: list[Any] = []
    self._later: collections.deque[Any] = collections.deque()

  def digest(self) -> str:
    """Returns the hash of everything that was added."""
    while self._later:
      self._add_compound(self._later.popleft())
    return self._hash.hexdigest()

  def add(self, thing: Any) -> None:
    """Adds any object."""
    if thing is None or type(thing) in _PLAIN:
      self._tell(type(thing).__name__, repr(thing))
    elif type(thing) in (tuple, frozenset, types.CodeType):
      # Python makes equal ones the same or does not, as it happens to load them.
      self._add_compound(thing)
    elif id(thing) in self._seen:
      self._tell("again", str(self._seen[id(thing)]))
    else:
      self._seen[id(thing)] = self._count
      self._count += 1
      self._alive.append(thing)
      if isinstance(thing, types.FunctionType | type):
        self._tell("later")
        self._later.append(thing)
      else:
        self._add_compound(thing)

  def _tell(self, *texts: str) -> None:
    for text in texts:
      part = text.encode("utf-8", "surrogatepass")
      self._hash.update(len(part).to_bytes(8, "big") + part)

  def _add_compound(self, thing: Any) -> None:
    if self._is_inner:
      self.reached.steps -= 1
      if self.reached.steps < 0:  # sets within sets, by every way through them
        self.reached.stable = False
        return
    try:
      self._add_kind(thing)
    except RecursionError:
      raise
    except Exception:  # what looks into a thing may run code of its class
      self.reached.stable = False

  def _add_kind(self, thing: Any) -> None:
    if isinstance(thing, types.FunctionType):
      self._add_function(thing)
    elif isinstance(thing, types.CodeType):
      self._add_code(thing)
    elif isinstance(thing, type):
      self._add_class(thing)
    elif isinstance(thing, types.ModuleType):
      self._add_name(thing)
      self.reached.keep(thing.__name__, thing)
    elif isinstance(thing, _BY_NAME):
      self._add_name(thing)
    elif isinstance(thing, _LOCKS) or type(thing) in _BY_TYPE:
      self._add_name(type(thing))
    elif isinstance(thing, contextvars.ContextVar):
      self._add_all("variable", thing.name, thing.get(None))
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
    elif callable(wrapped := getattr(thing, "__wrapped__", None)):
      self._add_all("wrapped", wrapped)  # by jax.jit, functools.cache and the like
    elif isinstance(thing, _PLAIN):
      plain = next(kind for kind in _PLAIN if isinstance(thing, kind))
      self._tell(plain.__name__, plain.__repr__(thing))
      self._add_own(thing)
    elif isinstance(thing, tuple | list):
      self._add_all(type(thing).__name__, *thing)
      self._add_own(thing)
    elif isinstance(thing, Mapping):
      self._add_all("mapping", *(part for item in thing.items() for part in item))
      if isinstance(thing, collections.defaultdict):
        self.add(thing.default_factory)
      self._add_own(thing)
    elif isinstance(thing, set | frozenset):
      self._tell("set", *sorted(self._apart(item) for item in thing))
      self._add_own(thing)
    elif isinstance(thing, np.ndarray | np.generic | jax.Array):
      self._add_array(thing)
      if isinstance(thing, np.ndarray):
        self._add_own(thing)
    else:
      self._add_object(thing)

  def _apart(self, thing: Any) -> str:
    """Returns the hash of one thing by itself: sets have no order."""
    if type(thing) in _PLAIN:
      return f"{type(thing).__name__} {thing!r}"
    walk = _Walk(self.reached, self)
    walk.add(thing)
    return walk.digest()

  def _add_own(self, thing: Any) -> None:
    """Adds the class and the attributes of an instance of a class derived from a builtin."""
    if type(thing) not in _BUILTIN:
      self._add_all("own", type(thing), *_attributes(thing))

  def _add_all(self, kind: str, *things: Any) -> None:
    self._tell(kind, str(len(things)))
    for thing in things:
      self.add(thing)

  def _is_library(self, thing: Any) -> bool:
    """Whether something is not the user's, and counts by name."""
    module = getattr(thing, "__module__", None) or ""
    if isinstance(thing, types.ModuleType):
      module = thing.__name__
    if module in sys.builtin_module_names:  # where text was run without a module's name
      return not (isinstance(thing, types.FunctionType) or _is_written(thing))
    return self.reached.is_library(module)

  def _add_name(self, thing: Any) -> None:
    name = getattr(thing, "__qualname__", None) or getattr(thing, "name", None)
    module = getattr(thing, "__module__", None) or ""
    if isinstance(thing, types.ModuleType):
      name = thing.__name__
    self._tell("name", str(module), str(name), _version(str(module)))

  def _add_function(self, function: types.FunctionType) -> None:
    closure = [_content(cell) for cell in function.__closure__ or ()]
    if self._is_library(function):
      self._add_name(function)
      self._add_all("closure", *closure)
      return
    module = str(function.__globals__.get("__name__", ""))
    self.reached.keep(module)
    package = function.__globals__.get("__package__")
    if package is None:
      package = package_of(module, function.__globals__.get("__file__"))
    for name in sorted(imports_of_code(function.__code__, package)):
      self.reached.keep(name)
    self._tell("function", function.__qualname__)
    self.add(function.__code__)
    self._add_all("defaults", function.__defaults__, function.__kwdefaults__ or {})
    self._add_all("closure", *closure)
    self._add_all("own", *_attributes(function))
    self._add_names(sorted(_all_names(function.__code__)), function.__globals__, set())

  def _add_names(
    self, names: list[str], scope: Mapping[str, Any], within: set[int]
  ) -> None:
    """Adds the values of globals that code refers to, and of modules' attributes."""
    within.add(id(scope))
    for name in names:
      if name not in scope:
        continue
      value = scope[name]
      self._tell("global", name)
      self.add(value)
      if isinstance(value, types.ModuleType) and not self._is_library(value):
        if id(vars(value)) not in within:
          self._add_names(names, vars(value), within)

  def _add_code(self, code: types.CodeType) -> None:
    self._tell("code", code.co_code.hex(), code.co_exceptiontable.hex())
    shape = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount)
    self._tell(*map(str, shape), *code.co_varnames, *code.co_names, *code.co_freevars)
    self._add_all("constants", *code.co_consts)

  def _add_class(self, cls: type) -> None:
    if self._is_library(cls):
      self._add_name(cls)
      return
    self.reached.keep(cls.__module__)
    self._tell("class", cls.__qualname__)
    self._add_all("bases", type(cls), *cls.__bases__)
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
    """Adds an instance by its class, its attributes and what a pickle of it would hold."""
    own = _attributes(thing)
    self._add_all("object", type(thing), *own)
    try:
      reduce = copyreg.dispatch_table.get(type(thing))
      parts = reduce(thing) if reduce else thing.__reduce_ex__(4)
    except Exception:
      # Nothing is known of what cannot be pickled, unless it has attributes, or is an
      # empty instance of the user's.
      plain = hasattr(thing, "__dict__") and not self._is_library(type(thing))
      if not own and not plain:
        self.reached.stable = False
      return
    if isinstance(parts, str):
      self._tell("pickle", parts)
      return
    # Later parts are iterators over items.
    self._add_all("pickle", *parts[:3], *(list(each or ()) for each in parts[3:5]))


_HEAP_TYPE = 1 << 9  # CPython's flag of classes made at run time
_OURS = __name__.partition(".")[0]
_STANDARD = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib"))
_SITES = frozenset(("site-packages", "dist-packages"))
_MOST_STEPS = 1_000_000  # some seconds
_WARNED: set[str] = set()  # modules
_PLAIN = (bool, int, float, complex, str, bytes)
_BUILTIN = frozenset((*_PLAIN, tuple, list, dict, set, frozenset, np.ndarray))
# What these hold is no part of any computation, or cannot be looked into.
_BY_NAME = (
  logging.Logger,
  types.BuiltinFunctionType,
  types.GetSetDescriptorType,
  types.MemberDescriptorType,
  types.MethodDescriptorType,
  types.WrapperDescriptorType,
)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_BY_TYPE = frozenset(
  (
    concurrent.futures.ProcessPoolExecutor,
    concurrent.futures.ThreadPoolExecutor,
    queue.SimpleQueue,
    threading.Barrier,
    threading.BoundedSemaphore,
    threading.Condition,
    threading.Event,
    threading.Semaphore,
    threading.Thread,
    threading.local,
  )
)


def _attributes(thing: Any) -> list[Any]:
  """Names and values of what an instance holds, in its slots too."""
  try:
    found = list(object.__getattribute__(thing, "__dict__").items())
  except AttributeError:  # or another thing's, as of aliases
    found = []
  for cls in type(thing).__mro__:
    for name, value in sorted(vars(cls).items()):
      if isinstance(value, types.MemberDescriptorType) and cls.__flags__ & _HEAP_TYPE:
        found.append((name, getattr(thing, name, None)))
  return [part for item in found for part in item]


def _is_written(thing: Any) -> bool:
  """Whether something is a class written in Python."""
  return isinstance(thing, type) and bool(thing.__flags__ & _HEAP_TYPE)


def _package(thing: Any) -> str:
  """The first name of the package that a thing is defined in."""
  for _ in range(100):  # some things wrap themselves
    if isinstance(thing, functools.partial):
      thing = thing.func
    elif callable(wrapped := getattr(thing, "__wrapped__", None)):
      thing = wrapped
    else:
      break
  module = getattr(thing, "__module__", None) or type(thing).__module__
  return str(module).partition(".")[0]


def _version(module: str) -> str:
  """The version of the library that a module belongs to; empty where it says none."""
  package = sys.modules.get(module.partition(".")[0])
  version = getattr(package, "__version__", "")
  return version if isinstance(version, str) else ""


def _text_of(path: str) -> bytes:
  """A source file as it is on disk; empty where it cannot be read."""
  try:
    return pathlib.Path(path).read_bytes()
  except OSError:
    return b""


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
