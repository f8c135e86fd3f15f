"""How well metrics rank, from scores made by hand and from a small real run."""

import csv
import functools
import io
import json
import math
import re
import sys

import numpy as np
import pytest
from PIL import Image

from lead_jax.assessment import (
  _collect as collect,
  _evaluation_files as files,
  _leaving_out as leaving_out,
  _method_summary as summary,
  _verdict as verdict,
  plotting,
)
from lead_jax.assessment._noise import noise_of
from lead_jax.assessment._write_evaluation import write_evaluation
from lead_jax.checks._errors import InputError
from lead_jax.evaluation._rank_measures import weighted_kendall, weighted_kendall_paper
from lead_jax.results import ModelRow, Plan, Report, ScoreRow

MODELS = [f"m{i}" for i in range(7)]


def _report(dataset, truth):
  """A perfect metric, a reversed one, one that failed once, and one that has no score."""
  rng = np.random.default_rng(len(dataset))
  columns = {
    "knn": [truth[m] for m in MODELS],
    "lead": [-truth[m] for m in MODELS],
    "logme": [math.nan, *rng.normal(size=6)],
    "rsa": [math.nan] * 7,
  }
  rows = [
    ScoreRow(model, metric, value, None, "ok", seconds=0.5)
    for metric, values in columns.items()
    for model, value in zip(MODELS, values, strict=True)
  ]
  facts = [
    ModelRow(
      model,
      "ok",
      architecture=f"{'ResNet' if i < 3 else 'VGG'}-{i}",
      pretraining="ImageNet-1k (1000 logits)",
      weights_hash=f"hash {i}",
      num_params=i,
      seconds={"extract": 2.0},
      peak_memory_mib={"score": 9.0},
    )
    for i, model in enumerate(MODELS)
  ]
  plan = Plan(
    {"name": dataset, "samples": 40, "classes": 4},
    [row.model for row in facts],
    list(columns),
  )
  return Report(plan, facts, rows)


@pytest.fixture(scope="module")
def found():
  rng = np.random.default_rng(0)
  truth = {
    name: dict(zip(MODELS, map(float, rng.permutation(7)), strict=True))
    for name in ("birds", "flowers")
  }
  reports = {name: _report(name, truth[name]) for name in truth}
  return collect.of_reports(reports, collect.Truth(truth))


@pytest.fixture(scope="module")
def result(found):
  noise = noise_of(found.table, {}, {}, 0.5)
  return summary.summarise_methods(found, baseline="knn", noise=noise, samples=500)


def test_known_answers(found, result):
  rows = {row.method: row for row in result.rows}
  assert result.rows[0].method == "knn"
  assert rows["knn"].measures["tau_w"] == pytest.approx([1] * 5)
  assert rows["knn"].measures["tau_eq1"] == pytest.approx([1] * 5)
  assert rows["knn"].measures["regret_1"] == pytest.approx([0] * 5)
  assert rows["knn"].measures["regret_3"] == pytest.approx([0] * 5)
  assert rows["knn"].measures["rel_1"] == pytest.approx([1] * 5)
  assert rows["knn"].difference == pytest.approx([0] * 5)
  assert rows["knn"].p == pytest.approx(1 / 5040)  # all orders of 7 models
  assert rows["lead"].tau == pytest.approx(-1)
  assert rows["lead"].measures["tau_b"].mean == pytest.approx(-1)
  # The first is the worst of 0 .. 6; of the last three, the best is 2.
  assert rows["lead"].measures["regret_1"].mean == 6
  assert rows["lead"].measures["regret_3"].mean == 4
  assert rows["lead"].measures["rel_1"].mean == 0
  assert rows["lead"].difference == pytest.approx([-2] * 5)
  assert rows["lead"].p_holm == 1
  assert rows["logme"].failures == 2
  scores = found.table.scores[list(found.table.methods).index("logme"), :, 1:]
  taus = [
    weighted_kendall(*pair)
    for pair in zip(scores, found.table.truth[:, 1:], strict=True)
  ]
  assert rows["logme"].scored == pytest.approx(np.mean(taus))
  assert rows["knn"].scored == pytest.approx(1)
  assert rows["rsa"].place is None
  assert rows["rsa"].reason == "no model has a score"
  assert rows["knn"].cost == (14, pytest.approx(7), 0.5)
  assert found.costs.extract_seconds == pytest.approx(28)
  mean, low, high = result.ceiling
  assert 0.7 < low < mean < high <= 1


