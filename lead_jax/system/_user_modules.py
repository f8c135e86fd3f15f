"""Files of the user's modules that a module imports, directly or through others.

Nothing is run: imports are read from the text, also those inside functions.
"""

import ast
import importlib.util
import pathlib
import sys
import sysconfig
from collections.abc import Iterator, Set

_OURS = __name__.partition(".")[0]
_STANDARD = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib"))
_SITES = frozenset(("site-packages", "dist-packages"))


def is_library_file(path: str) -> bool:
  """Returns whether a file belongs to Python or to an installed distribution."""
  return path.startswith(_STANDARD) or not _SITES.isdisjoint(
    pathlib.PurePath(path).parts
  )


def imported_files(modules: Set[str], packages: Set[str]) -> set[str]:
  """Returns the source files of modules and of all that they import, by their text.

  Args:
    modules: Names.
    packages: First names of packages that count as the user's wherever they lie.
  """
  found: set[str] = set()
  seen, waiting = set(modules), list(modules)
  while waiting:
    name = waiting.pop()
    path = _path_of(name)
    if path is None or not path.endswith(".py"):
      continue
    package = name.partition(".")[0]
    if package == _OURS or (package not in packages and is_library_file(path)):
      continue
    found.add(path)
    new = set(_imports_of(path, name)) - seen
    seen |= new
    waiting += new
  return found


def _path_of(module: str) -> str | None:
  """The file of a module, imported or not; None where there is none."""
  if module in sys.modules:
    return getattr(sys.modules[module], "__file__", None)
  parent = module.rpartition(".")[0]
  if parent and not hasattr(sys.modules.get(parent), "__path__"):
    return _below(module)
  try:
    spec = importlib.util.find_spec(module)
  except (ImportError, AttributeError, ValueError):
    return None
  return spec.origin if spec is not None and spec.has_location else None


def _below(module: str) -> str | None:
  """The file of a module of a package that is not imported yet, beside the package's."""
  parent, _, name = module.rpartition(".")
  home = _path_of(parent)
  if home is None or pathlib.PurePath(home).stem != "__init__":
    return None
  folder = pathlib.Path(home).parent
  for path in (folder / f"{name}.py", folder / name / "__init__.py"):
    if path.is_file():
      return str(path)
  return None


def _imports_of(path: str, module: str) -> Iterator[str]:
  """Names of everything that a file may import, anywhere in it."""
  try:
    tree = ast.parse(pathlib.Path(path).read_bytes())
  except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
    return
  package = module.split(".")
  if pathlib.PurePath(path).stem != "__init__":
    package = package[:-1]
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      for alias in node.names:
        yield from _with_parents(alias.name)
    elif isinstance(node, ast.ImportFrom):
      base = package[: len(package) - node.level + 1] if node.level else []
      source = ".".join([*base, *([node.module] if node.module else [])])
      yield from _with_parents(source)
      yield from (f"{source}.{alias.name}" for alias in node.names)


def _with_parents(module: str) -> Iterator[str]:
  parts = module.split(".")
  for count in range(1, len(parts) + 1):
    yield ".".join(parts[:count])
