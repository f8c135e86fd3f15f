"""Imports run one way, as the map of the rooms says; the mathematics knows no files."""

import ast
import collections
import dataclasses
import importlib
import re

import pytest

from tests import house
from tests.house import FILES, MATHEMATICS, MODULES, PACKAGE, ROOT

# What each room imports of this package, beside itself and what all may.
ARROWS = {
  "__init__": {"ntk", "system"},  # its face hands on more
  "typing": set(),
  "numerics": set(),
  "version": set(),
  "checks": set(),
  "readers": {"checks", "system"},
  "system": {"checks"},
  "statistics": {"checks"},
  "ntk": {"checks", "statistics"},
  "logits": {"checks", "statistics"},
  "dynamics": {"checks", "logits", "ntk"},
  "metrics": {"checks", "dynamics", "logits", "statistics", "system"},
  "evaluation": {"checks", "readers"},
  "literature": {"checks", "evaluation", "readers"},
  "zoo": set(),
  "backbones": {"checks", "readers", "system"},
  "data": {"backbones", "checks", "readers", "system"},
  "features": {"backbones", "checks", "data", "readers", "system"},
  "finetune": {"backbones", "checks", "data", "readers", "system"},
  "results": {"checks", "readers", "system"},
  "report": {
    "backbones",
    "checks",
    "evaluation",
    "finetune",
    "literature",
    "results",
    "system",
  },
  "run": {
    "backbones",
    "checks",
    "data",
    "dynamics",
    "evaluation",
    "features",
    "metrics",
    "readers",
    "report",
    "results",
    "statistics",
    "system",
  },
  "assessment": {
    "checks",
    "data",
    "evaluation",
    "metrics",
    "readers",
    "report",
    "results",
    "run",
    "system",
  },
  "commands": {
    "assessment",
    "backbones",
    "checks",
    "finetune",
    "metrics",
    "report",
    "results",
    "run",
    "system",
  },
}
ANYWHERE = {"numerics", "typing", "version"}
FORBIDDEN_IN_MATHEMATICS = {
  "absl",
  "importlib.resources",
  "os",
  "pathlib",
  "rich",
  "shutil",
  "tensorflow",
  "tensorflow_datasets",
  "timm",
  "torch",
  "tqdm",
}
HEAVY = {
  "diffrax",
  "matplotlib",
  "neural_tangents",
  "onnx",
  "optax",
  "orbax",
  "rich",
  "scipy",
  "sklearn",
  "tensorflow",
  "tensorflow_datasets",
  "timm",
  "torch",
}
LONGEST_FUNCTION = 60
_by_path = pytest.mark.parametrize(
  "path", FILES, ids=lambda path: str(path.relative_to(PACKAGE))
)


def test_the_graph_is_that_of_the_code():
  # What the other tests rest on: faces are seen through, and a cycle would be found.
  assert house.definer("lead_jax", "rank").startswith("lead_jax.run.")
  assert "lead_jax.statistics._pca" in house.graph()["lead_jax.metrics._parc"]
  assert house.cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [
    ["a", "b", "c"]
  ]


def test_no_module_imports_itself_through_others():
  assert house.cycles(house.graph()) == []


def test_no_room_imports_itself_through_others():
  assert house.cycles(house.rooms_graph()) == []


def test_arrows_run_as_the_map_says():
  """Exactly: what the map allows and nobody needs would be an invitation."""
  found = {room: others - ANYWHERE for room, others in house.rooms_graph().items()}
  assert found == ARROWS


def test_contributing_shows_the_map():
  text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
  rows = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]*) \|$", text, re.MULTILINE)
  shown = {room: set(re.findall(r"`(\w+)`", cell)) for room, cell in rows}
  rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
  assert shown == {room: others for room, others in ARROWS.items() if room in rooms}


def test_a_room_is_entered_by_its_face():
  files = [*FILES, *sorted((ROOT / "experiments").rglob("*.py"))]
  wrong = []
  for path in files:
    inside = path.is_relative_to(PACKAGE)
    own = house.room_of(house.module_of(path)) if inside else ""
    for module, name in house.imported(path):
      if not module.startswith("lead_jax"):
        continue
      room = house.room_of(module) if "." in module else name
      parts = [*module.split("."), *([name] if f"{module}.{name}" in MODULES else [])]
      if room != own and any(p.startswith("_") and p != "__version__" for p in parts):
        wrong.append(f"{path.relative_to(ROOT)}: {module} {name}")
  assert not wrong, "private modules of another room"


