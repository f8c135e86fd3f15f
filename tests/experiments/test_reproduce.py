"""LEAD's tables from our own runs: what is needed, the run itself, what is printed."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from experiments import reproduce
from experiments.reproduction import (
  compare,
  few,
  measure,
  rehearsal,
  supply,
  tables,
)
from experiments.reproduction.measure import Ready, truth_of
from lead_jax import literature
from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.backbones.catalogue import CATALOGUE
from lead_jax.checks import InputError
from lead_jax.data._dataset import Dataset
from lead_jax.data._papers import PAPER_DATASETS
from lead_jax.results import ModelRow, Plan, Report, ScoreRow

SUPERVISED = [card for card in CATALOGUE.values() if card.zoo == "supervised"]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
  monkeypatch.setattr(supply, "measured_rate", lambda: 1e11)

  def call(*arguments):
    code = reproduce.run(["reproduce", f"--cache_dir={tmp_path / 'cache'}", *arguments])
    return code, *capsys.readouterr()

  return call


def test_a_dry_run_lists_models_and_data_sets_with_their_sizes(run, tmp_path):
  code, out, _ = run("--table=1", "--dry_run", f"--data_dir={tmp_path}")
  assert code == 0
  assert "12 models x 10 data sets" in out
  lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
  for card in SUPERVISED:
    assert card.paper_name in lines[card.name]
    assert f"{card.size / 1e6:.1f}" in lines[card.name]
    assert lines[card.name].endswith("missing")
  for dataset in tables.TABLES["1"].datasets:
    assert lines[dataset].endswith("missing")
  assert "tfds:food101" in lines["Food"]
  assert "4,996.3" in lines["Food"]
  # 49.22 GB and 1.09 GB at 100 Mbit/s; 317,170 images, 12 networks of 52.8 G mul-adds.
  assert "to fetch: 1.09 GB of weights, 49.22 GB of data; 68 min" in out
  assert "317,170 images x 12 models, 44 h at 100 G" in out
  assert "nothing is fetched without --download" in out
  assert not (tmp_path / "cache").exists()


def test_a_dry_run_sees_what_is_there(run, tmp_path):
  weights, data = tmp_path / "weights", tmp_path / "data"
  weights.mkdir()
  (weights / "resnet34.safetensors").write_bytes(b"")
  (weights / "resnet50-0676ba61.pth").write_bytes(b"")
  (data / "dtd" / "3.0.1").mkdir(parents=True)
  (data / "dtd" / "3.0.1" / "dataset_info.json").write_text("{}")
  (data / "Cars").mkdir()
  _, out, _ = run(
    "--table=1", "--dry_run", "--download", f"--weights_dir={weights}",
    f"--data_dir={data}",
  )  # fmt: skip
  lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
  assert lines["resnet34"].endswith("resnet34.safetensors (not a published file)")
  assert lines["resnet50"].endswith("resnet50-0676ba61.pth")
  assert lines["resnet101"].endswith("to fetch")
  assert lines["DTD"].endswith("here")
  assert lines["Cars"].endswith("here")
  assert lines["Food"].endswith("to fetch")


def test_sizes_that_are_not_published_are_said_to_be_unknown(run):
  _, out, _ = run("--table=2", "--dry_run")
  assert "and 11 files of unpublished size" in out


def test_a_whole_table_on_made_up_weights_and_images(run, tmp_path):
  out = tmp_path / "out"
  arguments = (
    "--table=1", "--rehearse", "--models=mobilenet_v2,mnasnet1_0",
    "--datasets=CIFAR10", f"--out={out}",
  )  # fmt: skip
  code, text, err = run(*arguments)
  assert code == 0, err
  assert "REHEARSAL: weights are random, images made up" in text
  assert "2 models, 1 data sets (split: all); all networks see 224 pixels" in text
  with open(out / "table_1.csv", newline="") as file:
    rows = {row["method"]: row for row in csv.DictReader(file)}
  assert set(rows) == {*tables.METRICS, *tables.BESIDE}
  assert (rows["LEAD"]["published"], rows["LEAD"]["measure"]) == (
    "0.791",
    "weighted_kendall",
  )
  assert rows["LogME"]["ours"] in ("1.0", "-1.0")  # of two models
  report = json.loads((out / "CIFAR10" / "report.json").read_text())
  assert report["plan"]["dataset"]["samples"] == 24
  assert [row["feature_dim"] for row in report["models"]] == [1280, 1280]
  assert (out / "table_1.txt").read_text() == text
  code, again, err = run(*arguments)
  assert (code, again) == (0, text)
  assert err.count("scores from the store") == 2


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "--table is needed: one of 1, 2, 3, 4, 5"),
    (["--table=6"], "value should be one of <1|2|3|4|5>"),
    (["--table=1", "--models=byol"], "--models=byol: table 1 has resnet34, "),
    (["--table=5", "--datasets=Food"], "--datasets=Food: table 5 has Caltech, "),
    (["--table=1", "--rehearse", "--download"], "--rehearse brings its own"),
    (["--table=1"], "weights of 0 of the 12 models are here, two are needed"),
    (["--table=1", "--rehearse", "--models=resnet34,resnet34"], "of the 1 models"),
  ],
)
def test_wrong_input_is_one_line(run, tmp_path, arguments, message):
  code, out, err = run(*arguments, f"--out={tmp_path / 'out'}")
  assert (code, out) == (2, "")
  assert message in err.splitlines()[-1]
  assert err.splitlines()[-1].startswith("experiments.reproduce: ")


def _report(dataset: str, scores) -> Report:
  """A finished run: by metric, by model, a score."""
  rows = [
    ScoreRow(model, metric, value, rank=1, status="ok", seconds=2.0)
    for metric, values in scores.items()
    for model, value in values.items()
  ]
  models = [ModelRow(card.name, "ok") for card in SUPERVISED]
  plan = Plan({"name": dataset}, [row.model for row in models], list(scores))
  return Report(plan, models, rows)


def test_figures_stand_beside_the_published_ones():
  truth = truth_of(SUPERVISED)
  assert truth["Food"]["resnet34"] == 81.99
  table = tables.TABLES["1"]
  reversed_truth = {model: -value for model, value in truth["Food"].items()}
  scores = {metric: dict(truth["Food"]) for metric in table.metrics}
  scores["logme"] = reversed_truth
  del scores["parc"]
  missing = {"Cars": "tfds:cars196 is not prepared"}
  rows = compare.rows_of(table, {"Food": _report("Food", scores)}, truth, missing)
  by_place = {(row.method, row.column): row for row in rows}
  assert len(rows) == 2 * len(compare.methods_of(table))
  assert by_place["LEAD", "Food"].ours == 1.0
  assert by_place["LEAD", "Food"].published == 0.892
  assert by_place["LogME", "Food"].ours == -1.0
  assert by_place["PARC", "Food"].ours is None
  assert by_place["PARC", "Food"].reason == "not run"
  assert by_place["LEAD", "Cars"].reason == missing["Cars"]
  assert by_place["lead_held_out", "Food"].published is None
  text = compare.as_text(table, rows)
  assert "– Cars: tfds:cars196 is not prepared" in text
  assert "– PARC (Food): not run" in text
  assert "ours: of 12 models" in text
  ours, theirs = (
    line.split()
    for line in text.splitlines()[text.splitlines().index(
      next(x for x in text.splitlines() if x.startswith("LEAD ")))
    :][:2]
  )  # fmt: skip
  assert ours[1:] == ["ours", "1.000", "–", "–"]
  assert theirs == ["published", "0.892", "0.586", "0.739"]


def test_other_measures_and_running_time():
  truth = truth_of([c for c in CATALOGUE.values() if c.zoo == "self-supervised"])
  for number in ("4", "5"):
    table = tables.TABLES[number]
    reports = {
      name: _report(name, {m: dict(truth[name]) for m in table.metrics})
      for name in table.datasets
    }
    rows = compare.rows_of(table, reports, truth, {})
    if number == "4":
      assert "1430" in compare.as_text(table, rows)
      assert {row.ours for row in rows} == {2.0}
      assert {row.published for row in rows} == {111, 1430, 77, 92, 26, 97, 45, None}
    else:
      assert {row.measure for row in rows} == set(compare.MEASURES)
      # The truth itself.
      assert [row.ours for row in rows] == pytest.approx([1.0] * len(rows))
      printed = [r for r in rows if r.published is not None]
      assert len(printed) == len(literature.published_results("5"))


def test_running_time_is_the_median_of_all_that_have_a_score():
  report = _report("CIFAR10", {"gbc": {"a": 1.0, "b": 1.0, "c": float("nan")}})
  tied = [dataclasses.replace(row, rank=None) for row in report.scores]
  seconds = (9.0, 1.0, 500.0)
  rows = [
    dataclasses.replace(row, seconds=s) for row, s in zip(tied, seconds, strict=True)
  ]
  report = dataclasses.replace(report, scores=rows)
  assert measure.seconds_of(report, "gbc") == (5.0, 2, "")
  assert measure.seconds_of(report, "logme").reason == "not run"


def test_what_is_not_as_published_is_named():
  cards = [CATALOGUE["byol"], CATALOGUE["swav"]]
  ready = Ready(cards, [], [], read=["Food"], unverified=["byol", "swav"])
  table = tables.TABLES["2"]
  text = lambda: compare.whole_text(
    table,
    compare.rows_of(table, {}, {}, {"Food": "gone"}),
    ready,
    split="all",
    preprocessing="papers",
    rehearsed=False,
  )
  assert "NOT THE PUBLISHED" not in text()
  assert "no digest of the files is published: byol, swav" in text()
  ready.unlike.append("byol: weights are those of mine.pth")
  assert "NOT THE PUBLISHED WEIGHTS AND DATA" in text()
  assert "not as published: byol: weights are those of mine.pth" in text()


def test_few_samples_a_class(tmp_path):
  """Table 3 from features made elsewhere, of a data set with ten classes."""
  cards = SUPERVISED[:3]
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(10, dtype=np.int32), 12)
  centres = rng.normal(size=(10, 16))
  specs = []
  for card, noise in zip(cards, (0.3, 1.0, 3.0), strict=True):
    features = (centres[labels] + noise * rng.normal(size=(120, 16))).astype(np.float32)
    ready = ReadyFeatures(card.name, features, None, card.name)
    specs.append(ModelSpec(card.name, lambda ready=ready: ready))
  dataset = Dataset(
    name="CIFAR10",
    split="all",
    labels=labels,
    class_names=tuple("abcdefghij"),
    fingerprint="made up",
    read_image=lambda index: np.zeros((4, 4, 3), np.uint8),
  )
  table = dataclasses.replace(tables.TABLES["3"], methods=("GBC",), per_class=(2, 5))
  ready = Ready(cards, specs, [PAPER_DATASETS["CIFAR10"]])
  rows = few.rows_of(
    table, ready, lambda: iter([dataset]), draws=2, seed=0, cache_dir=tmp_path
  )
  found = {(row.method, row.per_class, row.column): row for row in rows}
  assert {row.zoo for row in rows} == {"supervised"}
  cell = found["GBC", 5, "10-99 classes"]
  assert cell.published == 0.22
  assert -1 <= cell.ours <= 1
  assert (cell.datasets, cell.of_datasets) == (1, 4)
  assert found["GBC", 5, "mean"].ours == cell.ours
  assert found["GBC", 2, "mean"].published == 0.13
  assert found["GBC", 5, "100+ classes"].ours is None
  assert "supervised, weighted_kendall, 5 samples a class" in compare.as_text(
    table, rows
  )


def test_a_rehearsal_that_cannot_be_written_is_one_line(tmp_path):
  (tmp_path / "rehearsal").write_text("in the way")
  with pytest.raises(InputError, match=r"cannot write .*: give another out="):
    rehearsal.write_weights([], tmp_path / "rehearsal" / "weights")
