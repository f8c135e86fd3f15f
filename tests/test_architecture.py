"""Imports run one way, as the map of the rooms says; the mathematics knows no files."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "lead_jax"

# What each room may import of this package, beside itself.
BASE = {"typing", "errors", "labels", "version"}
MATHEMATICS = {"heads", "inputs", "ntk", "logits", "lead", "lead_config", "lead_rates"}
MATHEMATICS |= {"metrics", "evaluation", "statistics", "feature_scale", "held_out"}
MATHEMATICS |= {"certainty", "option_checks"}
ALLOWED = {
  "typing": set(),
  "errors": set(),
  "cache": set(),
  "compiled": set(),
  "feature_scale": BASE,
  "option_checks": set(),
  "version": set(),
  "labels": BASE,
  "inputs": BASE,
  "heads": BASE,
  "ntk": BASE | {"heads"},
  "statistics": BASE,
  "logits": BASE | {"heads", "ntk", "statistics"},
  "lead_config": BASE | {"feature_scale", "heads", "logits", "option_checks"},
  "lead_rates": BASE | {"heads", "lead_config", "ntk"},
  "lead": BASE
  | {"feature_scale", "heads", "inputs", "lead_config", "lead_rates", "logits", "ntk"},
  "held_out": BASE
  | {"feature_scale", "heads", "inputs", "logits", "ntk", "option_checks"},
  "metrics": BASE
  | {"feature_scale", "inputs", "lead", "lead_config", "held_out", "lead_rates"}
  | {"logits", "statistics"},
  "evaluation": BASE,
  "backbones": BASE | {"cache", "tensorflow", "zoo"},
  "tensorflow": set(),
  "zoo": set(),
  "data": BASE | {"backbones", "tensorflow"},
  "features": BASE | {"backbones", "data"},
  "finetune": BASE | {"backbones", "data"},
  "measure": BASE,
  "results": BASE | {"report"},  # inside the methods that write one
  "preflight": BASE | {"evaluation", "metrics", "results"},
  "certainty": BASE | {"results"},
  "conclusion": BASE | {"certainty", "evaluation", "metrics", "results"},
  "scoring": BASE
  | {"backbones", "certainty", "data", "features", "lead_rates", "measure", "metrics"}
  | {"results"},
  "ranking": BASE
  | {"backbones", "cache", "certainty", "compiled", "conclusion", "data", "features"}
  | {"measure"}
  | {"metrics", "preflight", "results", "scoring"},
  "report": BASE
  | {"backbones", "evaluation", "metrics", "ranking", "results", "scoring"},
  "cli": None,  # knows everything
  "__init__": None,
}
FORBIDDEN_IN_MATHEMATICS = {
  "absl",
  "os",
  "pathlib",
  "tensorflow",
  "tensorflow_datasets",
  "timm",
  "torch",
  "rich",
  "tqdm",
}
HEAVY = {
  "diffrax",
  "matplotlib",
  "neural_tangents",
  "onnx",
  "optax",
  "orbax",
  "scipy",
  "sklearn",
  "tensorflow",
  "tensorflow_datasets",
  "timm",
  "torch",
}


def _room(path: pathlib.Path) -> str:
  first = path.relative_to(PACKAGE).parts[0]
  return first.removesuffix(".py")


def _imports(path: pathlib.Path, *, top_level_only: bool = False) -> set[str]:
  tree = ast.parse(path.read_text(encoding="utf-8"))
  nodes = tree.body if top_level_only else ast.walk(tree)
  found = set()
  for node in nodes:
    if isinstance(node, ast.Import):
      found |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f"{path}: imports are absolute"
      found.add(node.module)
      found |= {f"{node.module}.{alias.name}" for alias in node.names}
  return found


FILES = sorted(PACKAGE.rglob("*.py"))


def test_results_know_the_report_only_when_they_write_one():
  found = _imports(PACKAGE / "results.py", top_level_only=True)
  assert not [name for name in found if name.startswith("lead_jax.report")]


def test_the_map_is_complete():
  assert {_room(path) for path in FILES} == set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
  room = _room(path)
  allowed = ALLOWED[room]
  if allowed is None:
    return
  rooms = {
    name.split(".")[1]
    for name in _imports(path)
    if name.startswith("lead_jax.") and len(name.split(".")) > 1
  }
  strangers = {name for name in rooms if name in ALLOWED} - allowed - {room}
  assert not strangers, f"{room} must not import {sorted(strangers)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_mathematics_knows_no_files_flags_or_frameworks(path):
  if _room(path) in MATHEMATICS:
    found = {name.split(".")[0] for name in _imports(path)}
    assert not found & FORBIDDEN_IN_MATHEMATICS


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_where_they_are_used(path):
  found = {name.split(".")[0] for name in _imports(path, top_level_only=True)}
  assert not found & HEAVY


def test_only_one_module_imports_neural_tangents():
  importers = [
    path.name
    for path in FILES
    if "neural_tangents" in path.read_text(encoding="utf-8")
    and any(name.split(".")[0] == "neural_tangents" for name in _imports(path))
  ]
  assert importers in ([], ["neural_tangents.py"])  # it imports it by name, at run time


def test_only_the_command_knows_flags():
  assert [p.name for p in FILES if any("absl" in n for n in _imports(p))] == ["cli.py"]


def test_help_needs_none_of_the_heavy_libraries():
  code = (
    "import sys\n"
    "sys.argv = ['lead-rank', '--help']\n"
    "from lead_jax import cli\n"
    "try: cli.run()\n"
    "except SystemExit as stop: assert stop.code == 0, stop.code\n"
    f"assert not [m for m in {sorted(HEAVY)!r} if m in sys.modules], sorted(sys.modules)\n"
  )
  result = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=False
  )
  assert result.returncode == 0, result.stderr
  assert "lead-rank [DATASET]" in result.stdout
