"""The main job on small models: rows, ranks, failures, resumption, files."""

import csv
import dataclasses
import errno
import json
import math
import os

import jax
import numpy as np
import pytest

import lead_jax
from lead_jax import evaluation
from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.checks._errors import InputError
from lead_jax.report import render
from lead_jax.run import _rank as ranking
from lead_jax.system._cache_dir import default_cache_dir
from tests.run.small_models import tiny_backbone, tiny_spec

FAST = {"lead": {"hidden": (16,), "head_seeds": 1, "samples_per_class": 8}}


def test_rows_ranks_and_facts(run, digits):
  report = run()
  assert [row.model for row in report.models] == ["a", "b", "c"]
  assert len(report.scores) == 6
  assert report.complete
  scores = {m: report.score_of(m, "knn").score for m in "abc"}
  assert report.ranking() == sorted("abc", key=lambda m: -scores[m])
  assert [report.score_of(m, "knn").rank for m in report.ranking()] == [1, 2, 3]
  assert report.models[1].feature_dim == 3
  assert report.dataset["samples"] == len(digits)
  assert report.dataset["split"] == "test"
  assert report.environment["versions"]["jax"] == jax.__version__
  for row in report.models:
    assert row.status == "ok"
    assert {"load", "extract", "score"} <= set(row.seconds)
    assert row.peak_memory_mib["extract"] > 10


def test_scores_are_those_of_score(run, digits):
  report = run()
  backbone = tiny_backbone("a", 1)
  images = np.stack([digits.read_image(i) for i in range(len(digits))])
  gray = images[..., :1] / np.float32(255)
  features = np.asarray(backbone.apply(backbone.params, gray)["features"])
  expected = lead_jax.score("feature_norm", features, digits.labels)
  assert report.score_of("a", "feature_norm").score == pytest.approx(expected, rel=1e-4)
  expected = lead_jax.score("knn", features, digits.labels)
  assert report.score_of("a", "knn").score == pytest.approx(expected, abs=0.01)


def test_a_row_says_what_its_network_sees(run):
  def doubtful():
    backbone = tiny_backbone("b", 2)
    wrong = dataclasses.replace(backbone.input, mean=(0.5,), std=(0.25,))
    return dataclasses.replace(backbone, input=wrong)

  report = run([tiny_spec("a", 1), ModelSpec("b", doubtful)])
  assert [list(row.input_range) for row in report.models] == [[0, 1], [-2, 1018]]
  (warning,) = (line for line in report.warnings if "the network sees" in line)
  assert warning.startswith("b: the network sees values in -2 … 1018: mean and std")
  text = render(report, width=200, color=False)
  assert "0.0 … 1.0" in text
  assert "-2 … 1018" in text


def test_one_failing_model_is_a_row_and_the_others_go_on(run):
  def broken():
    raise InputError("w.onnx: the hash differs; fetch the file again")

  def bug():
    raise RuntimeError("something\nelse")

  def infinite():
    backbone = tiny_backbone("inf", 4)
    return dataclasses.replace(backbone, params={"w": backbone.params["w"] * np.inf})

  specs = [
    ModelSpec("broken", broken),
    tiny_spec("a", 1),
    ModelSpec("bug", bug),
    ModelSpec("inf", infinite),
  ]
  report = run(specs)
  status = {row.model: row.status for row in report.models}
  assert status["a"] == "ok"
  assert status["broken"] == "failed: w.onnx: the hash differs; fetch the file again"
  assert status["bug"].startswith(
    "failed: loading the model raised RuntimeError: something else at "
  )
  assert status["inf"].startswith("failed: inf: 768 of the 768 values of 'w' are NaN")
  assert report.ranking() == ["a"]
  for model in ("broken", "bug", "inf"):
    row = report.score_of(model, "knn")
    assert math.isnan(row.score)
    assert row.rank is None
    assert row.status == status[model]


def test_a_metric_that_cannot_score_is_a_row_of_its_own(run):
  report = run(metrics=("knn", "feature_norm"), options={"knn": {"k": 10_000}})
  row = report.score_of("a", "knn")
  assert row.rank is None
  assert row.status.startswith("failed: k must be in")
  assert report.score_of("a", "feature_norm").rank is not None
  assert report.models[0].status == "ok"


def test_ties_are_said(run):
  report = run([tiny_spec("a", 1), tiny_spec("twin", 1), tiny_spec("c", 3)])
  a, twin = report.score_of("a", "knn"), report.score_of("twin", "knn")
  assert a.score == twin.score
  assert a.rank == twin.rank
  assert a.status == "tied with twin"
  assert twin.status == "tied with a"
  better = report.score_of("c", "knn").score > a.score
  assert report.score_of("c", "knn").rank == (1 if better else 3)
  assert a.rank == (2 if better else 1)


