"""PED's figures and those beyond the papers, on four tiny networks.

What a figure says is compared with the library's own functions, called one by one.
"""

import csv
import json
import math
import sys

import numpy as np
import pytest
from scipy import linalg, stats

from experiments.figures import (
  compared,
  kernel_spectra,
  ped_fig1,
  ped_fig2,
  ped_fig3,
  ped_table1,
  ranking_stability,
  rankings,
  write,
)
from experiments.figures.material import Material, MissingError
from experiments.sensitivity.bench import Bench, Lines
from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.data._dataset import Dataset
from lead_jax.evaluation._rank_measures import weighted_kendall
from lead_jax.features._store import FeatureStore
from lead_jax.metrics import _ped as ped
from lead_jax.metrics._lookup import evaluate_metric
from lead_jax.metrics._metric import Problem
from lead_jax.run.certainty._halves import stratified_halves

N, K, D = 36, 3, 6
MODELS = ("good", "fair", "poor", "none")
TRUTH = dict(zip(MODELS, (91.0, 84.0, 71.0, 60.0), strict=True))
FIGURES = ["ped_fig1", "ped_fig2", "ped_fig3", "ped_table1", "kernel_spectra"]
FIGURES += ["rate_and_norm", "cost_and_quality", "metric_agreement"]
FIGURES += ["ranking_stability"]
EPOCHS = 2


def _specs():
  rng = np.random.default_rng(0)
  labels = np.arange(N) % K
  for model, apart in zip(MODELS, (2.0, 1.4, 0.8, 0.1), strict=True):
    features = apart * rng.normal(size=(K, D))[labels] + rng.normal(size=(N, D))
    source = 3 + 2 * rng.normal(size=(20, D))
    ready = ReadyFeatures(
      model, features.astype(np.float32), None, model, source_features=source
    )
    yield ModelSpec(model, lambda ready=ready: ready)


def _write_logits(folder):
  """Logits of two epochs and two seeds; before the first step they are all equal."""
  rng = np.random.default_rng(1)
  (folder / "logits" / "made").mkdir(parents=True)
  rows = np.arange(20, dtype=np.int32)
  tests = {}
  for model in MODELS:
    for seed in (0, 1):
      logits = rng.normal(size=(1 + EPOCHS, 20, K)) + np.eye(K)[rows % K]
      logits[0] = 0
      tests[model, seed] = logits[:, :15]
      np.savez(
        folder / "logits" / "made" / f"{model}.{seed}.npz",
        epochs=np.arange(1 + EPOCHS, dtype=np.int32),
        steps_per_epoch=np.int32(5),
        train_logits=logits.astype(np.float32),
        test_logits=logits[:, :15].astype(np.float32),
        train_rows=rows,
        train_labels=rows % K,
        test_labels=(rows % K)[:15],
        class_names=np.asarray(["ant", "bee", "cat"]),
      )
  lines = [f"{m},made,final,{10 * (i + 1)}" for i, m in enumerate(MODELS)]
  text = "\n".join(["model,dataset,phase,seconds", *lines]) + "\n"
  (folder / "runs.csv").write_text(text)
  return tests


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """All the figures, made once with few metrics."""
  folder = tmp_path_factory.mktemp("beyond")
  tests = _write_logits(folder / "tuned")
  labels = np.arange(N, dtype=np.int32) % K
  dataset = Dataset("made", "train", labels, ("ant", "bee", "cat"), "0" * 64)
  store = FeatureStore(folder / "store")
  bench = Bench(list(_specs()), [], store, 3, Lines(sys.stderr))
  material = Material(bench, [dataset], {"made": TRUTH}, folder / "tuned")
  out = folder / "out"
  out.mkdir()
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(rankings, "SAMPLES", 30)
    patch.setattr(ped_fig2, "BASES", ("gbc",))
    patch.setattr(ped_fig3, "METRICS", ("lead_held_out", "knn"))
    patch.setattr(ped_table1, "BASES", ("gbc",))
    patch.setattr(ped_table1, "GRID", (1.0, 30.0))
    patch.setattr(compared, "BASELINE", "knn")
    few = ["knn", "feature_norm", "gbc"]
    patch.setattr(compared, "metrics_of", lambda material: few)
    patch.setattr(ranking_stability, "METRICS", {"knn": {}, "feature_norm": {}})
    patch.setattr(ranking_stability, "DRAWS", 3)
    text = write.make_all(FIGURES, material, out, command="python -m made", svg=False)
    yield material, out, tests, text


