"""Things that other distributions or the user's own modules offer, found by name.

A distribution offers things under an entry-point group, such as

  [project.entry-points."lead_jax.metrics"]
  margin = "my_package.scores:MARGIN"

and a module of the user's is named directly, as `my_module:MARGIN`. Nothing is imported
before it is asked for by name, so that a broken plug-in costs only those who use it.
"""

import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import os
import pathlib
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from lead_jax.checks import InputError, shown

T = TypeVar("T")


class Plugin(NamedTuple):
  """An entry point of an installed distribution.

  Attributes:
    name: What users call it.
    source: The distribution with its version, for people.
    load: Imports and returns it; raises whatever its module raises.
    value: Where it is: `module:NAME`.
  """

  name: str
  source: str
  load: Callable[[], Any]
  value: str


def plugins(group: str) -> dict[str, Plugin]:
  """Returns all entry points of a group by name, none of them imported.

  Args:
    group: `lead_jax.metrics`, `lead_jax.datasets` or `lead_jax.backbones`.

  Returns:
    In order of names. Of a name that several distributions offer, the plug-in's `load`
    refuses.
  """
  found: dict[str, Plugin] = {}
  offered = [
    Plugin(entry.name, _source(entry), entry.load, entry.value)
    for entry in importlib.metadata.entry_points(group=group)
  ]
  # Not in the order in which they lie on the path, which may differ from run to run.
  for plugin in sorted(offered, key=lambda one: (one.name, one.source)):
    other = found.get(plugin.name)
    found[plugin.name] = plugin if other is None else _refused(other, plugin)
  return found


def load_plugin(group: str, name: str) -> Any:
  """Imports one plug-in.

  Args:
    group: As `plugins`.
    name: Of one of them.

  Raises:
    InputError: If there is none, or it cannot be imported; names the distribution.
  """
  found = plugins(group)
  if name not in found:
    known = ", ".join(found) or "none"
    raise InputError(f"{group} has no plug-in {name!r}; installed are: {known}")
  plugin = found[name]
  try:
    return plugin.load()
  except InputError:
    raise
  except (Exception, SystemExit) as error:
    raise InputError(
      f"plug-in {name!r} of {plugin.source} ({plugin.value}) cannot be imported: "
      f"{_reason(error)}; repair or uninstall it"
    ) from error


def call_plugin(group: str, name: str, *arguments: Any, returns: type[T]) -> T:
  """Imports a plug-in that is a function, calls it and checks what it returns.

  Args:
    group: As `plugins`.
    name: Of one of them.
    *arguments: What it is called with.
    returns: The type of its result.

  Raises:
    InputError: As `load_plugin`; or if it is no function, fails, or returns anything else.
  """
  function = load_plugin(group, name)
  what = f"plug-in {name!r} of {plugins(group)[name].source}"
  if not callable(function):
    raise InputError(f"{what} is a {type(function).__name__}, not a function")
  try:
    found = function(*arguments)
  except InputError:
    raise
  except (Exception, SystemExit) as error:
    raise InputError(f"{what} fails: {_reason(error)}") from error
  if not isinstance(found, returns):
    room = returns.__module__.rpartition(".")[0]
    raise InputError(
      f"{what} returned a {type(found).__name__}, not a {room}.{returns.__name__}"
    )
  return found


def load_named(reference: str) -> Any:
  """Imports `module:NAME` from the path of Python or from the current folder.

  A file that was edited since it was imported by this function is run again; the modules
  that it imports are not, as others may hold their classes.

  Raises:
    InputError: If there is no such module or name, or the module raises.
  """
  module_name, _, name = reference.partition(":")
  if not all(part.isidentifier() for part in (*module_name.split("."), name)):
    hint = f"; {_without_suffix(module_name, name)}" if _is_file(module_name) else ""
    raise InputError(f"{shown(reference)!r} is not module:NAME{hint}")
  if os.getcwd() not in (os.path.abspath(entry) for entry in sys.path):
    sys.path.append(os.getcwd())
  importlib.invalidate_caches()
  try:
    module = _fresh(importlib.import_module(module_name))
  except ModuleNotFoundError as error:
    if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
      raise InputError(
        f"module {module_name!r} cannot be imported: {_reason(error)}"
      ) from error
    hint = f"; {_without_suffix(module_name, name)}" if _is_file(module_name) else ""
    raise InputError(
      f"{reference!r}: there is no module {error.name!r} on the path of Python or in "
      f"the current folder{hint}"
    ) from None
  except (Exception, SystemExit) as error:
    raise InputError(
      f"module {module_name!r} cannot be imported: {_reason(error)}"
    ) from error
  try:
    return getattr(module, name)
  except AttributeError:
    public = [known for known in vars(module) if not known.startswith("_")]
    raise InputError(
      f"{reference!r}: module {module_name!r} has no {name!r}; it has: "
      f"{', '.join(public[:20]) or 'nothing'}"
    ) from None


def _is_file(module: str) -> bool:
  """Whether somebody wrote a file's name where a module's belongs."""
  return module.endswith(".py")


def _without_suffix(module: str, name: str) -> str:
  return f"write {pathlib.PurePath(module).stem}:{name}, from its folder"


# By path of a module's file, the hash of the text that was last run.
_RUN: dict[str, str] = {}


def _fresh(module: types.ModuleType) -> types.ModuleType:
  """Runs a module again whose file has changed since it was imported here."""
  path, loader = getattr(module, "__file__", None), module.__loader__
  if path is None or not isinstance(loader, importlib.machinery.SourceFileLoader):
    return module
  text = pathlib.Path(path).read_bytes()
  digest = hashlib.sha256(text).hexdigest()
  if _RUN.setdefault(path, digest) != digest:
    # Not by importlib.reload: compiled files are told apart by size and second.
    exec(loader.source_to_code(text, path), vars(module))
    _RUN[path] = digest
  return module


def _source(entry: importlib.metadata.EntryPoint) -> str:
  """Names a distribution, however little it says of itself."""
  try:
    about: Any = entry.dist.metadata if entry.dist is not None else {}
    name, version = about.get("Name"), about.get("Version")
  except Exception:  # no metadata, or broken ones
    name = version = None
  if name is None:
    folder = getattr(entry.dist, "_path", None)
    name = "a distribution" if folder is None else pathlib.PurePath(folder).stem
  return name if version is None else f"{name} {version}"


def _refused(one: Plugin, other: Plugin) -> Plugin:
  """Stands for a name that two distributions offer."""

  def refuse() -> Any:
    raise InputError(
      f"{one.source} and {other.source} both offer {one.name!r}: uninstall one"
    )

  return Plugin(one.name, f"{one.source}, {other.source}", refuse, one.value)


def _reason(error: BaseException) -> str:
  return shown(f"{type(error).__name__}: {error}")
