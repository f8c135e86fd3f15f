"""A metric as a value: its options, its name, and what tells one version from another."""

import contextvars
import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
import numpy as np
import pytest

import lead_jax
from lead_jax import metrics
from lead_jax.checks import InputError
from lead_jax.metrics import METRICS, Metric, Options, Problem, Value, option
from lead_jax.metrics._metric import SCORING_VERSION
from lead_jax.statistics import pca
from lead_jax.system import source_hash

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
X = (RNG.normal(size=(40, 5)) + Y[:, None]).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class MarginOptions(Options):
  """Options of the metric of these tests."""

  scale: float = option(1.0, above=0, help="Factor of the score.")
  kind: Literal["mean", "median"] = option("mean", help="Which average.")
  widths: tuple[int, ...] = option((1, 2), least=1, help="Widths.")
  depth: int | None = option(None, least=2, below=10, help="Depth.")


def _margin(problem: Problem, options: MarginOptions) -> Value:
  average = getattr(np, options.kind)
  of = lambda k: average(problem.features[problem.labels == k])
  return Value(float(options.scale * (of(1) - of(0))))


MARGIN = Metric("margin", _margin, options=MarginOptions)


def test_a_metric_serves_in_place_of_a_name():
  score = lead_jax.score(MARGIN, X, Y)
  assert score == pytest.approx(X[Y == 1].mean() - X[Y == 0].mean(), rel=1e-5)
  assert lead_jax.score(MARGIN, X, Y, scale=2) == pytest.approx(2 * score)
  assert lead_jax.score_pool(MARGIN, [X, 2 * X], Y) == [score, pytest.approx(2 * score)]
  assert metrics.evaluate_metric(MARGIN, Problem(X, Y)).score == score
  knn = METRICS["knn"]
  assert lead_jax.score(knn, X, Y, k=5) == lead_jax.score("knn", X, Y, k=5)
  assert lead_jax.score_stream(METRICS["logme"], [(X, Y)], num_classes=2) == (
    lead_jax.score_stream("logme", [(X, Y)], num_classes=2)
  )
  with pytest.raises(InputError, match="metric 'margin' needs all features at once"):
    lead_jax.score_stream(MARGIN, [(X, Y)], num_classes=2)


def test_options_are_brought_to_their_types():
  found = MARGIN.read_options({"scale": 2, "widths": [np.int64(3)], "depth": 4})
  assert found == MarginOptions(2.0, "mean", (3,), 4)
  assert isinstance(found.scale, float)
  assert type(found.widths[0]) is int
  assert MarginOptions().values() == {
    "scale": 1.0,
    "kind": "mean",
    "widths": (1, 2),
    "depth": None,
  }


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"scale": 0}, "margin': scale must be above 0 and finite, got 0"),
    ({"scale": float("nan")}, "scale must be above 0 and finite, got nan"),
    ({"scale": True}, "scale must be a number, got True"),
    ({"kind": "mode"}, r"kind must be one of \('mean', 'median'\), got 'mode'"),
    ({"widths": 3}, "widths must be a tuple of whole numbers, got 3"),
    ({"widths": "12"}, "widths must be a tuple of whole numbers, got '12'"),
    (
      {"widths": (1, 0)},
      r"widths must hold whole numbers, each at least 1, got \(1, 0\)",
    ),
    ({"depth": 1}, r"depth must be in \[2, 10\) or None, got 1"),
    ({"depth": 10}, r"depth must be in \[2, 10\) or None, got 10"),
    ({"depth": -(10**400)}, "depth must be a whole number that fits 64 bits"),
    ({"depth": 10**5000}, "depth must be a whole number that fits 64 bits"),
    ({"widths": (1, 2**63)}, "widths must be a whole number that fits 64 bits"),
    ({"scale": 10**400}, "scale must be a number that fits 64 bits"),
    ({"depth": "x"}, "depth must be a whole number or None, got 'x'"),
    ({"width": 1}, "has no option 'width'; it has: scale, kind, widths, depth"),
  ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
  with pytest.raises(InputError, match=message):
    metrics.check_options(MARGIN, options)


def test_some_options_are_checked_by_their_names():
  MarginOptions.check(scale=2, depth=None)
  with pytest.raises(ValueError, match="scale must be above 0"):
    MarginOptions.check(scale=0)
  with pytest.raises(TypeError, match="MarginOptions has no option 'sclae'"):
    MarginOptions.check(sclae=0)


def test_options_say_what_they_are():
  found = {each.name: each for each in MarginOptions.described()}
  assert found["depth"][1:3] == ("whole number or None", "in [2, 10)")
  assert found["kind"].kind == "'mean', 'median'"
  assert found["widths"].bound == "each at least 1"
  assert found["scale"].help == "Factor of the score."