def test_all_tied_is_a_warning_and_no_rank(run):
  report = run([tiny_spec("a", 1), tiny_spec("twin", 1)])
  assert report.ranking() == []
  assert report.score_of("a", "knn").status == "all models are tied: no rank"
  assert any("knn: all 2 models have the score" in line for line in report.warnings)


def test_nothing_is_recomputed(run):
  calls = []
  models = lambda: [tiny_spec("a", 1, calls), tiny_spec("b", 2, calls)]
  first = run(models())
  traced = len(calls)
  assert traced >= 2
  again = run(models())
  assert len(calls) == traced
  assert all(row.cached for row in again.scores)
  assert [r.score for r in again.scores] == [r.score for r in first.scores]
  # another metric, another seed or another model costs that alone
  more = run([*models(), tiny_spec("c", 3, calls)], metrics=("knn", "constant"))
  assert set(calls[traced:]) == {"c"}
  assert more.score_of("a", "knn").cached
  assert not more.score_of("a", "constant").cached
  assert more.models[0].features_cached
  assert not more.models[2].features_cached


def test_an_interrupted_run_goes_on_where_it_was(run, tmp_path):
  calls = []

  class Impatient(lead_jax.Listener):
    def started(self, index, model):
      if index == 2:
        raise KeyboardInterrupt

  models = lambda: [tiny_spec(name, seed, calls) for seed, name in enumerate("abc")]
  out = tmp_path / "out"
  with pytest.raises(KeyboardInterrupt):
    run(models(), out=out, listener=Impatient())
  partial = json.loads((out / "report.json").read_text())
  assert not partial["complete"]
  status = {row["model"]: row["status"] for row in partial["models"]}
  assert status == {"a": "ok", "b": "ok", "c": "not done yet"}
  calls.clear()
  report = run(models(), out=out)
  assert set(calls) == {"c"}
  assert json.loads((out / "report.json").read_text())["complete"]
  assert len(report.models) == 3


