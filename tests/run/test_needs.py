"""Scores that need more than features: classifiers, references, source data, the pool."""

import dataclasses
import math

import jax
import numpy as np
import pytest

import lead_jax
from lead_jax import evaluation
from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.checks._errors import InputError
from lead_jax.data._bundled import load_digits_dataset
from lead_jax.metrics import Metric, Value
from tests.run.small_models import (
  tiny_backbone,
  tiny_features,
  tiny_network,
  tiny_spec,
)


def test_source_probabilities_come_from_the_networks_classifier(run, digits):
  report = run([tiny_network("a", 1), tiny_spec("plain", 2)], metrics=("leep", "knn"))
  loaded = tiny_network("a", 1).load()
  images = np.stack([digits.read_image(i) for i in range(len(digits))])
  outputs = loaded.apply(loaded.params, images[..., :1] / np.float32(255))
  expected = lead_jax.score(
    "leep",
    outputs["features"],
    digits.labels,
    source_probs=jax.nn.softmax(outputs["logits"], axis=1),
  )
  assert report.score_of("a", "leep").score == pytest.approx(expected, rel=1e-3)
  row = report.score_of("plain", "leep")
  assert math.isnan(row.score)
  assert row.status.startswith("needs source_probs: the network's probabilities")
  assert report.models[1].status == "ok"
  assert report.score_of("plain", "knn").rank is not None


def test_a_reference_network(run, digits):
  models = [tiny_spec("a", 1), tiny_spec("b", 2)]
  with pytest.raises(InputError, match="metric 'rsa' compares with another network's"):
    run(models, metrics=("rsa",))
  report = run(models, metrics=("rsa",), reference=tiny_spec("a", 1))
  assert report.score_of("a", "rsa").score == pytest.approx(100)
  assert report.score_of("b", "rsa").score < 100
  assert report.plan.reference == "a"
  other = run(models, metrics=("rsa",), reference=tiny_spec("b", 2))
  assert other.score_of("b", "rsa").score == pytest.approx(100)
  assert not other.score_of("a", "rsa").cached
  with pytest.raises(InputError, match="no model 'nobody'"):
    run(models, metrics=("rsa",), reference="nobody")


def test_features_of_the_source_data(run, digits):
  models = [tiny_spec("a", 1), tiny_spec("b", 2)]
  own = run(models, metrics=("ped_logme",))
  assert "no source features" in own.score_of("a", "ped_logme").status
  source = load_digits_dataset("train")
  report = run(models, metrics=("ped_logme",), source_data=source)
  row = report.score_of("a", "ped_logme")
  assert "no source features" not in row.status
  assert not row.cached
  assert report.plan.source_data == source.fingerprint
  again = run(models, metrics=("ped_logme",), source_data=source)
  assert again.score_of("a", "ped_logme").cached


def test_scores_of_a_pool_move_with_the_pool_and_cost_one_model(run, digits):
  calls = []
  models = lambda names: [tiny_spec(name, ord(name), calls) for name in names]
  first = run(models("abc"), metrics=("etran", "knn"))
  assert {first.score_of(m, "etran").rank for m in "abc"} == {1, 2, 3}
  traced = len(calls)
  more = run(models("abcd"), metrics=("etran", "knn"))
  assert set(calls[traced:]) == {"d"}
  assert all(more.score_of(m, "etran").cached for m in "abc")
  assert not more.score_of("d", "etran").cached
  parts = [more.score_of(m, "etran").parts for m in "abcd"]
  assert [more.score_of(m, "etran").score for m in "abcd"] == pytest.approx(
    lead_jax.METRICS["etran"].pool(parts)
  )
  assert first.score_of("a", "knn").score == more.score_of("a", "knn").score
  assert more.plan.metric_facts["etran"]["relative_to_the_pool"]
  assert not more.plan.metric_facts["knn"]["relative_to_the_pool"]
  alone = run(models("a"), metrics=("etran",))
  features = {m: tiny_features(m, digits) for m in "ab"}
  single = lead_jax.score("etran", features["a"], digits.labels)
  assert alone.score_of("a", "etran").score == pytest.approx(single, rel=1e-4)
  pooled = lead_jax.score_pool("etran", list(features.values()), digits.labels)
  two = run(models("ab"), metrics=("etran",))
  assert [two.score_of(m, "etran").score for m in "ab"] == pytest.approx(
    pooled, abs=1e-4
  )


