"""Whatever a metric reaches enters its hash, and nothing makes hashing raise."""

import collections
import importlib
import subprocess
import sys
import threading

import numpy as np
import pytest

from lead_jax.metrics import Metric, find_metric
from lead_jax.system import source_hash

START = "from lead_jax.metrics import Metric, Value\n"
END = "\nM = Metric('m', compute)\n"
# A module that is edited, and how a metric reaches it.
SHAPES = {
  "imported at the top": ("aid.py", "from aid import scale\nK = scale", "K()"),
  "imported inside": ("aid.py", "", "__import__('math').pi and inner()"),
  "two attributes deep": ("pk/sub.py", "import pk.sub", "pk.sub.scale()"),
  "through a module of the package": (
    "pk/deep.py",
    "from pk import util",
    "util.deep.K",
  ),
  "inside a container": ("aid.py", "import aid\nT = {'a': aid}", "T['a'].scale()"),
  "a metaclass": (
    "aid.py",
    "import aid\nclass C(metaclass=aid.Meta): pass",
    "C.k()",
  ),
}
HELPER = "K = {k}\ndef scale(): return K\nclass Meta(type):\n  def k(cls): return K\n"


def _identity(folder, code):
  """The identity that a process of its own finds."""
  text = (
    "import json\nfrom lead_jax.metrics import find_metric\n"
    "print(json.dumps(find_metric('main_metric:M').identity()))"
  )
  (folder / "main_metric.py").write_text(code)
  found = subprocess.run(
    [sys.executable, "-B", "-c", text], cwd=folder, capture_output=True, text=True
  )
  assert found.returncode == 0, found.stderr
  return found.stdout


@pytest.mark.parametrize("shape", SHAPES)
def test_an_edited_helper_is_another_metric(shape, tmp_path):
  edited, above, value = SHAPES[shape]
  (tmp_path / "pk").mkdir()
  (tmp_path / "pk" / "__init__.py").write_text("")
  (tmp_path / "pk" / "util.py").write_text("from . import deep\n")
  for name in ("aid.py", "pk/sub.py", "pk/deep.py"):
    (tmp_path / name).write_text(HELPER.format(k=1.5))
  inner = "def inner():\n  from aid import scale\n  return scale()\n"
  code = f"{START}{above}\n{inner}def compute(p, o): return Value({value})\n{END}"
  before = _identity(tmp_path, code)
  assert _identity(tmp_path, code) == before
  (tmp_path / edited).write_text(HELPER.format(k=2.5))
  assert _identity(tmp_path, code) != before


class Registered:
  """Holds its own instances, as registries do."""

  registry: set = set()  # noqa: RUF012


Registered.registry.add(Registered())


class Ordered(collections.OrderedDict):
  """A mapping with an attribute."""


def _reaching(thing):
  def compute(problem, options):
    return thing

  return compute


def test_what_holds_itself_or_lies_too_deep_does_not_raise():
  assert len(source_hash(_reaching(Registered))[0]) == 64
  deep: list = []
  for _ in range(5000):
    deep = [deep]
  one, other = (source_hash(_reaching(deep)) for _ in range(2))
  assert not one[1]
  assert one != other


def test_what_has_no_state_of_a_computation_counts_by_its_type():
  one, other = (source_hash(_reaching(threading.Lock())) for _ in range(2))
  assert one == other
  assert one[1]


def test_attributes_of_derived_containers_count():
  def of(value):
    thing = Ordered()
    thing.scale = value
    return source_hash(_reaching(thing))

  assert of(1.0) == of(1.0)
  assert of(1.0) != of(2.0)
  one, other = (np.ones(2).view(type("A", (np.ndarray,), {})) for _ in range(2))
  one.scale, other.scale = 1.0, 2.0
  assert source_hash(_reaching(one)) != source_hash(_reaching(other))


def test_attributes_of_a_function_count():
  def of(value):
    compute = _reaching(1.0)
    compute.scale = value
    return source_hash(compute)

  assert of(1.0) == of(1.0)
  assert of(1.0) != of(2.0)


def test_a_metric_that_cannot_be_hashed_says_so():
  metric = Metric("open", _reaching(x for x in [1]))
  one, other = metric.identity(), metric.identity()
  assert one["stable"] is False
  assert one != other


def test_a_module_is_found_by_name_without_being_run(tmp_path, monkeypatch):
  (tmp_path / "breaks.py").write_text("raise SystemError\n")
  (tmp_path / "with_breaks.py").write_text(
    f"{START}def compute(p, o):\n  import breaks\n  return Value(1.0)\n{END}"
  )
  monkeypatch.syspath_prepend(tmp_path)
  importlib.invalidate_caches()
  first = find_metric("with_breaks:M").identity()
  assert "breaks" not in sys.modules
  (tmp_path / "breaks.py").write_text("K = 1\n")
  assert find_metric("with_breaks:M").identity() != first