def test_files(run, tmp_path):
  out = tmp_path / "deep" / "out"
  report = run(out=out, metrics=("lead", "knn"), options=FAST)
  with open(out / "scores.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert list(rows[0])[:5] == ["model", "metric", "score", "rank", "status"]
  assert len(rows) == 6
  assert float(rows[0]["score"]) == report.score_of("a", "lead").score
  content = json.loads((out / "report.json").read_text())
  assert content["plan"]["options"]["lead"]["head_seeds"] == 1
  assert content["environment"]["device"]
  assert content["scores"][0]["details"]["mean_rate"] > 0
  pages = {"report.html", "report.md", "report.tex"}
  assert {p.name for p in out.iterdir()} == {"scores.csv", "report.json", *pages}


def test_another_runs_results_are_not_written_over(run, tmp_path):
  out = tmp_path / "out"
  run(out=out)
  run(out=out)  # the same run may
  with pytest.raises(
    InputError, match=r"holds the results of another run.*overwrite=True"
  ):
    run(out=out, seed=1)
  run(out=out, seed=1, overwrite=True)
  (out / "report.json").write_text("{")
  with pytest.raises(InputError, match="holds the results of another run"):
    run(out=out)


def test_out_that_cannot_be_written(run, tmp_path, monkeypatch):
  file = tmp_path / "file"
  file.write_text("")
  with pytest.raises(InputError, match="is a file: give a folder"):
    run(out=file)
  with pytest.raises(InputError, match="give another out="):
    run(out=file / "below")

  (tmp_path / "taken" / "report.html").mkdir(parents=True)
  with pytest.raises(InputError, match=r"report.html' is a folder: the results need"):
    run(out=tmp_path / "taken", overwrite=True)

  def refuse(*_, **__):
    raise OSError(30, "Read-only file system")

  monkeypatch.setattr("tempfile.TemporaryFile", refuse)
  with pytest.raises(
    InputError, match=r"readonly.*Read-only file system.*another out="
  ):
    run(out=tmp_path / "readonly")


def test_ready_features_stand_in_for_a_model(run, digits, tmp_path):
  x = np.random.default_rng(0).normal(size=(len(digits), 5)).astype(np.float32)
  names = np.array(digits.class_names)[digits.labels]
  np.savez(tmp_path / "good.npz", features=x, labels=names)
  np.savez(tmp_path / "short.npz", features=x[:-1])
  np.savez(tmp_path / "order.npz", features=x, labels=names[::-1])
  np.savez(tmp_path / "nan.npz", features=np.where(x > 3, np.nan, x))
  np.savez(tmp_path / "empty.npz", other=x)
  (tmp_path / "broken.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:200])
  names = ["good", "short", "order", "nan", "empty", "broken", "missing"]
  specs = [f"features:{tmp_path / name}.npz" for name in names]
  report = run(specs)
  status = dict(zip(names, (row.status for row in report.models), strict=True))
  assert status["good"] == "ok"
  assert f"has {len(x) - 1} rows but 'digits' (test) has {len(x)}" in status["short"]
  assert "the rows are in another order" in status["order"]
  assert "NaN or infinite values, the first at row" in status["nan"]
  assert "has no array 'features'; it holds other" in status["empty"]
  assert "cannot be read as an npz file" in status["broken"]
  assert "there is no such file" in status["missing"]
  assert all("\n" not in line for line in status.values())


def test_a_data_set_of_features_is_scored_as_it_is(run, tmp_path):
  x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
  np.savez(tmp_path / "d.npz", features=x, labels=np.arange(30) % 3)
  report = lead_jax.rank(
    f"npz:{tmp_path / 'd.npz'}", metrics=["knn"], cache_dir=tmp_path / "cache"
  )
  assert report.scores[0].score == lead_jax.score("knn", x, np.arange(30) % 3)


def test_ground_truth(run, tmp_path):
  truth = tmp_path / "truth.csv"
  truth.write_text("model,dataset,accuracy\na,digits,90\nb,digits,50\nc,digits,80\n")
  report = run(ground_truth=truth)
  assert report.ground_truth == {"a": 90.0, "b": 50.0, "c": 80.0}
  agreement = report.agreement["knn"]
  assert agreement["models"] == 3
  scores = [report.score_of(m, "knn").score for m in "abc"]
  expected = evaluation.weighted_kendall(scores, [90, 50, 80])
  assert agreement["weighted_kendall"] == expected
  assert agreement["regret_at_1"] == 90 - [90, 50, 80][int(np.argmax(scores))]
  truth.write_text("model,dataset,accuracy\nz,digits,90\n")
  assert any("fewer than two" in line for line in run(ground_truth=truth).warnings)
  truth.write_text("model,dataset,accuracy\na,mnist,90\n")
  with pytest.raises(InputError, match="no row for data set 'digits'; it has: mnist"):
    run(ground_truth=truth)
  with pytest.raises(InputError, match="there is no such file"):
    run(ground_truth=tmp_path / "none.csv")


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"metrics": ["leed"]}, r"no metric 'leed': did you mean leep or lead"),
    ({"metrics": []}, "no metrics were given"),
    ({"models": ["digits/mlp_randon"]}, "did you mean digits/mlp_random"),
    ({"models": ["net.onnx"]}, "list it in a zoo file"),
    ({"models": []}, "no models were given"),
    ({"models": ["digits/mlp_random"] * 2}, "is given twice"),
    ({"zoo": "nowhere.json"}, "nowhere.json"),
    ({"options": {"lead": {}}}, "not asked for"),
    ({"options": {"knn": {"k": 2.5}}}, "'knn': k must be a whole number"),
    ({"options": {"knn": {"k": object()}}}, "is a object: give a number"),
    ({"models": [3]}, "models must be a list of text or a ModelSpec or None, got list"),
    ({"seed": -1}, "seed must be"),
    ({"batch_size": 0}, "batch_size must be"),
    (
      {"options": {"knn": {"neighbours": 3}}},
      "no option 'neighbours'; it has: k, dist",
    ),
    ({"dataset": "no/such/folder"}, "no/such/folder"),
    ({"dataset": "digits", "split": "valid"}, "valid"),
  ],
)
def test_what_is_wrong_is_said_before_any_work(run, options, message):
  with pytest.raises(InputError, match=message) as raised:
    run(**options)
  assert "\n" not in str(raised.value)


def test_only_the_bundled_data_has_the_bundled_truth(run, digits):
  impostor = dataclasses.replace(digits, fingerprint="0" * 64)
  models = ["digits/mlp_random", "digits/mlp_denoising"]
  assert run(models, ["knn"], dataset=impostor).ground_truth == {}
  assert len(run(models, ["knn"]).ground_truth) == 2


def test_messages_name_classes_as_the_user_does(run, digits):
  keep = np.flatnonzero((digits.labels != 2) | (np.arange(len(digits)) < 20))
  few = dataclasses.replace(
    digits,
    labels=digits.labels[keep],
    fingerprint="1" * 64,
    read_image=lambda i: digits.read_image(keep[i]),
  )
  count = int((few.labels == 2).sum())
  assert 2 <= count < 5
  row = run([tiny_spec("a", 1)], ["linear_probe"], dataset=few).scores[0]
  assert row.status == f"{count} folds: class '7' has {count} samples"


