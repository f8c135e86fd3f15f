"""What other distributions and the user's own modules offer is found, and harms nothing."""

import sys
import textwrap
import uuid

import numpy as np
import pytest

import lead_jax
from lead_jax import metrics
from lead_jax.backbones import ModelSpec
from lead_jax.backbones._resolve import resolve_models
from lead_jax.backbones.catalogue import WeightSources
from lead_jax.checks import InputError
from lead_jax.data import load_dataset
from lead_jax.metrics import METRICS
from lead_jax.report import render_models
from lead_jax.system import load_named, plugins

X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
Y = np.arange(20) % 2

MARGIN = """
from lead_jax.metrics import Metric, Value

MARGIN = Metric("margin", lambda problem, options: Value({score}))
KNN = Metric("knn", lambda problem, options: Value(0.0))
NUMBER = 3
"""


@pytest.fixture
def offer(tmp_path, monkeypatch):
  """Installs a fake distribution: entry points, and a module that they point to."""
  monkeypatch.syspath_prepend(tmp_path)

  def install(source, *, name="x", **groups):
    module = f"plugin_{uuid.uuid4().hex[:8]}"
    (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
    folder = tmp_path / f"{name}-1.0.dist-info"
    folder.mkdir()
    lines = []
    for group, entries in groups.items():
      lines += [f"[lead_jax.{group}]"]
      lines += [f"{key} = {module}:{value}" for key, value in entries.items()]
    (folder / "entry_points.txt").write_text("\n".join(lines))
    (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    return module

  return install


def test_a_metric_of_a_distribution_is_found_by_name(offer):
  module = offer(MARGIN.format(score=0.25), metrics={"margin": "MARGIN"})
  assert metrics.known_metrics()["margin"] == "x 1.0"
  assert module not in sys.modules  # listing imports nothing
  assert lead_jax.score("margin", X, Y) == 0.25
  assert metrics.find_metric("margin").identity()["source"]
  assert list(metrics.known_metrics())[: len(METRICS)] == list(METRICS)


def test_a_broken_plugin_costs_only_who_asks_for_it(offer):
  offer("raise RuntimeError('no GPU here')", metrics={"margin": "MARGIN"})
  assert lead_jax.score("knn", X, Y) >= 0
  assert "margin" in metrics.known_metrics()
  with pytest.raises(InputError, match=r"'margin' of x 1.0 .*RuntimeError: no GPU"):
    metrics.find_metric("margin")


def test_a_plugin_that_exits_or_lacks_the_name_is_one_line(offer):
  offer("raise SystemExit(3)", metrics={"margin": "MARGIN"})
  offer("", name="y", metrics={"other": "OTHER"})
  for name in ("margin", "other"):
    with pytest.raises(InputError, match=f"plug-in '{name}' of . 1.0") as caught:
      metrics.find_metric(name)
    assert "\n" not in str(caught.value)


def test_a_plugin_takes_no_name_of_the_table(offer):
  offer(MARGIN.format(score=1.0), metrics={"knn": "KNN", "mine": "KNN"})
  assert metrics.find_metric("knn") is METRICS["knn"]
  assert metrics.known_metrics()["knn"] == "lead_jax"
  with pytest.raises(InputError, match="lead_jax has a metric 'knn' of its own"):
    metrics.find_metric("mine")


def test_a_plugin_has_the_name_of_its_entry_point(offer):
  offer(MARGIN.format(score=1.0), metrics={"other": "MARGIN", "number": "NUMBER"})
  with pytest.raises(InputError, match=r"'other' of x 1.0 is a metric named 'margin'"):
    metrics.find_metric("other")
  with pytest.raises(InputError, match=r"'number' of x 1.0 is a int, not a lead_jax"):
    metrics.find_metric("number")


def test_two_distributions_of_one_name_are_refused(offer):
  for name in ("x", "y"):
    offer(MARGIN.format(score=1.0), name=name, metrics={"margin": "MARGIN"})
  assert plugins("lead_jax.metrics")["margin"].source == "x 1.0, y 1.0"
  with pytest.raises(InputError, match=r"x 1.0 and y 1.0 both offer 'margin'"):
    metrics.find_metric("margin")


def test_a_distribution_without_metadata_is_named_all_the_same(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(tmp_path)
  folder = tmp_path / "bare-2.0.dist-info"
  folder.mkdir()
  (folder / "entry_points.txt").write_text("[lead_jax.metrics]\nbare = no_such:BARE\n")
  assert metrics.known_metrics()["bare"] == "bare-2.0"
  with pytest.raises(InputError, match=r"of bare-2.0 \(no_such:BARE\)"):
    metrics.find_metric("bare")


def test_a_metric_of_a_module_in_the_current_folder(tmp_path, monkeypatch):
  monkeypatch.setattr(sys, "path", list(sys.path))
  monkeypatch.chdir(tmp_path)
  name = f"module_{uuid.uuid4().hex[:8]}"
  file = tmp_path / f"{name}.py"
  file.write_text(MARGIN.format(score=1.0))
  assert lead_jax.score(f"{name}:MARGIN", X, Y) == 1.0
  before = metrics.find_metric(f"{name}:MARGIN").identity()
  assert before == metrics.find_metric(f"{name}:MARGIN").identity()
  file.write_text(MARGIN.format(score=2.0))  # of the same size, in the same second
  assert lead_jax.score(f"{name}:MARGIN", X, Y) == 2.0
  assert metrics.find_metric(f"{name}:MARGIN").identity() != before


@pytest.mark.parametrize(
  ("ref", "message"),
  [
    ("no_such_module:X", "there is no module 'no_such_module' on the path"),
    ("os:no_such_name", "module 'os' has no 'no_such_name'; it has: "),
    ("os:path", "'os:path' is a module, not a lead_jax.metrics.Metric"),
    ("my metric.py:X", "is not module:NAME; write my metric:X, from its folder"),
    (":X", "':X' is not module:NAME"),
    ("a:b:c", "'a:b:c' is not module:NAME"),
    ("nearest-centroid", "did you mean nearest_centroid"),
  ],
)
def test_what_cannot_be_found_is_said_in_one_line(ref, message, monkeypatch):
  monkeypatch.setattr(sys, "path", list(sys.path))
  with pytest.raises(InputError, match=message) as caught:
    metrics.find_metric(ref)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
  ("source", "message"),
  [
    ("raise ValueError('two\\nlines')", "cannot be imported: ValueError: two lines"),
    ("import no_such_peer", "ModuleNotFoundError: No module named 'no_such_peer'"),
    ("a b", "SyntaxError"),
  ],
)
def test_a_module_that_raises_is_said(tmp_path, monkeypatch, source, message):
  monkeypatch.syspath_prepend(tmp_path)
  (tmp_path / "raises_here.py").write_text(source)
  with pytest.raises(InputError, match=message):
    load_named("raises_here:X")


DATASETS = """
import numpy as np
from lead_jax.data import Dataset

def noise(argument, split):
  labels = np.arange(10, dtype=np.int32) % 2
  features = np.ones((10, 3), np.float32)
  return Dataset(argument or "bare", split, labels, ("a", "b"), "0" * 64, features=features)

def fails(argument, split):
  raise KeyError("no such site")

def number(argument, split):
  return 3

def leaves(argument, split):
  raise SystemExit(4)
"""


def test_a_data_set_of_a_distribution(offer, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  names = {name: name for name in ("noise", "fails", "number", "leaves")}
  offer(DATASETS, datasets=names)
  assert load_dataset("noise:pink", split="test").name == "pink"
  assert load_dataset("noise").name == "bare"
  with pytest.raises(
    InputError, match=r"'fails' of x 1.0 fails: KeyError: 'no such site'"
  ):
    load_dataset("fails:x")
  with pytest.raises(InputError, match=r"'leaves' of x 1.0 fails: SystemExit: 4"):
    load_dataset("leaves:x")
  with pytest.raises(InputError, match=r"returned a int, not a lead_jax.data.Dataset"):
    load_dataset("number")
  with pytest.raises(InputError, match=r"or of a plug-in: .*noise.*nearest: noise:x"):
    load_dataset("noize:x")
  (tmp_path / "noise").mkdir()  # a folder of the user's goes first
  with pytest.raises(InputError, match="noise"):
    load_dataset("noise")


BACKBONES = """
from lead_jax.backbones import ModelSpec

def make(name):
  return ModelSpec(name=f"my/{name}", load=lambda: None)

WRONG = 3
"""


def test_a_backbone_of_a_distribution(offer):
  offer(BACKBONES, backbones={"my": "make", "wrong": "WRONG"})
  (found,) = resolve_models(["my/net"])
  assert isinstance(found, ModelSpec)
  assert found.name == "my/net"
  with pytest.raises(InputError, match=r"'wrong' of x 1.0 is a int, not a function"):
    resolve_models(["wrong/net"])
  with pytest.raises(
    InputError, match=r"there is no model 'other/net'.*, my/NAME is of x 1.0,"
  ):
    resolve_models(["other/net"])


def test_the_list_of_models_names_plugins_without_importing_them(offer):
  module = offer("raise RuntimeError", backbones={"my": "make"})
  sources = WeightSources()
  assert "my/NAME is a model of the plug-in x 1.0." in render_models(
    sources, width=1000, color=False
  )
  assert module not in sys.modules
