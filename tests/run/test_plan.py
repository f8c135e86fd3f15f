"""Plan, work, conclude, write: each on its own, in another process, half done, merged."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import lead_jax
from lead_jax.backbones import ModelSpec
from lead_jax.checks import InputError
from lead_jax.metrics import Metric
from tests.run.small_models import tiny_spec

MODELS = ["digits/mlp_random", "digits/conv_random"]
METRICS = ["knn", "feature_norm"]


def _planned(tmp_path, **options):
  return lead_jax.plan(
    "digits", MODELS, METRICS, cache_dir=tmp_path, **{"split": "test", **options}
  )


def test_rank_is_plan_work_conclude_and_write(tmp_path):
  plan = _planned(tmp_path / "cache", resamples=10)
  store = lead_jax.open_store(tmp_path / "cache")
  lead_jax.work(plan, store)
  report = lead_jax.conclude(plan, store)
  lead_jax.write_pages(report, tmp_path / "steps")
  whole = lead_jax.rank(
    "digits",
    MODELS,
    METRICS,
    split="test",
    resamples=10,
    cache_dir=tmp_path / "other",
    out=tmp_path / "whole",
  )
  assert [r.score for r in report.scores] == [r.score for r in whole.scores]
  assert report.certainty == whole.certainty
  assert report.agreement == whole.agreement
  assert report.plan.key == whole.plan.key
  files = {path.name for path in (tmp_path / "steps").iterdir()}
  assert files == {path.name for path in (tmp_path / "whole").iterdir()}
  assert lead_jax.read_report(tmp_path / "steps") == report


def test_a_plan_is_worked_off_in_another_process(tmp_path):
  plan = _planned(tmp_path / "cache")
  (tmp_path / "plan.json").write_text(json.dumps(plan.to_dict()))
  code = (
    "import json, sys, lead_jax\n"
    "plan = lead_jax.plan_from_dict(json.load(open(sys.argv[1])))\n"
    "lead_jax.work(plan, lead_jax.open_store(sys.argv[2]))\n"
  )
  arguments = [str(tmp_path / "plan.json"), str(tmp_path / "cache")]
  subprocess.run([sys.executable, "-c", code, *arguments], check=True)
  store = lead_jax.open_store(tmp_path / "cache")
  report = lead_jax.conclude(plan, store)
  assert report.complete
  assert len(report.ranking()) == 2
  again = lead_jax.plan_from_dict(json.loads(json.dumps(plan.to_dict())))
  assert lead_jax.conclude(again, store) == report


def test_nothing_done_is_a_report_that_says_so(tmp_path):
  plan = _planned(tmp_path)
  report = lead_jax.conclude(plan, lead_jax.open_store(tmp_path))
  assert not report.complete
  assert {row.status for row in report.models} == {"not done yet"}
  assert {row.status for row in report.scores} == {"not done yet"}
  assert report.ranking() == []
  lead_jax.write_pages(report, tmp_path / "out")
  assert "not finished" in (tmp_path / "out" / "report.md").read_text()
  assert "not done yet" in (tmp_path / "out" / "scores.csv").read_text()


def test_concluding_needs_neither_images_nor_models(run, digits, tmp_path):
  def gone():
    raise AssertionError("a model was loaded")

  def unreadable(_):
    raise AssertionError("an image was read")

  class Stop(lead_jax.Listener):
    def scoring(self, metric):
      if metric == "feature_norm" and self.second:
        raise KeyboardInterrupt

    def started(self, index, model):
      self.second = index == 1

  models = [tiny_spec("a", 1), tiny_spec("b", 2)]
  with pytest.raises(KeyboardInterrupt):
    run(models, listener=Stop())
  blind = dataclasses.replace(digits, read_image=unreadable)
  plan = lead_jax.plan(
    blind,
    [ModelSpec(name, gone) for name in "ab"],
    METRICS,
    resamples=0,
    cache_dir=tmp_path / "cache",
  )
  report = lead_jax.conclude(plan, lead_jax.open_store(tmp_path / "cache"))
  assert {m.model: m.status for m in report.models} == {"a": "ok", "b": "not done yet"}
  assert report.score_of("b", "knn").status == "ok"
  assert report.score_of("b", "feature_norm").status == "not done yet"
  assert not report.complete


def test_what_is_known_of_other_weights_does_not_count(run, tmp_path):
  first = run([tiny_spec("a", 1), tiny_spec("b", 2)])

  class Stop(lead_jax.Listener):
    def scoring(self, metric):
      raise KeyboardInterrupt

  changed = [tiny_spec("a", 7), tiny_spec("b", 2)]
  with pytest.raises(KeyboardInterrupt):
    run(changed, listener=Stop())
  plan = dataclasses.replace(first.plan)
  report = lead_jax.conclude(plan, lead_jax.open_store(tmp_path / "cache"))
  assert report.score_of("a", "knn").status == "not done yet"
  assert report.score_of("b", "knn").score == first.score_of("b", "knn").score
  again = run(changed)
  assert again.complete
  assert again.score_of("a", "knn").score != first.score_of("a", "knn").score


def test_a_model_that_failed_is_tried_again(run):
  def broken():
    raise InputError("not there yet")

  failed = run([ModelSpec("a", broken), tiny_spec("b", 2)])
  assert failed.complete
  assert failed.score_of("a", "knn").status == "failed: not there yet"
  mended = run([tiny_spec("a", 1), tiny_spec("b", 2)])
  assert mended.score_of("a", "knn").status == "ok"
  assert len(mended.ranking()) == 2


def test_a_plan_of_objects_stays_in_its_process(run, digits, tmp_path):
  plan = lead_jax.plan(digits, MODELS, METRICS, cache_dir=tmp_path)
  elsewhere = lead_jax.plan_from_dict(json.loads(json.dumps(plan.to_dict())))
  with pytest.raises(InputError, match="dataset was given as an object"):
    lead_jax.work(elsewhere, lead_jax.open_store(tmp_path))
  plan = lead_jax.plan("digits", [tiny_spec("a", 1)], METRICS, cache_dir=tmp_path)
  elsewhere = dataclasses.replace(plan, live=None)
  with pytest.raises(InputError, match="models was given as an object"):
    lead_jax.work(elsewhere, lead_jax.open_store(tmp_path))


def test_a_metric_of_a_module_is_found_in_another_process(tmp_path, monkeypatch):
  (tmp_path / "own_metric.py").write_text(
    "from lead_jax.metrics import Metric\n"
    "MINE = Metric.of(lambda features, labels: float(features.mean()), 'mine')\n"
  )
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(tmp_path)
  plan = lead_jax.plan("digits", MODELS, ["own_metric:MINE"], cache_dir=tmp_path / "c")
  elsewhere = lead_jax.plan_from_dict(json.loads(json.dumps(plan.to_dict())))
  store = lead_jax.open_store(tmp_path / "c")
  lead_jax.work(elsewhere, store)
  report = lead_jax.conclude(elsewhere, store)
  assert report.complete
  assert len(report.ranking("mine")) == 2


def test_a_metric_that_is_an_object_stays_in_its_process(tmp_path):
  mine = Metric.of(lambda features, labels: float(features.mean()), "mine")
  plan = lead_jax.plan("digits", MODELS, ["knn", mine], cache_dir=tmp_path)
  elsewhere = lead_jax.plan_from_dict(json.loads(json.dumps(plan.to_dict())))
  store = lead_jax.open_store(tmp_path)
  assert not lead_jax.conclude(plan, store).complete
  with pytest.raises(InputError, match="'mine' was given as an object"):
    lead_jax.conclude(elsewhere, store)


def test_an_edited_metric_never_returns_its_old_score(run):
  def of(value):
    return Metric.of(lambda features, labels: value, "mine")

  models = lambda: [tiny_spec("a", 1)]
  first = run(models(), [of(1.0)])
  assert (first.scores[0].score, first.scores[0].cached) == (1.0, False)
  edited = run(models(), [of(2.0)])
  assert (edited.scores[0].score, edited.scores[0].cached) == (2.0, False)
  again = run(models(), [of(1.0)])
  assert (again.scores[0].score, again.scores[0].cached) == (1.0, True)


def test_data_that_changed_are_another_plan(tmp_path):
  rng = np.random.default_rng(0)
  for name in ("cats", "dogs"):
    (tmp_path / "photos" / name).mkdir(parents=True)
    for i in range(4):
      pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
      Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
  plan = lead_jax.plan(tmp_path / "photos", MODELS, METRICS, cache_dir=tmp_path / "c")
  elsewhere = dataclasses.replace(plan, live=None)
  store = lead_jax.open_store(tmp_path / "c")
  lead_jax.work(elsewhere, store)
  assert lead_jax.conclude(plan, store).complete
  (tmp_path / "photos" / "cats" / "0.png").unlink()
  with pytest.raises(InputError, match="data set changed since the plan was made"):
    lead_jax.work(elsewhere, store)


def test_unknown_options_name_the_nearest(tmp_path):
  with pytest.raises(InputError, match="no option 'ground_thruth': did you mean"):
    lead_jax.rank("digits", ground_thruth="x.csv")
  with pytest.raises(InputError, match="precision must be one of"):
    lead_jax.rank("digits", precision="float16")


def test_merging_runs_of_the_same_images(run):
  specs = {name: tiny_spec(name, ord(name)) for name in "abcd"}
  of = lambda names, metrics=("etran", "knn"), **o: run(
    [specs[n] for n in names], metrics, **o
  )
  whole = of("abcd", resamples=10)
  merged = lead_jax.merge([of("ab", resamples=10), of("bcd", resamples=10)])
  assert merged.plan.models == ["a", "b", "c", "d"]
  assert merged.complete
  for row in whole.scores:
    found = merged.score_of(row.model, row.metric)
    assert (found.score, found.rank, found.status) == (row.score, row.rank, row.status)
  assert merged.certainty == whole.certainty
  more = lead_jax.merge([of("ab"), of("bc", ("feature_norm",))])
  assert more.metrics == ["etran", "knn", "feature_norm"]
  assert more.score_of("a", "feature_norm").status == "not done yet"
  assert not more.complete
  assert more.ranking("feature_norm") == of("bc", ("feature_norm",)).ranking()


def test_ties_are_told_anew_in_a_merged_run(run):
  twins = [tiny_spec("a", 1), tiny_spec("twin", 1), tiny_spec("c", 3)]
  first, second = run(twins[:2], overwrite=True), run(twins[2:])
  assert first.ranking() == []
  merged = lead_jax.merge([first, second])
  whole = run(twins)
  assert [(r.status, r.rank) for r in merged.scores] == [
    (r.status, r.rank) for r in whole.scores
  ]
  assert merged.warnings == whole.warnings


def test_runs_that_cannot_be_merged(run, digits):
  a = run([tiny_spec("a", 1)])
  with pytest.raises(InputError, match="nothing to merge"):
    lead_jax.merge([])
  with pytest.raises(InputError, match="the seed is 0 in one and 1 in another"):
    lead_jax.merge([a, run([tiny_spec("b", 2)], seed=1)])
  other = dataclasses.replace(digits, name="others")
  with pytest.raises(InputError, match="the name of the data set is 'digits'"):
    lead_jax.merge([a, run([tiny_spec("b", 2)], dataset=other)])
  with pytest.raises(InputError, match="the options of knn is"):
    lead_jax.merge([a, run([tiny_spec("b", 2)], options={"knn": {"k": 3}})])
  rows = [dataclasses.replace(row, score=row.score + 1) for row in a.scores]
  with pytest.raises(InputError, match="a under knn is"):
    lead_jax.merge([a, dataclasses.replace(a, scores=rows)])


def test_a_model_that_was_done_is_not_undone_by_a_failure(run):
  def gone():
    raise InputError("the disk is away")

  first = run([tiny_spec("a", 1), tiny_spec("b", 2)])
  again = run([ModelSpec("a", gone), tiny_spec("b", 2)])
  assert again.score_of("a", "knn").score == first.score_of("a", "knn").score
  assert again.ranking() == first.ranking()
  line = "a failed when it was loaded again (the disk is away): its scores are those of"
  assert any(warning.startswith(line) for warning in again.warnings)
  assert not run([tiny_spec("a", 1), tiny_spec("b", 2)]).warnings


def test_a_rerun_does_not_change_where_and_when_it_was_computed(run, monkeypatch):
  first = run([tiny_spec("a", 1)])
  monkeypatch.setattr("lead_jax.run._tasks.environment", lambda: {"device": "another"})
  again = run([tiny_spec("a", 1)])
  assert again.environment == first.environment
  assert again.models[0].seconds["extract"] == first.models[0].seconds["extract"]
  assert run([tiny_spec("a", 2)]).environment == {"device": "another"}


def test_a_plan_does_not_depend_on_how_its_files_are_named(run, digits, tmp_path):
  truth = tmp_path / "truth.csv"
  truth.write_text("model,dataset,accuracy\na,digits,90\nb,digits,50\n")
  one = run(ground_truth=truth).plan
  other = run(ground_truth=tmp_path / "." / ".." / tmp_path.name / "truth.csv").plan
  assert one.files != other.files
  assert one.key == other.key
  truth.write_text("model,dataset,accuracy\na,digits,91\nb,digits,50\n")
  assert run(ground_truth=truth).plan.key != one.key


def test_a_plan_is_not_worked_off_in_other_arithmetic(tmp_path):
  import jax

  plan = _planned(tmp_path)
  store = lead_jax.open_store(tmp_path)
  with (
    jax.enable_x64(True),
    pytest.raises(
      InputError, match=r"asks for 32-bit arithmetic.* computes in 64 bits"
    ),
  ):
    lead_jax.work(plan, store)
  older = dataclasses.replace(plan, versions=[0])
  with pytest.raises(InputError, match="made by another version"):
    lead_jax.work(older, store)


def test_a_plan_without_an_address_is_refused_in_a_line(tmp_path):
  plan = lead_jax.plan_from_dict({"dataset": {"name": "photos"}, "metrics": ["knn"]})
  with pytest.raises(
    InputError, match="does not say where its data set and models are"
  ):
    lead_jax.work(
      dataclasses.replace(plan, versions=_planned(tmp_path).versions),
      lead_jax.open_store(tmp_path),
    )
  with pytest.raises(InputError, match="its data set has no name"):
    lead_jax.plan_from_dict({"dataset": {}})


def test_other_weights_of_a_reference_are_another_plan(run):
  models = [tiny_spec("a", 1), tiny_spec("b", 2)]
  one = run(models, metrics=("rsa",), reference=tiny_spec("r", 3)).plan
  other = run(models, metrics=("rsa",), reference=tiny_spec("r", 4)).plan
  assert one.reference == other.reference == "r"
  assert one.key != other.key


def test_a_wrong_data_set_leaves_no_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(InputError, match="no data set"):
    lead_jax.rank("nowhere", out="runs/nowhere")
  assert not (tmp_path / "runs").exists()


def test_merging_a_merged_run_loses_nothing(run):
  def margin(features, labels):
    return float(features.std())

  own = Metric.of(margin, "own")
  a = run([tiny_spec("a", 1)], ("knn",))
  b = run([tiny_spec("b", 2)], ("feature_norm",))
  c = run([tiny_spec("c", 3)], ("knn", own))
  merged = lead_jax.merge([lead_jax.merge([a, b]), c])
  assert merged.metrics == ["knn", "feature_norm", "own"]
  assert merged.score_of("b", "feature_norm").status == "ok"
  assert merged.score_of("c", "own").score == c.score_of("c", "own").score
  heavier = run([tiny_spec("a", 9)], ("feature_norm",))
  with pytest.raises(InputError, match="a has other weights"):
    lead_jax.merge([a, heavier])


def test_a_score_takes_the_place_of_a_reason_in_a_merged_run(run):
  without = run([tiny_spec("a", 1)], ("leep",))
  assert without.scores[0].status.startswith("needs ")
  row = dataclasses.replace(without.scores[0], score=1.0, status="ok")
  found = dataclasses.replace(without, scores=[row])
  for pair in ([without, found], [found, without]):
    assert lead_jax.merge(pair).score_of("a", "leep").score == 1.0
