"""Adding a metric is one file, one line of the table, one file of tests, one row of docs.

What of these is missing is listed here, metric by metric.
"""

import ast
import pathlib
import re

import pytest

from lead_jax import metrics
from lead_jax.metrics import METRICS
from tests import house

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOM = ROOT / "lead_jax" / "metrics"
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def _file_of(metric: metrics.Metric) -> pathlib.Path:
  return ROOM / f"{metric.compute.__module__.rpartition('.')[2]}.py"


def _missing(metric: metrics.Metric) -> list[str]:
  """What a metric lacks, in words."""
  found = []
  file = _file_of(metric)
  text = file.read_text(encoding="utf-8")
  tree = ast.parse(text)
  last = tree.body[-1]
  if f'own_metric(\n  "{metric.name}",' not in text or not isinstance(last, ast.Assign):
    found.append(f"its value at the end of {file.name}")
  if not re.search(r"https?://|et al\.,", text):
    found.append(f"its paper in {file.name}")
  own = ROOT / "tests" / "metrics" / f"test_{file.stem.strip('_')}.py"
  if not own.exists() or "def test_" not in own.read_text(encoding="utf-8"):
    found.append(f"its tests, {own.relative_to(ROOT)}")
  if f"| `{metric.name}` |" not in PAGE:
    found.append("its row in docs/metrics.md (python -m experiments.describe_metrics)")
  for fact in ("description", "unit", "cost"):
    if not getattr(metric, fact):
      found.append(f"its {fact}")
  for option in metric.options.described():
    if not option.help.endswith("."):
      found.append(f"the help of option {option.name}")
    if f"| `{option.name}` |" not in _section(metric.name):
      found.append(f"option {option.name} in docs/metrics.md")
  return found


def _section(name: str) -> str:
  """The options of a metric in docs/metrics.md; empty where it has none there."""
  return PAGE.partition(f"### `{name}`\n")[2].partition("\n### ")[0]


def test_every_metric_has_all_that_it_needs():
  lacks = {name: found for name, each in METRICS.items() if (found := _missing(each))}
  assert lacks == {}


def test_what_is_missing_would_be_said():
  lonely = metrics.Metric("lonely", METRICS["knn"].compute, options=metrics.Options)
  found = "; ".join(_missing(lonely))
  for part in (
    "at the end of _knn.py",
    "its row in docs",
    "its description",
    "its cost",
  ):
    assert part in found


def test_every_file_of_the_room_that_makes_a_metric_is_in_the_table():
  files = {_file_of(metric).name for metric in METRICS.values()}
  making = {
    path.name
    for path in ROOM.glob("_*.py")
    if re.search(
      r"^[A-Z_]+ = own_metric\(", path.read_text(encoding="utf-8"), re.MULTILINE
    )
  }
  assert making == files


def test_names_are_the_keys_of_the_table():
  assert list(METRICS) == [metric.name for metric in METRICS.values()]
  assert all(metrics.find_metric(name) is METRICS[name] for name in METRICS)


@pytest.mark.parametrize("path", sorted(ROOM.glob("_*.py")), ids=lambda path: path.stem)
def test_no_function_has_a_name_that_says_nothing(path):
  bare = {"evaluate", "check", "fit", "push", "run", "table", "base"}
  names = {node.name for node in house.tree_of(path).body if hasattr(node, "name")}
  assert not names & bare