def test_few_modules_stand_outside_the_rooms():
  assert len(list(PACKAGE.glob("*.py"))) <= 4


def test_a_name_is_one_thing():
  names = collections.Counter(
    path.stem for path in FILES if path.stem not in ("__init__", "__main__")
  )
  assert not [name for name, count in names.items() if count > 1]
  for package in (m for m, path in MODULES.items() if path.stem == "__init__"):
    clash = {name for name in house.face_of(package) if f"{package}.{name}" in MODULES}
    assert not clash, f"{package}: a function has its module's name"


@pytest.mark.parametrize(
  "package", [m for m, path in MODULES.items() if path.with_suffix(".pyi").exists()]
)
def test_what_a_face_promises_is_there_and_documented(package):
  module = importlib.import_module(package)
  assert set(module.__all__) >= set(house.face_of(package))
  for name in house.face_of(package):
    thing = getattr(module, name)
    if callable(thing) and getattr(thing, "__module__", "").startswith("lead_jax"):
      assert _is_documented(thing), f"{package}.{name} has no docstring"


def _is_documented(thing):
  """Whether somebody wrote its docstring: that of a dataclass may be made, `Name(...)`."""
  return bool(thing.__doc__) and not thing.__doc__.startswith(f"{thing.__name__}(")


def test_a_generated_docstring_is_none():
  bare = dataclasses.make_dataclass("Bare", [("a", int)])
  named = collections.namedtuple("Named", ["a"])
  assert bare.__doc__
  assert named.__doc__
  assert not _is_documented(bare)
  assert not _is_documented(named)
  assert _is_documented(house.module_of)


@_by_path
def test_mathematics_knows_no_files_flags_or_frameworks(path):
  if house.room_of(house.module_of(path)) in MATHEMATICS:
    # `import a.b`, `from a import b` and what lies below a.
    found = {
      ".".join(part.split(".")[:depth])
      for module, name in house.imported(path)
      for part in (module, f"{module}.{name}")
      for depth in (1, 2)
    }
    assert not found & FORBIDDEN_IN_MATHEMATICS


# Where a metric is found by its name, and where its code is hashed.
KNOW_FILES = {"lead_jax.metrics._lookup", "lead_jax.metrics._metric"}


def _touching_files():
  """Modules of the package that import what reaches files, flags or frameworks."""
  return {
    module
    for module, path in MODULES.items()
    if {name.split(".")[0] for name, _ in house.imported(path)}
    & (FORBIDDEN_IN_MATHEMATICS | {"glob", "importlib.resources", "tempfile"})
    and not _names_paths_alone(house.tree_of(path))
  }


def _names_paths_alone(tree):
  """Whether all that code takes of `os`, its one import of these, is the type of a path."""
  used = {
    node.attr
    for node in ast.walk(tree)
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"
  }
  imports = {name for name, _ in house.imported_by(tree)}
  return imports & FORBIDDEN_IN_MATHEMATICS == {"os"} and used <= {"PathLike", "fspath"}


def test_mathematics_reaches_no_files_by_way_of_others():
  touching = _touching_files()
  assert "lead_jax.system._plugins" in touching
  for module in KNOW_FILES:
    assert house.reached(module) & touching, f"{module} needs no exception"
  wrong = {
    module: sorted(found)
    for module in MODULES
    if house.room_of(module) in MATHEMATICS
    and (found := house.reached(module, without=KNOW_FILES) & touching)
  }
  assert wrong == {}


@_by_path
def test_heavy_libraries_are_imported_where_they_are_used(path):
  found = {m.split(".")[0] for m, _ in house.imported(path, at_the_top=True)}
  assert not found & HEAVY


def test_what_is_imported_at_the_top_is_found_wherever_it_stands():
  tree = ast.parse("""
if TYPE_CHECKING:
  import torch
else:
  import a
if x:
  try:
    import b
  except ImportError:
    from c import d
class C:
  import e
  def f(self):
    import scipy
def g():
  import rich
""")
  found = {module for module, _ in house.imported_by(tree, at_the_top=True)}
  assert found == {"a", "b", "c", "e"}
  assert {"torch", "scipy", "rich"} <= {module for module, _ in house.imported_by(tree)}