def test_ready_features_are_known_by_their_content(run, digits):
  x = np.random.default_rng(0).normal(size=(len(digits), 4)).astype(np.float32)
  perfect = np.eye(5, dtype=np.float32)[digits.labels]
  specs = [
    ModelSpec(name, lambda f=f, name=name: ReadyFeatures(name, f, None, ""))
    for name, f in (("noise", x), ("perfect", perfect))
  ]
  report = run(specs, ["knn"])
  assert report.score_of("perfect", "knn").score == 1.0
  assert report.score_of("noise", "knn").score < 0.5


def test_changed_files_are_another_run(run, digits, tmp_path):
  path, out = tmp_path / "x.npz", tmp_path / "out"
  for seed in (0, 1):
    x = np.random.default_rng(seed).normal(size=(len(digits), 4))
    np.savez(path, features=x.astype(np.float32))
    if seed == 0:
      run([f"features:{path}"], ["knn"], out=out)
  with pytest.raises(InputError, match="holds the results of another run"):
    run([f"features:{path}"], ["knn"], out=out)


def test_the_bundled_zoo_on_other_images_is_warned_about(digits, tmp_path):
  other = dataclasses.replace(digits, name="photos")
  report = lead_jax.rank(
    other, metrics=["feature_norm"], cache_dir=tmp_path, resamples=0
  )
  assert any("list your own in a zoo file" in line for line in report.warnings)


def test_a_single_metric_may_be_a_string(run):
  assert run(metrics="knn").metrics == ["knn"]


def test_the_cache_can_be_named_by_the_environment(monkeypatch, tmp_path):
  monkeypatch.setenv("LEAD_JAX_CACHE", str(tmp_path))
  assert default_cache_dir() == tmp_path
  monkeypatch.delenv("LEAD_JAX_CACHE")
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  assert default_cache_dir() == tmp_path / "lead_jax"


def test_a_store_of_another_version_is_refused(run, tmp_path):
  (tmp_path / "cache" / "features").mkdir(parents=True)
  (tmp_path / "cache" / "features" / "VERSION").write_text("lead_jax store 999\n")
  with pytest.raises(InputError, match=r"another version.*cache_dir="):
    run()


def test_a_store_that_cannot_be_written_costs_no_result(run, monkeypatch):
  from lead_jax.features._store import FeatureStore

  def refuse(*_, **__):
    raise InputError("the store is full: free some space")

  monkeypatch.setattr(FeatureStore, "put", refuse)
  monkeypatch.setattr(FeatureStore, "put_json", refuse)
  report = run([tiny_spec("a", 1), tiny_spec("b", 2)])
  assert len(report.ranking()) == 2
  assert "the store is full: free some space" in report.warnings


def _full(*_, **__):
  raise OSError(errno.ENOSPC, "No space left on device")


def test_results_that_cannot_be_written_are_returned_and_told(
  run, tmp_path, monkeypatch
):
  out = tmp_path / "out"
  first = run(out=out)
  before = {path.name: path.read_bytes() for path in out.iterdir()}
  with monkeypatch.context() as patch:
    patch.setattr(os, "fsync", _full)
    with pytest.warns(UserWarning, match="cannot write .*report.html.*No space left"):
      report = run(out=out)
  assert report.ranking() == first.ranking()
  assert "cannot write" in report.warnings[-1]
  assert {path.name: path.read_bytes() for path in out.iterdir()} == before
  again = run(out=out)
  assert "cannot write" not in " ".join(again.warnings)


@pytest.mark.parametrize("where", ["concluding", "writing"])
def test_an_interrupt_at_the_end_loses_nothing(run, tmp_path, monkeypatch, where):
  """What is done is written, whatever moment the signal comes at."""
  name = {"concluding": "conclude", "writing": "write_pages"}[where]
  whole, calls = getattr(ranking, name), []

  def interrupted(*args, **options):
    calls.append(name)
    if len(calls) == 1:
      raise KeyboardInterrupt
    return whole(*args, **options)

  monkeypatch.setattr(ranking, name, interrupted)
  with pytest.raises(KeyboardInterrupt):
    run(out=tmp_path / "out")
  found = lead_jax.read_report(tmp_path / "out")
  assert found.complete
  assert [row.status for row in found.models] == ["ok"] * 3


def test_two_names_that_differ_in_case_are_two_models(run, tmp_path):
  """Also on a disk that does not tell them apart: no file is named by a model."""
  report = run([tiny_spec("net", 1), tiny_spec("NET", 2)], out=tmp_path / "out")
  assert [row.model for row in report.models] == ["net", "NET"]
  files = [path for path in tmp_path.rglob("*") if path.is_file()]
  names = [str(path.relative_to(tmp_path)).casefold() for path in files]
  assert len(set(names)) == len(names)
  assert not any("net" in path.name.casefold() for path in files)
