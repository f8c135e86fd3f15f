"""Noise, families, costs and figures of an evaluation, from data made by hand."""

import dataclasses
import json
import math

import numpy as np
import pytest

from lead_jax.assessment import (
  _costs as costs,
  _families as families,
  _numbers as numbers,
)
from lead_jax.assessment._figures import (
  _agreement_figure as agreement,
  _cost_figure as cost,
  _ranks_figure as ranks,
)
from lead_jax.assessment._noise import check_columns, noise_of
from lead_jax.assessment._remarks import remarks
from lead_jax.checks._errors import InputError
from lead_jax.evaluation._score_table import ScoreTable
from lead_jax.evaluation._truth_noise import deviation_of_test_set
from lead_jax.results import ModelRow, Plan, Report, ScoreRow, report_json

TRUTH = np.array([[50.0, 80.0, math.nan], [90.0, 60.0, 70.0]])
TABLE = ScoreTable(["s"], ["x", "y"], ["a", "b", "c"], np.zeros((1, 2, 3)), TRUTH)


def test_noise_from_the_test_set_and_from_repeated_runs():
  none = noise_of(TABLE, {}, {}, None)
  assert np.isnan(none.deviation).all()
  assert none.source == {"x": "unknown", "y": "unknown"}
  found = noise_of(TABLE, {}, {"x": 400}, 1.0)
  binomial = deviation_of_test_set(TRUTH[0, :2], 400)
  np.testing.assert_allclose(found.deviation[0, :2], np.hypot(1, binomial))
  np.testing.assert_allclose(found.deviation[1], 1)
  assert found.source["x"] == "given noise 1 of one run and 400 test images"
  assert math.isnan(found.deviation[0, 2])
  assert noise_of(TABLE, {}, {"x": 400}, None).source["x"] == "400 test images"


def test_columns_of_the_truth_come_first():
  columns = {
    "deviation": {"x": {"a": "2.5"}},
    "std": {"x": {"a": "9", "b": "3"}},
    "seeds": {"x": {"b": "4"}, "y": {"a": "4", "b": "1"}},
    "measure": {"x": {"b": "mAP"}, "y": {"b": "top-1 %"}},
  }
  found = noise_of(TABLE, columns, {"x": 400, "y": 400}, 1.0)
  binomial = deviation_of_test_set(TRUTH[1], 400)
  np.testing.assert_allclose(found.deviation[0, :2], [2.5, 1.5])
  np.testing.assert_allclose(
    found.deviation[1], np.hypot([0.5, 1, 1], binomial), rtol=1e-12
  )
  assert found.source["x"] == "column deviation; column std of one run, 4 runs"
  for name, value in (("std", "x"), ("deviation", "-1"), ("seeds", "0")):
    with pytest.raises(InputError, match=f"{name} of a on x is {value!r}, not"):
      check_columns({name: {"x": {"a": value}}})
  check_columns(columns)


@pytest.mark.parametrize(
  ("text", "family"),
  [
    ("ResNet-20 (option A)", "ResNet"),
    ("ResNet50", "ResNet"),
    ("MobileNetV2 1.0x (uint8 QAT, dequantised)", "MobileNetV2"),
    ("MobileNet-EdgeTPU 0.75x (fused)", "MobileNet-EdgeTPU"),
    ("MCUNet-5fps (NAS, mixed)", "MCUNet"),
    ("Tiny Darknet (Keras)", "Tiny Darknet"),
    ("SqueezeNet v1.1 (float16)", "SqueezeNet"),
    ("", ""),
  ],
)
def test_architecture_families(text, family):
  assert families.architecture_family(text) == family


@pytest.mark.parametrize(
  ("text", "family"),
  [
    ("ImageNet-1k (1001 logits, 0=background)", "ImageNet-1k"),
    ("ImageNet-1k -> PASCAL VOC segmentation", "ImageNet-1k"),
    ("ImageNet-1k; file has no classifier", "ImageNet-1k"),
    ("CIFAR-10", "CIFAR-10"),
  ],
)
def test_pretraining_families(text, family):
  assert families.pretraining_family(text) == family


def test_what_nothing_is_known_of_is_its_own_family(tmp_path):
  described = {"a": "ResNet-8", "b": "ResNet-20", "c": "ready features"}
  found = families.families_of(["a", "b", "c", "d"], described, "architecture")
  assert found == {"a": "ResNet", "b": "ResNet", "c": "c", "d": "d"}
  path = tmp_path / "families.csv"
  path.write_text("model,family\na,small\nb, large\nz,other\n")
  assert families.read_families(path, ["b", "a"]) == {"b": "large", "a": "small"}
  with pytest.raises(InputError, match="no family of model 'c'"):
    families.read_families(path, ["c"])
  path.write_text("model,kind\na,small\n")
  with pytest.raises(InputError, match="no column 'family'"):
    families.read_families(path, ["a"])
  with pytest.raises(InputError, match="there is no such file"):
    families.read_families(tmp_path / "none.csv", [])


def _report(*, cached, seconds, peak):
  row = ModelRow(
    "a",
    "ok",
    weights_hash="h",
    features_cached=cached,
    seconds={"extract": seconds},
    peak_memory_mib={"extract": peak, "load": 5.0},
  )
  scores = [ScoreRow("a", "knn", 1.0, 1, "ok", seconds=s) for s in (2.0, 4.0, 0.0)]
  return Report(Plan({"fingerprint": "f"}, ["a"], ["knn"]), [row], scores)