def _imports_by_name(tree):
  """Libraries that code imports by `need(...)` or `import_module(...)`."""
  return {
    node.args[0].value.split(".")[0]
    for node in ast.walk(tree)
    if isinstance(node, ast.Call)
    and ast.unparse(node.func).split(".")[-1] in ("need", "import_module")
    and node.args
    and isinstance(node.args[0], ast.Constant)
  }


def test_only_one_module_imports_neural_tangents():
  importers = [
    path.name
    for path in FILES
    if "neural_tangents"
    in _imports_by_name(house.tree_of(path))
    | {module.split(".")[0] for module, _ in house.imported(path)}
  ]
  assert importers == ["_neural_tangents.py"]


def test_files_are_replaced_in_one_place():
  """Who writes beside a place and renames does it by `lead_jax.system.replacing`."""
  moving = {"replace", "rename", "fsync", "mkstemp", "NamedTemporaryFile"}
  knowing = {
    path.name
    for path in [*FILES, *sorted((ROOT / "experiments").rglob("*.py"))]
    for node in ast.walk(house.tree_of(path))
    if isinstance(node, ast.Attribute)
    and node.attr in moving
    and isinstance(node.value, ast.Name)
    and node.value.id in ("os", "shutil", "tempfile")
  }
  assert knowing == {"_atomic.py"}


# Calls that read a format from outside; `readers` makes them within a budget.
READING = {
  "csv.DictReader",
  "csv.reader",
  "json.load",
  "json.loads",
  "np.fromfile",
  "np.genfromtxt",
  "np.load",
  "np.loadtxt",
  "np.memmap",
  "pickle.load",
  "pickle.loads",
  "tarfile.open",
  "zipfile.ZipFile",
}
# Who else may, and why.
READ_THEMSELVES = {
  "lead_jax.checks._errors": "text of its own making, and below readers",
  "lead_jax.backbones._weights._read": "torch's archives, by a budget of weights",
  "lead_jax.backbones._weights._tensorflow_checkpoint": "the type of such an archive",
  "lead_jax.backbones._weights._torch_files": "the type of such an archive",
  "experiments.fuzz.mutate": "sound samples of its own, to damage them",
  "experiments.mutate.records": "its own records; its forks import the package, changed",
  "experiments.mutate.work": "its own results; its forks import the package, changed",
  "experiments.packaging.checks": "the distributions that this repository builds",
}


def _reads(tree):
  """Calls in code that read a format, by the names that `READING` gives them."""
  return {
    name.replace("numpy.", "np.")
    for node in ast.walk(tree)
    if isinstance(node, ast.Attribute)
    and (name := ast.unparse(node)).replace("numpy.", "np.") in READING
  } | {
    f"{module.replace('numpy', 'np')}.{name}"
    for module, name in house.imported_by(tree)
    if f"{module.replace('numpy', 'np')}.{name}" in READING
  }


def test_reading_is_found_however_it_is_written():
  tree = ast.parse("import numpy\nfrom json import loads\nx = map(numpy.load, y)")
  assert _reads(tree) == {"np.load", "json.loads"}


def test_formats_from_outside_are_read_by_the_readers():
  """The next format cannot forget its budget: who reads one does it by `readers`."""
  files = [*FILES, *sorted((ROOT / "experiments").rglob("*.py"))]
  readers = {house.module_of(path) for path in files if _reads(house.tree_of(path))}
  others = {m for m in readers if not m.startswith("lead_jax.readers.")}
  assert others <= set(READ_THEMSELVES)


def test_only_commands_know_flags():
  knowing = {
    house.room_of(house.module_of(path))
    for path in FILES
    if any(module.split(".")[0] == "absl" for module, _ in house.imported(path))
  }
  assert knowing == {"commands"}


@pytest.mark.parametrize(
  "path", sorted((PACKAGE / "run").rglob("*.py")), ids=lambda path: path.stem
)
def test_functions_of_the_main_job_are_short(path):
  for node in ast.walk(house.tree_of(path)):
    if isinstance(node, ast.FunctionDef):
      lines = (node.end_lineno or node.lineno) - node.lineno + 1
      assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"