def _bad_type() -> type[Options]:
  return dataclasses.make_dataclass(
    "Bad", [("a", dict, option(None, help="?"))], bases=(Options,), frozen=True
  )


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: Metric("", _margin), "a metric's name is made of letters"),
    (lambda: Metric("a,b", _margin), "a metric's name is made of letters"),
    (lambda: Metric("m", 3), "'m': compute must be a function, got 3"),
    (lambda: Metric("m", _margin, options=dict), "must be a dataclass derived from"),
    (lambda: Metric("m", _margin, options=_bad_type()), "an option is an int, float"),
    (lambda: Metric("m", _margin, needs=("colour",)), "has no array 'colour'; it has"),
  ],
)
def test_what_is_no_metric_is_refused(make, message):
  with pytest.raises(InputError, match=message):
    make()


def test_no_other_metric_has_a_name_of_the_table():
  other = dataclasses.replace(MARGIN, name="knn")
  with pytest.raises(InputError, match="lead_jax has a metric 'knn' of its own"):
    lead_jax.score(other, X, Y)


def test_what_is_no_value_is_refused():
  with pytest.raises(InputError, match="'bare' returned a float: return lead_jax"):
    lead_jax.score(Metric("bare", lambda problem, options: 1.0), X, Y)


def test_needs_are_asked_for():
  for need in ("source_features", "gmm_responsibilities", "source_probs"):
    metric = dataclasses.replace(MARGIN, needs=(need,))
    with pytest.raises(InputError, match=f"margin needs {need}: "):
      lead_jax.score(metric, X, Y)


def of_function(features, labels, *, num_classes, power: float = 1.0, name="x"):
  """Mean of the features' absolute values, to a power."""
  assert num_classes == len(np.unique(labels))
  return jnp.mean(jnp.abs(features) ** power)


def test_a_plain_function_is_a_metric():
  metric = Metric.of(of_function, unit="feature units")
  assert metric.name == "of_function"
  assert metric.description == "Mean of the features' absolute values, to a power."
  assert metric.options.names() == ("power", "name")
  expected = pytest.approx(float(np.mean(X**2)), rel=1e-5)
  assert lead_jax.score(metric, X, Y, power=2) == expected
  with pytest.raises(InputError, match="'of_function': power must be a number"):
    lead_jax.score(metric, X, Y, power="2")
  needing = Metric.of(lambda features, labels, source_probs, key: 1.0, "needing")
  assert needing.needs == ("source_probs",)
  assert needing.random
  with pytest.raises(InputError, match="parameter 'power' has no default"):
    Metric.of(lambda features, labels, power: 1.0, "m")


@pytest.mark.parametrize("name", METRICS)
def test_the_tables_metrics_are_told_apart_by_their_versions(name):
  metric = METRICS[name]
  assert metric.identity() == {"scoring": metric.version}
  assert metric.version >= SCORING_VERSION


def test_a_metric_with_the_tables_function_is_not_of_the_table():
  """Its owner may give it another of the table's functions: an edit as any other."""
  own, other = (Metric("mine", METRICS[name].compute) for name in ("knn", "logme"))
  assert set(own.identity()) == {"scoring", "source"}
  assert own.identity() != other.identity()
  raised = dataclasses.replace(METRICS["knn"], version=99)
  assert set(raised.identity()) == {"scoring", "source"}


def test_raising_our_version_leaves_that_of_others():
  assert MARGIN.identity()["scoring"] == Metric.of(of_function).version == 1


def _metric(source: str, **scope) -> Metric:
  """A metric of source as a notebook has it: without a file."""
  names = {
    "__name__": "cells",
    "Metric": Metric,
    "Value": Value,
    "Options": Options,
    "np": np,
    **scope,
  }
  exec(compile(source, "<cell>", "exec"), names)
  return names["METRIC"]


_CELL = """
SCALE = {scale}
class Helper:
  def value(self): return {method}
def helper(x): return x + {inner}
def compute(problem, options):
  def nested(): return {nested}
  return Value(helper(SCALE) + Helper().value() + nested())
METRIC = Metric("mine", compute)
"""
_GIVEN = {"scale": 1.0, "method": 2.0, "inner": 3.0, "nested": 4.0}


def test_the_same_code_has_the_same_hash():
  one, other = (_metric(_CELL.format(**_GIVEN)).identity() for _ in range(2))
  assert one == other
  assert one["scoring"] == 1
  assert len(one["source"]) == 64


@pytest.mark.parametrize("part", _GIVEN)
def test_an_edit_anywhere_is_another_hash(part):
  before = _metric(_CELL.format(**_GIVEN))
  after = _metric(_CELL.format(**{**_GIVEN, part: 9.0}))
  assert before.identity() != after.identity()


def _closing_over(value) -> Metric:
  def compute(problem, options):
    return Value(float(np.sum(value)))

  return Metric("closing", compute)


_CONTEXT = contextvars.ContextVar("context")