def test_costs_outlive_the_run_that_measured_them(tmp_path):
  first = _report(cached=False, seconds=3.0, peak=100.0)
  (tmp_path / "report.json").write_text(report_json(first))
  # The next run, before it replaces the report, and after: all came from the store.
  costs.keep_earlier(tmp_path)
  later = _report(cached=True, seconds=0.1, peak=900.0)
  known = costs.remember(tmp_path, later)
  assert known == {
    "h": {"extract": 3.0, "peak_mib:extract": 100.0, "peak_mib:load": 5.0}
  }
  assert json.loads((tmp_path / "costs.json").read_text())["models"] == known
  found = costs.costs({"x": first}, {"x": known})
  assert found.metrics == {"knn": (2, 6.0, 3.0)}
  assert found.models == {"a": (1, 6.0, 6.0)}
  assert found.extract_seconds == 3.0
  assert found.peak_mib == {"extract": 100.0, "load": 5.0}
  # Other images: what was measured says nothing of them.
  other = dataclasses.replace(
    later, plan=Plan({"fingerprint": "other"}, ["a"], ["knn"])
  )
  assert costs.remember(tmp_path, other) == {"h": {"peak_mib:load": 5.0}}
  unknown = costs.costs({"x": first}, {})
  assert (unknown.extract_seconds, unknown.extracted, unknown.pairs) == (None, 0, 1)


@pytest.mark.parametrize(
  "report",
  [
    "[]",
    "spoilt",
    '{"plan": {"dataset": {"fingerprint": "f"}}}',
    '{"plan": null, "models": []}',
    '{"plan": {"dataset": {"fingerprint": "f"}}, "models": [null]}',
    '{"plan": {"dataset": {"fingerprint": "f"}}, "models": [{"model": "a", '
    '"weights_hash": "h", "features_cached": false, "peak_memory_mib": {}, '
    '"seconds": {"extract": "long"}}]}',
  ],
)
@pytest.mark.parametrize(
  "kept",
  [
    "spoilt",
    '{"fingerprint": "f", "models": []}',
    '{"fingerprint": "f", "models": {"h": {"extract": null}}}',
  ],
)
def test_damaged_files_of_costs_cost_nothing(tmp_path, report, kept):
  (tmp_path / "costs.json").write_text(kept)
  (tmp_path / "report.json").write_text(report)
  costs.keep_earlier(tmp_path)
  assert (tmp_path / "costs.json").read_text() == kept
  known = costs.remember(tmp_path, _report(cached=True, seconds=0.1, peak=900.0))
  assert known == {"h": {"peak_mib:load": 5.0}}


def test_remarks_are_counted_without_their_numbers():
  said = {
    "a": "saturated: every posterior is 1; tied with b, c",
    "b": "saturated: every posterior is 0.99",
    "c": "ok",
    "d": "needs logits",
    "e": "failed: no features",
  }
  rows = [ScoreRow(model, "sfda", 1.0, 1, status) for model, status in said.items()]
  rows.append(ScoreRow("a", "etran", 1.0, 1, "tied with b"))
  assert list(remarks(rows).items()) == [
    ("saturated: every posterior is #", {"sfda": 2}),
    ("tied with others", {"sfda": 1, "etran": 1}),
    ("failed: no features", {"sfda": 1}),
  ]


def test_numbers_as_the_tables_write_them():
  assert numbers.number(0.8134) == "0.813"
  assert numbers.number(-0.8134, digits=2) == "-0.81"
  assert numbers.number(0.04, "+") == "+0.040"
  assert numbers.number(1.0) == "1.000"
  assert numbers.number(10.25, digits=1) == "10.2"
  assert numbers.number(-0.001, digits=2) == "0.00"
  assert numbers.number(math.nan) == "–"
  assert numbers.interval(-0.1, 1.0) == "-0.10 … 1.00"
  assert numbers.places(1, 12) == "1–12"
  assert numbers.places(3, 3) == "3"
  assert [numbers.share(s) for s in (0, 0.001, 0.34)] == ["", "<1 %", "34 %"]
  found = [numbers.seconds(s) for s in (0.0, 0.0038, 0.04, 3.14, 123.4)]
  assert found == ["0.00", "0.0038", "0.04", "3.1", "123"]


def test_the_pareto_front():
  found = [("a", 0.9, 5), ("b", 0.5, 1), ("c", 0.7, 6), ("d", 0.4, 2), ("e", 0.5, 1.5)]
  found.append(("f", 0.6, 3))
  points = [
    cost.MethodPoint(name, "metric", tau, seconds) for name, tau, seconds in found
  ]
  assert [point.method for point in cost.pareto_front(points)] == ["b", "f", "a"]


def test_agreement_of_methods_and_its_order():
  up = np.arange(6.0)
  scores = np.stack([up, -up, up**2, -(up**3), np.full(6, 2.0)])
  scores[2, 5] = math.nan
  table = ScoreTable(
    ["up", "down", "up too", "down too", "tied"],
    ["x"],
    "abcdef",
    scores[:, None],
    np.arange(6.0)[None],
  )
  names = list(table.methods)
  found = agreement.agreements(table, names)
  expected = [[1, -1, 1, -1], [-1, 1, -1, 1], [1, -1, 1, -1], [-1, 1, -1, 1]]
  np.testing.assert_allclose(found[:4, :4], expected)
  np.testing.assert_array_equal(found[4, :4], 0)
  order = list(agreement.clustered(found[:4, :4]))
  assert abs(order.index(0) - order.index(2)) == 1
  assert abs(order.index(1) - order.index(3)) == 1


def test_predicted_places():
  scores = np.array([0.5, math.nan, 0.9, 0.5, math.nan])
  truth = np.array([10.0, 20.0, math.nan, 40.0, 50.0])
  places, known = ranks.predicted_places(scores, truth)
  np.testing.assert_array_equal(places, [1.5, 3.5, 1.5, 3.5])
  np.testing.assert_array_equal(known, [10, 20, 40, 50])
