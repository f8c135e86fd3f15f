"""Intervals of a run: from the store, for pool-relative scores, where there are none."""

import numpy as np
import pytest

import lead_jax
from lead_jax.certainty import stratified_halves
from lead_jax.errors import InputError
from lead_jax.features import FeatureStore
from lead_jax.metrics.base import Problem
from tests.ranking.small_models import tiny_backbone, tiny_features, tiny_spec


def test_every_draw_is_the_score_of_those_images(run, digits):
  halves = stratified_halves(digits.labels, digits.class_names, seed=0)
  features = tiny_features("a", digits)
  report = run([tiny_spec("a", ord("a")), tiny_spec("b", 2)], resamples=3)
  row = report.score_of("a", "knn")
  assert len(row.resampled) == 3
  for draw, value in enumerate(row.resampled):
    rows = halves.rows(draw)
    expected = lead_jax.score("knn", features[rows], digits.labels[rows])
    assert value == pytest.approx(expected, abs=0.02)  # a tie of neighbours may fall
  certainty = report.certainty
  assert certainty is not None and not certainty.reason
  assert (certainty.draws, certainty.images) == (3, halves.images)
  assert [c.model for c in certainty.models] == report.ranking()
  assert sum(c.p_best for c in certainty.models) == pytest.approx(1)
  assert report.score_of("a", "feature_norm").resampled == ()


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
  report = run(metrics=("etran",), resamples=4)
  rows = [report.score_of(model, "etran") for model in "abc"]
  assert all(len(row.resampled) == len(row.resampled_parts) == 4 for row in rows)
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
  alone = run([tiny_spec("a", 1)], resamples=2).certainty
  assert alone.reason == "fewer than two models have a rank"
  monkeypatch.setattr(
    "lead_jax.ranking.stratified_halves",
    lambda *_, **__: (_ for _ in ()).throw(InputError("class 'x' has 3 images")),
  )
  few = run(resamples=2)
  assert few.certainty.reason == "class 'x' has 3 images"
  assert len(few.ranking()) == 3


def test_a_part_that_cannot_be_scored_costs_the_intervals_alone(run, monkeypatch):
  def refuse(self, rows):
    raise InputError("these images are too few")

  monkeypatch.setattr(Problem, "subset", refuse)
  report = run(resamples=2)
  assert report.certainty.reason == "these images are too few"
  assert len(report.ranking()) == 3


def test_a_store_that_cannot_be_written_costs_no_interval(run, monkeypatch):
  def refuse(*_, **__):
    raise InputError("the store is full: free some space")

  monkeypatch.setattr(FeatureStore, "put_json", refuse)
  report = run(resamples=2)
  assert len(report.certainty.models) == 3
  assert report.models[0].flops is not None


@pytest.mark.parametrize("resamples", [-1, 1, 2.5])
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
