"""Imports run one way, as the map of the rooms says; the mathematics knows no files."""

import ast
import collections
import importlib

import pytest

from tests import house
from tests.house import FILES, MATHEMATICS, MODULES, PACKAGE, ROOT

# What each room may import of this package, beside itself, `typing` and `version`.
_MATHS = {"checks"}
_SOURCES = _MATHS | {"system"}
ARROWS = {
  "typing": set(),
  "numerics": set(),
  "version": set(),
  "system": {"checks"},
  "checks": set(),
  "ntk": _MATHS,
  "statistics": _MATHS,
  "logits": _MATHS | {"ntk", "statistics"},
  "dynamics": _MATHS | {"logits", "ntk", "statistics"},
  "metrics": _MATHS | {"dynamics", "logits", "ntk", "statistics", "system"},
  "evaluation": _MATHS,
  "literature": {"checks", "evaluation"},
  "zoo": set(),
  "backbones": _SOURCES | {"zoo"},
  "data": _SOURCES | {"backbones"},
  "features": _SOURCES | {"backbones", "data"},
  "finetune": _SOURCES | {"backbones", "data"},
  "results": _SOURCES,
  "report": _SOURCES | {"backbones", "evaluation", "finetune", "literature", "results"},
  "run": _SOURCES
  | {"backbones", "data", "dynamics", "evaluation", "features", "metrics", "report"}
  | {"results", "statistics"},
  "assessment": _SOURCES | {"data", "evaluation", "metrics", "results", "run"},
  "commands": _SOURCES
  | {
    "assessment",
    "backbones",
    "data",
    "evaluation",
    "finetune",
    "metrics",
    "report",
    "results",
    "run",
  },
  "__init__": {"checks", "dynamics", "metrics", "ntk", "results", "run", "system"},
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
  found = house.rooms_graph()
  assert set(found) == set(ARROWS), "the map names every room"
  wrong = {
    room: sorted(others - ARROWS[room] - ANYWHERE) for room, others in found.items()
  }
  assert not {room: others for room, others in wrong.items() if others}


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
      assert thing.__doc__, f"{package}.{name} has no docstring"


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


@_by_path
def test_heavy_libraries_are_imported_where_they_are_used(path):
  found = {m.split(".")[0] for m, _ in house.imported(path, at_the_top=True)}
  assert not found & HEAVY


def test_only_one_module_imports_neural_tangents():
  importers = [
    path.name
    for path in FILES
    if "neural_tangents" in path.read_text(encoding="utf-8")
    and any(m.split(".")[0] == "neural_tangents" for m, _ in house.imported(path))
  ]
  assert importers in ([], ["_neural_tangents.py"])  # by name, at run time


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