def test_places_and_how_sure_they_are(result):
  ranked = [row for row in result.rows if row.place is not None]
  assert [row.place for row in ranked] == sorted(row.place for row in ranked)
  knn, lead = result.row("knn"), result.row("lead")
  # The perfect one is always the first and the reversed one always behind it.
  assert (knn.place, knn.standing.low, knn.standing.high) == (1, 1, 1)
  # Few distinct models in a resample: another may order them as well.
  assert 0.9 < knn.standing.best < 1
  assert 0.9 < knn.wide_standing.best < 1
  assert lead.standing.low > 1
  assert lead.standing.best == 0
  logme = result.row("logme")
  assert logme.standing.low <= logme.place <= logme.standing.high
  assert logme.measures["tau_w"].wide_low <= logme.measures["tau_w"].low + 0.05


def test_random_rankings_are_a_row(found, result):
  chance = result.row("random")
  tau = chance.measures["tau_w"]
  assert (chance.place, chance.kind, tau.mean) == (None, "chance", 0)
  assert -0.7 < tau.low < -0.3 < 0.3 < tau.high < 0.7
  # The best of 0 .. 6 less the expected one, and best of three, drawn at random.
  assert chance.measures["regret_1"].mean == pytest.approx(6 - 3, abs=0.1)
  assert chance.measures["regret_3"].mean == pytest.approx(6 - 5, abs=0.1)
  order = [row.method for row in result.rows]
  for row in result.ranked:
    assert (row.tau >= 0) == (order.index(row.method) < order.index("random"))


def test_rankings_that_never_look_stand_beside_the_metrics(found, result):
  rows = {row.method: row for row in result.rows}
  assert rows["parameters"].kind == "static"
  truth = found.table.truth
  for name, measure in (
    ("tau_w", weighted_kendall),
    ("tau_eq1", weighted_kendall_paper),
  ):
    taus = [measure(np.arange(7), row) for row in truth]
    assert rows["parameters"].measures[name].mean == pytest.approx(np.mean(taus))
  assert rows["parameters"].cost is None
  assert "mean rank elsewhere" in rows


def test_the_same_seed_gives_the_same_numbers(found):
  once = summary.summarise_methods(found, baseline="knn", samples=100, seed=3)
  assert repr(once) == repr(
    summary.summarise_methods(found, baseline="knn", samples=100, seed=3)
  )
  assert repr(once) != repr(
    summary.summarise_methods(found, baseline="knn", samples=100, seed=4)
  )
  assert once.ceiling is None


def test_what_is_left_out(found):
  stable = leaving_out.leave_each_out(found)
  # One pre-training for all: nothing stays without it.
  assert list(stable) == ["model", "architecture", "dataset"]
  assert [one.left for one in stable["model"]] == MODELS
  assert [(one.left, one.models) for one in stable["architecture"]] == [
    ("ResNet", 3),
    ("VGG", 4),
  ]
  scores, truth = found.table.scores, found.table.truth
  r = list(found.table.methods).index("parameters")
  expected = np.mean([weighted_kendall(scores[r, d, 3:], truth[d, 3:]) for d in (0, 1)])
  without = stable["architecture"][0]
  assert without.means["parameters"] == pytest.approx(expected)
  assert without.places["knn"] == 1
  alone = weighted_kendall(scores[r, 1], truth[1])
  assert stable["dataset"][0].left == "birds"
  assert stable["dataset"][0].means["parameters"] == pytest.approx(alone)
  worst = leaving_out.worst(stable["model"], "parameters")
  means = {one.left: one.means["parameters"] for one in stable["model"]}
  assert worst.mean == min(means.values()) == means[worst.left]
  assert np.isnan(leaving_out.worst(stable["model"], "rsa").mean)
  named = leaving_out.leave_each_out(found, dict(zip(MODELS, "aabbccc", strict=True)))
  assert list(named) == ["model", "family", "dataset"]
  assert [one.models for one in named["family"]] == [2, 2, 3]


