"""Modules as files: where one lies, what it imports, and whether it was edited since.

Nothing is imported here: a module that a function imports when it runs is found as it
would be then.
"""

import ast
import dis
import functools
import hashlib
import importlib.machinery
import pathlib
import sys
import time
import types
from collections.abc import Iterator
from typing import Any

# Files that were last written before lead_jax was imported are as they were run.
_STARTED = time.time()

# By path of a module's file, the import that it was seen under and the text's hash.
_RUN: dict[str, tuple[Any, str]] = {}

_UNKNOWN = object()


def path_of(module: str) -> str | None:
  """Returns the file of a module, imported or not; None where there is none."""
  if (found := sys.modules.get(module)) is not None:
    return getattr(found, "__file__", None)
  spec = _spec_of(module)
  return spec.origin if spec is not None and spec.has_location else None


def _spec_of(module: str) -> importlib.machinery.ModuleSpec | None:
  """What an import would find; `importlib.util.find_spec` imports the parents."""
  parent, _, _ = module.rpartition(".")
  places = None
  if parent:
    known = sys.modules.get(parent)
    spec = None if known is not None else _spec_of(parent)
    places = getattr(known, "__path__", None) or (
      spec and spec.submodule_search_locations
    )
    if places is None:
      return None
  for finder in sys.meta_path:
    try:
      if (found := finder.find_spec(module, places)) is not None:
        return found
    except Exception:  # a finder of somebody's
      continue
  return None


def package_of(module: str, path: str | None) -> str:
  """Returns what relative imports of a module start from."""
  if path is not None and pathlib.PurePath(path).stem == "__init__":
    return module
  return module.rpartition(".")[0]


@functools.lru_cache(maxsize=1024)
def imports_of_text(text: bytes, package: str) -> frozenset[str]:
  """Returns the names of all modules that a source text may import, anywhere in it."""
  found: set[str] = set()
  try:
    tree = ast.parse(text)
  except (SyntaxError, ValueError, RecursionError, MemoryError):  # not Python's text
    return frozenset()
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      for alias in node.names:
        found.update(_with_parents(alias.name))
    elif isinstance(node, ast.ImportFrom):
      names = [alias.name for alias in node.names]
      found.update(_imported(node.module or "", node.level, names, package))
  return frozenset(found)


def imports_of_code(code: types.CodeType, package: str) -> set[str]:
  """Returns the same of compiled code, and of what is defined within it."""
  found: set[str] = set()
  steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
  for index, step in enumerate(steps):
    if step.opname == "IMPORT_NAME":
      level, names = steps[index - 2].argval, steps[index - 1].argval
      found.update(_imported(step.argval, level or 0, names or (), package))
  for constant in code.co_consts:
    if isinstance(constant, types.CodeType):
      found |= imports_of_code(constant, package)
  return found


def _imported(module: str, level: int, names: Any, package: str) -> Iterator[str]:
  """Names of what `from module import names` may import."""
  if level:
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - level + 1])
    module = f"{base}.{module}".strip(".")
  yield from _with_parents(module)
  for name in names:
    yield f"{module}.{name}"


def _with_parents(module: str) -> Iterator[str]:
  parts = module.split(".")
  for count in range(1, len(parts) + 1):
    yield ".".join(parts[:count])


def is_edited(module: types.ModuleType) -> bool:
  """Whether the file of an imported module is not the text that was run.

  A text is known by its hash once the module was seen here. Before that, one that is
  younger than this process is compared with the module: its functions' code and the
  constants that it sets.
  """
  path = getattr(module, "__file__", None)
  spec = getattr(module, "__spec__", None)  # another one after a reload
  if path is None or not path.endswith(".py"):
    return False
  try:
    text, written = pathlib.Path(path).read_bytes(), pathlib.Path(path).stat().st_mtime
  except OSError:
    return False
  digest = hashlib.sha256(text).hexdigest()
  known, last = _RUN.get(path, (_UNKNOWN, ""))
  if known is spec:
    return last != digest
  if written > _STARTED - 1 and not _agrees(text, path, module):
    return True
  _RUN[path] = (spec, digest)
  return False


def run_again(module: types.ModuleType) -> None:
  """Runs the file of an imported module in its namespace."""
  path = str(module.__file__)
  text = pathlib.Path(path).read_bytes()
  # Not by importlib.reload: compiled files are told apart by size and second.
  exec(compile(text, path, "exec", dont_inherit=True), vars(module))
  _RUN[path] = (module.__spec__, hashlib.sha256(text).hexdigest())


def _agrees(text: bytes, path: str, module: types.ModuleType) -> bool:
  """Whether what is in a module may come from a text."""
  try:
    compiled = compile(text, path, "exec", dont_inherit=True)
    tree = ast.parse(text)
  except (SyntaxError, ValueError, RecursionError):
    return False
  written = set(map(_essence, _all_codes(compiled)))
  if not {_essence(code) for code in _codes_in(module, path)} <= written:
    return False
  for node in tree.body:
    targets = node.targets if isinstance(node, ast.Assign) else []
    for target in targets:
      if isinstance(target, ast.Name) and target.id in vars(module):
        try:
          value = ast.literal_eval(node.value)  # type: ignore[attr-defined]
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
          continue
        here = vars(module)[target.id]
        if type(here) is type(value) and repr(here) != repr(value):
          return False
  return True


def _essence(code: types.CodeType) -> tuple[Any, ...]:
  constants = [
    _essence(each) if isinstance(each, types.CodeType) else _ordered(each)
    for each in code.co_consts
  ]
  return (code.co_name, code.co_code, code.co_names, code.co_varnames, *constants)


def _ordered(constant: Any) -> str:
  if isinstance(constant, frozenset):
    return str(sorted(map(repr, constant)))
  return repr(constant)


def _all_codes(code: types.CodeType) -> Iterator[types.CodeType]:
  yield code
  for constant in code.co_consts:
    if isinstance(constant, types.CodeType):
      yield from _all_codes(constant)


def _codes_in(module: types.ModuleType, path: str) -> Iterator[types.CodeType]:
  """Code of a module's functions, of its classes' and of its metrics'."""
  waiting = list(vars(module).values())
  for thing in list(waiting):
    if getattr(thing, "__module__", None) == module.__name__ and isinstance(thing, type):
      waiting += vars(thing).values()
    elif (compute := getattr(thing, "compute", None)) is not None:
      waiting.append(compute)
  for thing in waiting:
    thing = getattr(thing, "__func__", getattr(thing, "fget", thing))
    for _ in range(10):
      code = getattr(thing, "__code__", None)
      if isinstance(code, types.CodeType) and code.co_filename == path:
        yield code
      if not callable(thing := getattr(thing, "__wrapped__", None)):
        break