def _rows(out, name, **same):
  about = json.loads((out / f"{name}.json").read_text())
  rows = write.read_rows(out / name, about["made_of"])
  return [row for row in rows if all(row[key] == value for key, value in same.items())]


def _row(out, name, **same):
  (row,) = _rows(out, name, **same)
  return row


def _problem(material, model, **arrays):
  dataset = material.datasets[0]
  features = material.outputs(dataset)[MODELS.index(model)].features
  features = arrays.pop("features", features)
  return Problem(
    features, dataset.labels, seed=3, class_names=dataset.class_names, **arrays
  )


def _tau(scores):
  return pytest.approx(weighted_kendall(scores, list(TRUTH.values())), abs=1e-6)


def _score(material, metric, **options):
  return [
    evaluate_metric(metric, _problem(material, m), **options).score for m in MODELS
  ]


def test_every_figure_is_made(made):
  _, out, _, text = made
  assert len(text.splitlines()) == len(FIGURES)
  assert "skipped" not in text
  for name in FIGURES:
    assert (out / f"{name}.png").stat().st_size > 10_000
    with (out / f"{name}.csv").open(encoding="utf-8") as file:
      assert len(list(csv.reader(file))) > 3


def test_the_motion_in_single_steps_is_peds(made):
  material, out, _, _ = made
  dataset = material.datasets[0]
  x = material.outputs(dataset)[3].features
  steps = ped_fig1.moved(x, dataset)
  found = ped.push_overlapping_classes(
    x, dataset.labels, x.mean(0), x.std(0), num_classes=K
  )
  assert len(steps) - 1 == int(found.steps) > 1
  moved = (np.asarray(found.features) - x.mean(0)) / x.std(0)
  np.testing.assert_allclose(steps[-1], moved, atol=1e-4)
  row = _row(out, "ped_fig1", kind="network", model="none", step=len(steps) - 1)
  centroid = evaluate_metric(
    "nearest_centroid", _problem(material, "none", features=steps[-1])
  )
  assert row["centroid"] == pytest.approx(centroid.score)
  assert len(_rows(out, "ped_fig1", kind="tsne", model="good", step=0)) == N


def test_scalings_of_ped(made):
  material, out, _, _ = made
  value = lambda scaling: _row(out, "ped_fig2", scaling=scaling)["tau"]
  assert value("alone") == _tau(_score(material, "gbc"))
  assert value("target") == _tau(_score(material, "ped_gbc"))
  for scaling in ("none", "source"):
    scores = []
    for m, ready in zip(MODELS, material.outputs(material.datasets[0]), strict=True):
      mean, std = np.zeros(D), np.ones(D)
      if scaling == "source":
        mean, std = ready.source_features.mean(0), ready.source_features.std(0)
      labels = material.datasets[0].labels
      moved = ped.push_overlapping_classes(
        ready.features, labels, mean, std, num_classes=K
      ).features
      problem = _problem(material, m, features=np.asarray(moved))
      scores.append(evaluate_metric("gbc", problem).score)
    assert value(scaling) == _tau(scores)


def test_the_grid_of_k(made):
  material, out, _, _ = made
  assert _row(out, "ped_table1", k=30.0)["tau"] == _tau(
    _score(material, "ped_gbc", k=30.0)
  )
  rows = _rows(out, "ped_table1")
  grid = ped_table1.grid_of(rows, "made", "gain")
  assert grid.shape == (1, 3)
  assert grid[0, 0] == 0
  assert grid[0, 2] == pytest.approx(rows[2]["tau"] - rows[0]["tau"], abs=1e-6)


def test_short_fine_tuning(made):
  material, out, tests, _ = made
  labels = np.arange(15) % K
  line = {"line": ped_fig3.TEST, "epoch": 2.0}
  for seed in (0, 1):
    accuracy = [(tests[m, seed][2].argmax(1) == labels).mean() for m in MODELS]
    row = _row(out, "ped_fig3", shown="single", finetuning_seeds=str(seed), **line)
    assert row["tau"] == _tau(accuracy)
    network = {"shown": "network", "model": "fair", "finetuning_seeds": str(seed)}
    assert _row(out, "ped_fig3", **network, **line)["accuracy"] == pytest.approx(
      accuracy[1]
    )
  mean = _row(out, "ped_fig3", shown="mean", **line)
  assert mean["finetuning_seeds"] == "0 1"
  both = [row["tau"] for row in _rows(out, "ped_fig3", shown="single", **line)]
  assert mean["tau"] == pytest.approx(np.mean(both))
  # Half way through a median of 25 s, and ten steps.
  half = _row(out, "ped_fig3", shown="mean", line=ped_fig3.TEST, epoch=1.0)
  assert (half["seconds"], half["value"]) == (12.5, 5)
  first = _row(out, "ped_fig3", shown="mean", line=ped_fig3.TEST, epoch=1.0)
  assert mean["gain"] == pytest.approx(mean["tau"] - first["tau"], abs=1e-6)
  blind = _rows(out, "ped_fig3", shown="single", line=ped_fig3.TEST, epoch=0.0)
  assert all(math.isnan(row["tau"]) for row in blind)
  assert _row(out, "ped_fig3", method="knn")["tau"] == _tau(_score(material, "knn"))


