"""Names that prose quotes are there: `room.name` of docstrings, comments and messages."""

import importlib
import re
from collections.abc import Iterator

import pytest

from tests import house
from tests.house import FILES, MODULES, ROOT

_QUOTED = re.compile(r"`([A-Za-z]\w*(?:\.\w+)+)(?:\([^`]*\))?`")
# Names of files, which look like names of things.
_SUFFIXES = {"csv", "json", "jsonl", "npz", "onnx", "pth", "py", "safetensors", "txt"}
# Entry points, which plug-ins name and nobody imports.
_GROUPS = {"lead_jax.backbones", "lead_jax.datasets", "lead_jax.metrics"}
_ROOMS = {house.room_of(module) for module in MODULES if module != "lead_jax"}
# By last name: packages inside rooms, which prose of their room calls by it alone.
_INNER = {
  m.rpartition(".")[2]: m for m in MODULES if house.face_of(m) and m.count(".") > 1
}
# By name without the underscore: private modules.
_PRIVATE = {
  module.rpartition(".")[2].removeprefix("_"): module
  for module in MODULES
  if module.rpartition(".")[2].startswith("_")
}
_CODE = [*FILES, *sorted((ROOT / "experiments").rglob("*.py"))]
# Pages say `report.json` and `ntk.ours` of other things: of these, whole names alone.
_PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


def _quoted(text: str) -> Iterator[str]:
  """Names in single backticks that may be this package's."""
  for match in _QUOTED.finditer(text):
    if match[1].rpartition(".")[2] not in _SUFFIXES:
      yield match[1]


def _promised(dotted: str) -> bool:
  """Whether a name is reached from the package through faces and public modules."""
  here, *rest = dotted.split(".")
  thing = importlib.import_module(here)
  for name in rest:
    here = f"{here}.{name}"
    if name.startswith("_") and name != "__version__":
      return False
    if hasattr(thing, name):
      thing = getattr(thing, name)
    elif name in getattr(thing, "__dataclass_fields__", {}):
      return True
    else:
      try:
        thing = importlib.import_module(here)
      except ModuleNotFoundError:
        return False
  return True


def _defines(module: str, name: str) -> bool:
  """Whether a module, or a package's face, has a name at its top."""
  source = MODULES[module].read_text(encoding="utf-8")
  pattern = rf"^(?:def |class )?{re.escape(name)}\b"
  return name in house.face_of(module) or bool(re.search(pattern, source, re.M))


def _is_wrong(name: str) -> bool:
  """Whether a quoted name means something of this repository and misses it."""
  first, _, rest = name.partition(".")
  if name in _GROUPS:
    return False
  if first in ("lead_jax", "experiments"):
    return not _promised(name)
  if first in _ROOMS:
    return not _promised(f"lead_jax.{name}")
  if first in _INNER:
    return not _promised(f"{_INNER[first]}.{rest}")
  # `config.rates` is of an argument; a class, or what the module has, is of the module.
  return first in _PRIVATE and (rest[0].isupper() or _defines(_PRIVATE[first], rest))


@pytest.mark.parametrize(
  ("name", "wrong"),
  [
    ("ntk.head_kernel", False),
    ("lead_jax.metrics.Metric.of", False),
    ("lead_jax.backbones.digits.ARCHITECTURES", False),
    ("dynamics.HeldOutConfig.loss", False),
    ("experiments.describe_metrics", False),
    ("config.rates", False),
    ("ntk.mlp", True),
    ("lead_jax.ntk._mlp", True),
    ("lead_jax.metrics.gbc", True),
    ("zoo_file.load_zoo", True),
    ("networks.NETWORKS", False),
    ("weights.LAYOUTS", True),
    ("forward.Pooled", True),
    ("catalogue.models.Origin", True),
    ("experiments.nothing", True),
  ],
)
def test_a_wrong_name_is_told_from_a_right_one(name, wrong):
  assert _is_wrong(name) is wrong


@pytest.mark.parametrize("path", _CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_that_code_quotes_are_promised(path):
  text = path.read_text(encoding="utf-8")
  assert not [name for name in _quoted(text) if _is_wrong(name)]


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: path.stem)
def test_names_that_pages_quote_are_promised(path):
  names = _quoted(path.read_text(encoding="utf-8"))
  ours = [name for name in names if name.startswith(("lead_jax.", "experiments."))]
  assert not [name for name in ours if _is_wrong(name)]
