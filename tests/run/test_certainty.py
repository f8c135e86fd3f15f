"""Intervals of a run: from the store, for pool-relative scores, where there are none."""

import numpy as np
import pytest

import lead_jax
from lead_jax.backbones._backbone import ModelSpec
from lead_jax.checks._errors import InputError
from lead_jax.features._store import FeatureStore
from lead_jax.metrics._metric import Problem
from lead_jax.run.certainty._halves import stratified_halves
from tests.run.small_models import tiny_backbone, tiny_features, tiny_spec


def test_every_draw_is_the_score_of_those_images(run, digits):
  halves = stratified_halves(digits.labels, digits.class_names, seed=0)
  features = tiny_features("a", digits)
  report = run([tiny_spec("a", ord("a")), tiny_spec("b", 2)], resamples=10)
  row = report.score_of("a", "knn")
  assert len(row.resampled) == 10
  for draw, value in enumerate(row.resampled):
    rows = halves.rows(draw)
    expected = lead_jax.score("knn", features[rows], digits.labels[rows])
    assert value == pytest.approx(expected, abs=1e-6)
  certainty = report.certainty
  assert certainty is not None
  assert not certainty.reason
  assert (certainty.draws, certainty.images) == (10, halves.images)
  assert [c.model for c in certainty.models] == report.ranking()
  assert sum(c.p_best for c in certainty.models) == pytest.approx(1)
  assert not report.score_of("a", "feature_norm").resampled


def test_more_draws_go_on_from_those_that_are_there(run, monkeypatch):
  first = run(resamples=10)
  subset = Problem.subset
  taken = []
  monkeypatch.setattr(
    Problem, "subset", lambda self, rows: taken.append(1) or subset(self, rows)
  )
  again = run(resamples=10)
  assert not taken
  assert again.certainty == first.certainty
  more = run(resamples=20)
  assert len(taken) == 30  # ten more of each of three models
  for model in "abc":
    found = more.score_of(model, "knn").resampled
    assert list(found[:10]) == list(first.score_of(model, "knn").resampled)


def test_scores_of_a_pool_are_compared_within_each_draw(run, digits):
  report = run(metrics=("etran",), resamples=10)
  rows = [report.score_of(model, "etran") for model in "abc"]
  assert all(len(row.resampled) == len(row.resampled_parts) == 10 for row in rows)
  halves = stratified_halves(digits.labels, digits.class_names, seed=0)
  chosen = halves.rows(2)
  images = np.stack([digits.read_image(i) for i in range(len(digits))])
  gray = images[..., :1] / np.float32(255)
  pool = []
  for model, seed, width in (("a", 1, 12), ("b", 2, 3), ("c", 3, 12)):
    network = tiny_backbone(model, seed, width=width)
    pool.append(np.asarray(network.apply(network.params, gray)["features"])[chosen])
  expected = lead_jax.score_pool("etran", pool, digits.labels[chosen])
  assert [row.resampled[2] for row in rows] == pytest.approx(expected, abs=1e-3)


def test_no_intervals_are_no_failure(run, digits, monkeypatch):
  assert run(resamples=0).certainty is None
  alone = run([tiny_spec("a", 1)], resamples=10)
  assert alone.certainty.reason == "there is one model"
  assert not alone.score_of("a", "knn").resampled
  monkeypatch.setattr(
    "lead_jax.run._planning.stratified_halves",
    lambda *_, **__: (_ for _ in ()).throw(InputError("class 'x' has 3 images")),
  )
  few = run(resamples=10)
  assert few.certainty.reason == "class 'x' has 3 images"
  assert len(few.ranking()) == 3


def test_a_part_that_cannot_be_scored_costs_the_intervals_alone(run, monkeypatch):
  def refuse(self, rows):
    raise InputError("these images are too few")

  monkeypatch.setattr(Problem, "subset", refuse)
  report = run(resamples=10)
  first = report.ranking()[0]
  assert report.certainty.reason.endswith("images (these images are too few)")
  assert not report.certainty.models
  assert first in "abc"


def test_one_model_without_parts_leaves_no_interval_to_the_others(run, monkeypatch):
  """A rank among some of the models is not the rank that the table shows."""
  subset = Problem.subset

  def refuse_some(self, rows):
    if self.features.shape[1] == 3:  # of b
      raise InputError("too narrow")
    return subset(self, rows)

  monkeypatch.setattr(Problem, "subset", refuse_some)
  certainty = run(resamples=10).certainty
  expected = "b has no score on a part of the images (too narrow)"
  assert certainty.reason == expected
  assert not certainty.models
  assert not certainty.groups


def test_a_store_that_cannot_be_written_costs_no_interval(run, monkeypatch):
  def refuse(*_, **__):
    raise InputError("the store is full: free some space")

  monkeypatch.setattr(FeatureStore, "put_json", refuse)
  report = run(resamples=10)
  assert len(report.certainty.models) == 3
  assert report.models[0].flops is not None


def test_pages_say_what_the_scores_beside_them_say(run, tmp_path):
  out = tmp_path / "out"
  run(out=out)
  assert "not finished" not in (out / "report.md").read_text()

  def interrupted():
    raise KeyboardInterrupt

  models = [tiny_spec("a", 1), ModelSpec("b", interrupted)]
  with pytest.raises(KeyboardInterrupt):
    run(models, out=out, overwrite=True)
  for page in ("report.md", "report.html"):
    text = (out / page).read_text()
    assert "not finished" in text
    assert "feature_norm" in text
  # A run of which nothing was done takes nothing away.
  models = [ModelSpec("c", interrupted)]
  with pytest.raises(KeyboardInterrupt):
    run(models, out=out, overwrite=True)
  assert (out / "report.html").read_text() == text


@pytest.mark.parametrize("resamples", [-1, 9, 2.5])
def test_a_wrong_number_of_draws_is_refused(run, resamples):
  with pytest.raises(InputError, match="resamples must be 0"):
    run(resamples=resamples)


def test_a_problem_of_some_samples_keeps_what_belongs_to_them():
  rng = np.random.default_rng(0)
  features, labels = rng.normal(size=(8, 3)), np.arange(8) % 2
  reference = rng.normal(size=(8, 5))
  whole = Problem(features, labels, reference_features=reference)
  whole.once("something", lambda: 1)
  rows = np.array([0, 1, 4, 5])
  part = whole.subset(rows)
  assert np.allclose(part.features, features[rows])
  assert np.allclose(part.reference_features, reference[rows])
  assert part.once("something", lambda: 2) == 2
  assert whole.features.shape == (8, 3)