def test_the_conclusion(result):
  first, second = verdict.verdict(result)
  assert re.match(r"Best: knn \(1\.000\), first in 9\d % of the resamples\.", first)
  tied = [row.method for row in verdict.tied_with_the_best(result)]
  assert "lead" not in tied
  assert second.startswith("knn is the baseline itself; ")
  assert "never looks at the data" in second
  other = result._replace(baseline="lead")
  against = verdict.verdict(other)[1]
  assert "knn beats" not in against.split(";")[0]  # differences are still to knn
  beaten = result._replace(rows=[row for row in result.rows if row.place is None])
  assert verdict.verdict(beaten) == ["No method has a mean on all data sets."]


def test_a_best_metric_that_beats_its_baseline(found):
  result = summary.summarise_methods(found, baseline="lead", samples=200)
  second = verdict.verdict(result)[1]
  assert second.startswith("knn beats lead (-1.000): +2.000, +2.00 … +2.00 over models")


def test_what_is_written(found, tmp_path):
  text = write_evaluation(
    found, tmp_path, baseline="knn", repeat=0.5, samples=200, command="c"
  )
  assert (tmp_path / "evaluation.txt").read_text(encoding="utf-8") == text
  assert text.splitlines()[1].split()[:3] == ["1", "knn", "1.000"]
  assert max(map(len, text.splitlines())) <= 140
  for part in (
    "parameters *",
    "random °",
    "least tau without",
    "2 data sets are few",
    "rsa: no mean: no model has a score",
    "Noise of birds, flowers: given noise 0.5 of one run.",
    "Best: knn",
  ):
    assert part in text
  lines = list(csv.DictReader(io.StringIO((tmp_path / "evaluation.csv").read_text())))
  assert lines[0]["method"] == "knn"
  assert float(lines[0]["tau_w:birds"]) == pytest.approx(1)
  assert float(lines[0]["seconds_with_extraction"]) == pytest.approx(7 + 28)
  assert {line["kind"] for line in lines} == {"metric", "static", "chance"}
  whole = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
  assert whole["command"] == "c"
  assert whole["rows"][-1]["measures"]["tau_w"]["mean"] is None
  assert whole["costs"]["extraction_seconds"] == pytest.approx(28)
  assert whole["conclusion"][0].startswith("Best: knn")
  for name in ("means", "datasets", "cost", "ranks", "agreement"):
    png = (tmp_path / f"figure_{name}.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000
    svg = (tmp_path / f"figure_{name}.svg").read_text(encoding="utf-8")
    assert svg.rstrip().endswith("</svg>")
  assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_costs_no_table(found, tmp_path):
  (tmp_path / "evaluation.json").mkdir()  # as little to be replaced as on a full disk
  said = []
  text = write_evaluation(
    found, tmp_path, baseline="knn", samples=100, figures=False, unwritten=said.append
  )
  assert "Best: knn" in text
  assert len(said) == 1
  assert "cannot write" in said[0]
  assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_families_of_the_user(found, tmp_path):
  path = tmp_path / "families.csv"
  path.write_text("model,family\n" + "".join(f"{m},f{m < 'm3'}\n" for m in MODELS))
  write_evaluation(
    found, tmp_path, baseline="knn", families=str(path), samples=100, figures=False
  )
  whole = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
  found_there = [(one["left"], one["models"]) for one in whole["stability"]["family"]]
  assert found_there == [("fTrue", 3), ("fFalse", 4)]
  assert not list(tmp_path.glob("*.png"))


def test_no_infinity_reaches_the_files(found):
  result = summary.summarise_methods(found, baseline="knn", samples=100)
  stable = leaving_out.leave_each_out(found)
  json.dumps(files.as_json(result, found, stable, ""), allow_nan=False)


def test_data_sets_are_those_that_the_truth_knows(tmp_path):
  for name in ("birds", "other"):
    (tmp_path / name).mkdir()
  truth = {"birds": {}, "flowers": {}}
  folders, notes = collect.data_folders(tmp_path, truth, [])
  assert folders == [tmp_path / "birds"]
  assert len(notes) == 1
  assert notes[0].endswith("has no such folder: flowers")
  again = collect.data_folders(tmp_path, truth, ["birds", "flowers"])
  assert again == (folders, notes)
  with pytest.raises(InputError, match="has no data set 'other': birds, flowers"):
    collect.data_folders(tmp_path, truth, ["other"])
  for name in ("flowers", "..", ".", "", "../other", "x" * 5000):
    with pytest.raises(InputError, match="no folder named as a data set"):
      collect.data_folders(tmp_path / "birds", {name: {}}, [])


def test_models_on_one_side_alone_are_said_and_left_out():
  full = {m: float(i) for i, m in enumerate(MODELS)}
  truth = {"birds": {**full, "stranger": 1.0}, "cars": {"m0": 1.0}}
  del truth["birds"]["m5"]
  reports = {"birds": _report("birds", full), "cars": _report("cars", full)}
  found = collect.of_reports(reports, collect.Truth(truth))
  assert list(found.table.datasets) == ["birds"]
  assert "m5" not in found.table.models
  assert found.notes == [
    "birds: no true accuracy, not compared: m5",
    "birds: in the ground truth but not ranked: stranger",
    "the ground truth knows 1 of the 7 models on cars: at least 2 are needed",
  ]
  del reports["birds"]
  with pytest.raises(InputError, match="knows 1 of the 7 models on cars"):
    collect.of_reports(reports, collect.Truth(truth))


def test_without_matplotlib_all_but_the_figures_is_there(found, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  text = write_evaluation(found, tmp_path, baseline="knn", samples=100)
  assert text.endswith(
    "No figures: drawing figures needs matplotlib, which is not installed: pip install "
    "'lead_jax[figures]'.\n"
  )
  assert {path.name for path in tmp_path.iterdir()} == {
    "evaluation.csv",
    "evaluation.json",
    "evaluation.txt",
  }
  with pytest.raises(plotting.NoMatplotlibError), plotting.styled():
    pass


def test_a_folder_that_cannot_be_read_is_left_out_and_a_wrong_model_is_said(tmp_path):
  rng = np.random.default_rng(0)
  for i in range(8):
    folder = tmp_path / "birds" / "ab"[i % 2]
    folder.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f"{i}.png")
  (tmp_path / "cars").mkdir()
  models = ["digits/mlp_random", "digits/conv_random"]
  truth = collect.Truth({"birds": dict.fromkeys(models, 50.0)})
  call = functools.partial(
    collect.collect,
    [tmp_path / "birds", tmp_path / "cars"],
    truth,
    zoo=None,
    metrics=["feature_norm"],
    out=tmp_path / "out",
    cache_dir=tmp_path / "cache",
  )
  found = call(models=models)
  assert found.table.datasets == ["birds"]
  assert found.notes[0].startswith("left out: ")
  assert "cars" in found.notes[0]
  # The next step can be done as it stands.
  page = (tmp_path / "out" / "birds" / "report.md").read_text()
  assert f"lead-finetune {tmp_path / 'birds'} " in page
  with pytest.raises(InputError, match="there is no model 'nobody'"):
    call(models=["nobody"])