def test_too_few_fine_tuned_networks(made):
  material, _, _, _ = made
  few = Material(
    material.bench, material.datasets, {"made": {"good": 1.0}}, material.finetuned
  )
  with pytest.raises(MissingError, match="needs 4 fine-tuned networks"):
    ped_fig3.measure(few)


def test_gain_of_the_whole_kernel_is_its_exponential():
  rng = np.random.default_rng(2)
  root = rng.normal(size=(5, 5))
  kernel, residual = root @ root.T, rng.normal(size=(5, 3))
  gain = kernel_spectra.gain_over_time(*np.linalg.eigh(kernel), residual)
  for i in (0, 15, 30):
    t = kernel_spectra.TIMES[i] / (np.trace(kernel) / 5)
    left = np.linalg.norm(linalg.expm(-t * kernel) @ residual)
    assert gain[i] == pytest.approx(1 - left / np.linalg.norm(residual), abs=1e-9)
  assert kernel_spectra.effective_rank(np.array([0.25] * 4 + [0.0])) == pytest.approx(4)


def test_spectra_and_rates_of_classes(made):
  material, out, _, _ = made
  shares = [
    r["share"] for r in _rows(out, "kernel_spectra", kind="spectrum", model="fair")
  ]
  assert len(shares) == N // K
  assert sum(shares) == pytest.approx(1, abs=1e-5)
  classes = _rows(out, "kernel_spectra", kind="class", model="fair")
  assert np.mean([row["largest"] for row in classes]) == pytest.approx(
    shares[0], abs=1e-5
  )
  dataset = material.datasets[0]
  x = material.outputs(dataset)[1].features[dataset.labels == 2]
  norm = np.square(x).sum(1).mean()
  row = _row(out, "rate_and_norm", **{"model": "fair", "class": "class cat"})
  assert row["norm"] == pytest.approx(norm, rel=1e-5)
  expected = K * ((D + 1024 + 2048) * norm / D + 3)
  assert row["expected"] == pytest.approx(expected, rel=1e-4)
  assert row["rate"] == pytest.approx(expected, rel=0.2)


def test_cost_and_agreement(made):
  material, out, _, _ = made
  knn, norm = _score(material, "knn"), _score(material, "feature_norm")
  row = _row(out, "cost_and_quality", method="knn")
  assert row["tau"] == _tau(knn)
  assert row["seconds"] > 0
  assert _row(out, "cost_and_quality", kind="chance")["low"] < 0
  pair = _row(out, "metric_agreement", method="knn", other="feature_norm")
  assert pair["tau"] == pytest.approx(stats.kendalltau(knn, norm).statistic)


def test_stability_over_halves(made):
  material, out, _, _ = made
  dataset = material.datasets[0]
  halves = stratified_halves(dataset.labels, dataset.class_names, seed=3)
  draws = [
    [
      evaluate_metric("knn", _problem(material, m).subset(halves.rows(d))).score
      for m in MODELS
    ]
    for d in range(3)
  ]
  for draw, scores in enumerate(draws, start=1):
    row = _row(out, "ranking_stability", metric="knn", draw=draw)
    assert row["tau"] == _tau(scores)
    if len(set(scores)) == len(scores):
      assert row["first"] == MODELS[int(np.argmax(scores))]
  whole = _row(out, "ranking_stability", metric="knn", draw=0)
  assert whole["tau"] == _tau(_score(material, "knn"))


def test_agreement_of_draws_leaves_out_what_is_no_ranking():
  columns = np.array([[1.0, 2, 3], [1, 2, 3], [3, 2, 1], [1, 1, 1], [1, 2, math.nan]])
  found = ranking_stability.agreements(columns)
  np.testing.assert_allclose(found, [0, 0, -1, math.nan, math.nan])
  firsts = [{"first": name} for name in ("a", "a", "b", "")]
  assert ranking_stability.same_first(firsts) == pytest.approx(1 / 3)
