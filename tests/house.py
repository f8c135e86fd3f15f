"""The import graph of the package, as the code really has it, for the tests that read it.

A face (`__init__.pyi`) hands names on: an import from it is an arrow to the module that
defines the name. Imports inside functions count as much as those at the top.
"""

import ast
import functools
import pathlib
from collections.abc import Iterator, Mapping, Set

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "lead_jax"
FILES = sorted(PACKAGE.rglob("*.py"))
# Rooms of arrays in, arrays out.
MATHEMATICS = {"ntk", "logits", "dynamics", "metrics", "statistics", "evaluation"}


def module_of(path: pathlib.Path) -> str:
  """The dotted name of a file's module."""
  dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
  return dotted.removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def room_of(module: str) -> str:
  """The first folder below the package; the module itself where it is loose."""
  return module.split(".")[1] if "." in module else "__init__"


@functools.cache
def tree_of(path: pathlib.Path) -> ast.Module:
  """A file, parsed once."""
  return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def face_of(package: str) -> Mapping[str, str]:
  """By name that a package hands on, the module of its own that has it."""
  stub = MODULES[package].with_suffix(".pyi")
  if not stub.exists():
    return {}
  return {
    alias.name: f"{package}.{node.module}"
    for node in tree_of(stub).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
  }


def definer(module: str, name: str) -> str:
  """The module that an imported name comes from, through all faces."""
  while True:
    if f"{module}.{name}" in MODULES:
      return f"{module}.{name}"
    onward = face_of(module).get(name) if module in MODULES else None
    if onward is None:
      return module
    module = onward


def imported(
  path: pathlib.Path, *, at_the_top: bool = False
) -> Iterator[tuple[str, str]]:
  """What a file imports: pairs of a module and a name in it (empty: the module).

  Args:
    path: Of the file.
    at_the_top: Whether to leave out what is imported only when a function is called.
  """
  yield from imported_by(tree_of(path), at_the_top=at_the_top)


def imported_by(
  tree: ast.Module, *, at_the_top: bool = False
) -> Iterator[tuple[str, str]]:
  """What code imports, as `imported`."""
  for node in run_at_import(tree) if at_the_top else ast.walk(tree):
    if isinstance(node, ast.Import):
      yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f"imports are absolute: line {node.lineno}"
      yield from ((node.module or "", alias.name) for alias in node.names)


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
  """All nodes but those in functions and under `if TYPE_CHECKING`."""
  for child in ast.iter_child_nodes(node):
    if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
      continue
    if isinstance(child, ast.If) and _is_type_checking(child.test):
      for other in child.orelse:
        yield other
        yield from run_at_import(other)
      continue
    yield child
    yield from run_at_import(child)


def _is_type_checking(test: ast.expr) -> bool:
  return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


@functools.cache
def graph() -> Mapping[str, Set[str]]:
  """By module, the modules of the package that it imports."""
  found: dict[str, set[str]] = {module: set() for module in MODULES}
  for module, path in MODULES.items():
    for source, name in imported(path):
      if source == "lead_jax" or source.startswith("lead_jax."):
        found[module].add(definer(source, name) if name else source)
    # A face alone imports nothing of its own accord; that is what lazy means.
    found[module] -= {module, *_ancestors(module)}
  return found


def _ancestors(module: str) -> set[str]:
  parts = module.split(".")
  return {".".join(parts[:i]) for i in range(1, len(parts))}


def reached(module: str, *, without: Set[str] = frozenset()) -> set[str]:
  """The module and all that it imports, and those import, but not by way of some."""
  found: set[str] = set()
  waiting = {module} - without
  while waiting:
    found |= waiting
    waiting = set().union(*(graph()[one] for one in waiting)) - found - without
  return found


def rooms_graph() -> dict[str, set[str]]:
  """By room, the rooms that it imports."""
  found: dict[str, set[str]] = {}
  for module, others in graph().items():
    found.setdefault(room_of(module), set()).update(map(room_of, others))
  return {room: others - {room} for room, others in found.items()}


def cycles(arrows: Mapping[str, Set[str]]) -> list[list[str]]:
  """Groups of nodes that reach each other, by the closure of the arrows."""
  closure = {node: set(others) for node, others in arrows.items()}
  for middle in arrows:
    for node in arrows:
      if middle in closure[node]:
        closure[node] |= closure[middle]
  together = {
    frozenset({node} | {o for o in closure[node] if node in closure.get(o, ())})
    for node in arrows
    if node in closure[node]
  }
  return sorted(sorted(group) for group in together)