@pytest.mark.parametrize(
  ("one", "other"),
  [
    (1.0, 2.0),
    (1, True),
    ([1, 2], [1, 3]),
    ({"a": 1}, {"a": 2}),
    ({1, 2}, {1, 3}),
    (np.ones(3), np.ones(4)),
    (np.ones(3, np.float32), np.ones(3)),
    (jnp.ones(3), jnp.zeros(3)),
    (functools.partial(max, 1), functools.partial(max, 2)),
    (MarginOptions(), MarginOptions(2.0)),
    (_CONTEXT, contextvars.ContextVar("other")),
    (int | np.ndarray, int | str),
    (list[int], list[str]),
    (Callable[[int], str], Callable[[str], str]),
    (Literal["a"], Literal["b"]),
  ],
)
def test_a_captured_value_enters_the_hash(one, other):
  assert _closing_over(one).identity() == _closing_over(one).identity()
  assert _closing_over(one).identity() != _closing_over(other).identity()


def test_defaults_and_options_enter_the_hash():
  first = _metric(
    "def compute(p, o, a=1): return Value(a)\nMETRIC = Metric('m', compute)"
  )
  second = _metric(
    "def compute(p, o, a=2): return Value(a)\nMETRIC = Metric('m', compute)"
  )
  assert first.identity() != second.identity()
  other = dataclasses.make_dataclass(
    "MarginOptions", [("scale", float, 2.0)], bases=(Options,), frozen=True
  )
  assert dataclasses.replace(MARGIN, options=other).identity() != MARGIN.identity()


def test_a_function_in_place_of_the_tables_is_not_taken_for_it():
  knn = METRICS["knn"]
  theirs = dataclasses.replace(knn, compute=lambda problem, options: Value(0.5))
  assert set(theirs.identity()) == {"scoring", "source"}
  own = dataclasses.replace(knn, options=MarginOptions)
  assert set(own.identity()) == {"scoring", "source"}

  @functools.wraps(knn.compute)
  def wrapped(problem, options):
    return Value(0.5)

  wrapping = dataclasses.replace(knn, compute=wrapped)
  assert set(wrapping.identity()) == {"scoring", "source"}


def test_functions_of_one_name_by_metric_of_are_told_apart():
  one, other = (
    Metric.of(lambda features, labels, each=each: each, "m") for each in (1.0, 2.0)
  )
  assert one.identity() != other.identity()


def test_what_cannot_be_hashed_is_never_the_same():
  opaque = (each for each in range(3))
  assert source_hash(_closing_over(opaque).compute) != source_hash(
    _closing_over(opaque).compute
  )


_IN_A_FILE = """
import functools
import dataclasses
from lead_jax.metrics import Metric, Options, Value, option
NAMES = {"a", "b", "c"}
@dataclasses.dataclass(frozen=True)
class Own(Options):
  k: int = option(1, least=1, help="?")
@functools.cache
def helper(x, *, names=("a", "b"), more=("a", "b")):
  return [y for y in names if y in {"a", "b", "c"}]
def compute(problem, options):
  return Value(float(len(helper(1, names=("a", "b"), more=("a", "b"))) + len(NAMES)))
METRIC = Metric("mine", compute, options=Own)
"""


_OF_THE_TABLE = """
from lead_jax.metrics import METRICS, Metric
for name, each in METRICS.items():
  print(Metric("mine", each.compute, options=each.options).identity()["source"])
"""


def _in_processes(code: str, folder=None) -> list[str]:
  """What processes with other hashes of texts print."""
  found = []
  for seed in ("1", "2", "3"):
    path = os.pathsep.join([*([str(folder)] if folder else []), *sys.path])
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
    done = subprocess.run(
      [sys.executable, "-c", code],
      env=environment,
      capture_output=True,
      text=True,
      check=True,
    )
    found.append(done.stdout.strip())
  return found


def test_every_process_finds_the_same_hash(tmp_path):
  """With other hashes of texts, and from source as from compiled files."""
  (tmp_path / "in_a_file.py").write_text(_IN_A_FILE)
  code = "import in_a_file; print(in_a_file.METRIC.identity()['source'])"
  found = _in_processes(code, tmp_path)
  assert len(found[0]) == 64
  assert len(set(found)) == 1


def test_every_process_finds_the_same_hash_of_the_tables_functions():
  """Not here: where tests run, checks of types are wrapped around all functions."""
  one, *others = _in_processes(_OF_THE_TABLE)
  assert len(one.split()) == len(METRICS)
  assert others == [one, one]


def test_a_module_edited_on_disk_has_another_hash(tmp_path, monkeypatch):
  """Also of what no reference leads to."""
  import importlib

  monkeypatch.syspath_prepend(tmp_path)
  file = tmp_path / "edited_metric.py"
  text = "def compute(p, o):\n  return globals()['_' + 'hidden']\n_hidden = {}\n"
  file.write_text(text.format(1.0))
  compute = importlib.import_module("edited_metric").compute
  before = source_hash(compute)
  assert before == source_hash(compute)
  file.write_text(text.format(2.0))
  assert source_hash(compute) != before


def _calls_ours(features, labels):
  return float(pca(features, dim=1).variance_p[0])


def test_calling_a_checked_function_of_ours_leaves_the_identity():
  """The check reads the signature at the first call, and keeps what it read."""
  metric = Metric.of(_calls_ours)
  before = metric.identity()
  assert set(before) == {"scoring", "source"}
  _calls_ours(np.eye(4, dtype=np.float32), None)
  assert metric.identity() == before
