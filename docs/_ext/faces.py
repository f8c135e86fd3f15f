"""What each package promises, and where it is described: once.

A package's face (`__init__.pyi`) lists the names that it hands on; `.. face:: PACKAGE`
describes them all, by autodoc. A name that several faces hand on is described under the
shortest of them (`lead_jax.score`, not `lead_jax.metrics.score`); the other pages say where
that is, and every other spelling of the name, that of its private module too, links there.
"""

import ast
import functools
import importlib
import inspect
import pathlib
from collections.abc import Mapping

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = pathlib.Path(__file__).resolve().parents[2]
_PACKAGE = ROOT / "lead_jax"
_SHORT = 72  # characters of a constant's value that are shown beside its name


@functools.cache
def faces() -> Mapping[str, Mapping[str, str]]:
  """Returns, by package without a leading underscore, each promised name's module."""
  found = {}
  for stub in sorted(_PACKAGE.rglob("__init__.pyi")):
    package = ".".join(stub.parent.relative_to(ROOT).parts)
    if "._" not in package:
      found[package] = {name: _definer(package, name) for name in _handed_on(package)}
  return found


@functools.cache
def homes() -> Mapping[str, str]:
  """Returns, by every full spelling of a promised name, the one that is described."""
  shortest: dict[str, str] = {}
  for package in sorted(faces(), key=lambda name: (name.count("."), name)):
    for name, module in faces()[package].items():
      shortest.setdefault(f"{module}.{name}", f"{package}.{name}")
  spellings = dict(shortest)
  for package, names in faces().items():
    for name, module in names.items():
      spellings[f"{package}.{name}"] = shortest[f"{module}.{name}"]
  return spellings


def comment_of(module: str, name: str) -> list[str]:
  """Returns the comment right above a constant's assignment, as lines of text."""
  source = _file_of(module).read_text("utf-8")
  lines = source.splitlines()
  for node in ast.parse(source).body:
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
      targets = [node.target]
    if any(isinstance(target, ast.Name) and target.id == name for target in targets):
      first = node.lineno - 1
      while first and lines[first - 1].startswith("#"):
        first -= 1
      return [line.removeprefix("#").strip() for line in lines[first : node.lineno - 1]]
  return []


def _file_of(module: str) -> pathlib.Path:
  return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def _stub_of(package: str) -> pathlib.Path:
  return ROOT.joinpath(*package.split("."), "__init__.pyi")


@functools.cache
def _handed_on(package: str) -> Mapping[str, str]:
  stub = _stub_of(package)
  if not stub.exists():
    return {}
  return {
    alias.name: f"{package}.{node.module}"
    for node in ast.parse(stub.read_text("utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
  }


def _definer(package: str, name: str) -> str:
  while onward := _handed_on(package).get(name):
    package = onward
  # A module may hand on what it imports from another room.
  value = getattr(importlib.import_module(package), name)
  if getattr(value, "__name__", "") == name:
    return getattr(value, "__module__", package)
  return package


class Face(SphinxDirective):
  """`.. face:: PACKAGE`: the package's docstring, and every name that it promises."""

  required_arguments = 1

  def run(self) -> list[nodes.Node]:
    """Returns the descriptions, in the order of the face."""
    package = self.arguments[0]
    lines, elsewhere = [], []
    for name, module in faces()[package].items():
      full = f"{package}.{name}"
      self.env.note_dependency(str(_file_of(module)))
      if homes()[full] == full:
        lines += ["", *described(package, name)]
      else:
        elsewhere.append(f":py:obj:`{homes()[full]}`")
    head = [f".. automodule:: {package}", ""]
    if elsewhere:
      head += [f"Described under a shorter name: {', '.join(elsewhere)}.", ""]
    self.env.note_dependency(str(_stub_of(package)))
    return self.parse_text_to_nodes("\n".join(head + lines))


def described(package: str, name: str) -> list[str]:
  """Returns the directive that describes a promised name."""
  value = getattr(importlib.import_module(package), name)
  full = f"{package}.{name}"
  if inspect.isclass(value):
    kind = "autoexception" if issubclass(value, Exception) else "autoclass"
    return [f".. {kind}:: {full}", "   :members:"]
  if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
    return [f".. autofunction:: {full}"]
  lines = [f".. py:data:: {full}", ""]
  lines += [f"   {line}" for line in comment_of(faces()[package][name], name)]
  if len(text := repr(value).replace("typing.", "")) <= _SHORT and "<" not in text:
    lines += ["", f"   Value: ``{text}``"]
  return lines


def _elsewhere(app: Sphinx, env, node, content: nodes.Element) -> nodes.Element | None:
  """Resolves another spelling of a promised name."""
  target = node.get("reftarget", "")
  home = homes().get(target)
  if node.get("refdomain") != "py" or home is None:
    module = node.get("py:module")
    home = homes().get(f"{module}.{target}")
  if node.get("refdomain") != "py" or home is None or home == target:
    return None
  domain = env.get_domain("py")
  return domain.resolve_xref(
    env, node["refdoc"], app.builder, "obj", home, node, content
  )


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the directive and the links."""
  app.add_directive("face", Face)
  app.connect("missing-reference", _elsewhere)
  return {"parallel_read_safe": True, "parallel_write_safe": True}