def test_all_metrics(run):
  from lead_jax.run import _preflight as preflight

  names = preflight.metrics_or_default(["knn", "all"])
  assert names[0] == "knn"
  assert sorted(names) == sorted(lead_jax.METRICS)
  assert "rsa" in names  # it will say in its rows that it lacks a reference
  with pytest.raises(InputError, match="known are all, lead"):
    preflight.metrics_or_default([])


def test_rankings_that_never_look_at_the_data(run, tmp_path):
  path = tmp_path / "truth.csv"
  rows = ["model,dataset,accuracy"]
  for dataset, accuracies in (("digits", (90, 80, 70)), ("other", (30, 20, 25))):
    rows += [f"{m},{dataset},{v}" for m, v in zip("abc", accuracies, strict=True)]
  path.write_text("\n".join(rows) + "\n")
  report = run(ground_truth=path)
  found = report.static_agreement
  assert set(found) == {"mean rank on other data sets"}  # no model states the others
  expected = evaluation.weighted_kendall([1.0, 0.0, 0.5], [90, 80, 70])
  ours = found["mean rank on other data sets"]["weighted_kendall"]
  assert ours == pytest.approx(expected)

  def stated(name, seed):
    backbone = tiny_backbone(name, seed)
    return dataclasses.replace(backbone, num_params=seed, source_accuracy=100.0 - seed)

  specs = [ModelSpec(m, lambda m=m, i=i: stated(m, i + 1)) for i, m in enumerate("abc")]
  found = run(specs, ground_truth=path).static_agreement
  assert found["parameters"]["weighted_kendall"] == pytest.approx(-1)
  assert found["source accuracy"]["weighted_kendall"] == pytest.approx(1)


def test_what_is_wrong_beside_a_model_costs_one_metric(run, digits):
  features = tiny_features("a", digits)
  rows = len(features)
  ready = ReadyFeatures(
    "ready", features, None, "", source_probs=np.full((rows, 3), 0.9)
  )
  report = run([ModelSpec("ready", lambda: ready)], metrics=("knn", "leep"))
  assert report.score_of("ready", "knn").rank == 1
  assert "row 0 of source_probs is no distribution" in (
    report.score_of("ready", "leep").status
  )
  assert report.models[0].status == "ok"
  names = np.array(digits.class_names)[digits.labels]
  turned = ReadyFeatures("turned", features[::-1], names[::-1], "")
  with pytest.raises(InputError, match="the rows are in another order"):
    run(metrics=("rsa",), reference=ModelSpec("turned", lambda: turned))
  with pytest.raises(InputError, match="the reference is one model, 'digits' names 12"):
    run(metrics=("rsa",), reference="digits")


def test_what_a_metric_of_ones_own_does_wrong_costs_its_rows_alone(run):
  import sys

  def leave(problem, options):
    sys.exit(7)

  def rules(pool, name):
    compute = lambda problem, options: Value(0.5, parts={"x": 1.0})
    return Metric(name, compute, pool=pool)

  def divide(parts):
    return [1 / 0 for _ in parts]

  own = [
    Metric("leaves", leave),
    Metric("not_json", lambda problem, options: Value(1.0, details={"a": {1}})),
    rules(divide, "divides"),
    rules(lambda parts: [1.0], "too_few"),
    rules(lambda parts: [math.nan for _ in parts], "no_number"),
  ]
  report = run(metrics=["knn", *own])
  assert len(report.ranking("knn")) == 3
  status = {metric.name: report.score_of("a", metric.name).status for metric in own}
  assert status["leaves"].startswith(
    "failed: metric 'leaves' ended Python with exit code 7"
  )
  assert "details['a'] is a set" in status["not_json"]
  assert "pool rule of divides raised ZeroDivisionError" in status["divides"]
  assert "too_few gave [1.0] for 3 models" in status["too_few"]
  assert "one finite score per model is needed" in status["no_number"]
  first = run(metrics=[own[2], "knn"], resamples=10)
  assert first.ranking() == []
  assert first.certainty.reason == "fewer than two models have a rank"
