"""The frame of `experiments.figures`, and LEAD's figures, on three tiny networks.

What a figure says is compared with the library's own functions, called one by one.
"""

import csv
import json
import pathlib
import sys

import jax
import numpy as np
import pytest
from scipy import stats

from experiments.figures import (
  __main__ as script,
  lead_fig4,
  lead_fig6,
  lead_fig9,
  lead_parts,
  rankings,
  table,
  trajectories,
  write,
)
from experiments.figures.material import Material, MissingError
from experiments.sensitivity.bench import Bench, Lines
from lead_jax import ntk
from lead_jax.assessment import plotting
from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.checks._errors import InputError
from lead_jax.data._dataset import Dataset
from lead_jax.dynamics._config import lead_config
from lead_jax.dynamics._in_sample import lead
from lead_jax.evaluation._rank_measures import weighted_kendall
from lead_jax.features._store import FeatureStore
from lead_jax.metrics._lookup import evaluate_metric
from lead_jax.metrics._metric import Problem

N, K, D = 30, 3, 6
MODELS = ("good", "fair", "poor", "none")
TRUTH = dict(zip(MODELS, (91.0, 84.0, 71.0, 60.0), strict=True))
# The paper's form with a smaller head, so that one unit of time is a shorter one.
PAPER = lead_config(hidden=(256, 256), unit=1e-5)
LEAD = [name for name in table.FIGURES if name.startswith(("lead_", "traj"))]


def _material(folder: pathlib.Path, finetuned: pathlib.Path | None) -> Material:
  rng = np.random.default_rng(0)
  labels = np.arange(N, dtype=np.int32) % K
  dataset = Dataset("made", "train", labels, ("ant", "bee", "cat"), "0" * 64)
  specs = []
  for model, apart in zip(MODELS, (2.0, 1.4, 0.8, 0.1), strict=True):
    features = apart * rng.normal(size=(K, D))[labels] + rng.normal(size=(N, D))
    ready = ReadyFeatures(model, features.astype(np.float32), None, model * 3)
    specs.append(ModelSpec(model, lambda ready=ready: ready))
  bench = Bench(specs, [], FeatureStore(folder / "store"), 3, Lines(sys.stderr))
  return Material(bench, [dataset], {"made": TRUTH}, finetuned)


def _write_logits(folder: pathlib.Path) -> dict[tuple[str, int], np.ndarray]:
  """Fine-tuned logits of the first three networks, two seeds, 20 of the images."""
  rng = np.random.default_rng(1)
  rows = np.arange(20, dtype=np.int32)
  made = {}
  (folder / "logits" / "made").mkdir(parents=True)
  for model in MODELS[:3]:
    for seed in (0, 1):
      logits = rng.normal(size=(2, 20, K)) + 4 * np.eye(K)[rows % K]
      made[model, seed] = logits[-1]
      np.savez(
        folder / "logits" / "made" / f"{model}.{seed}.npz",
        epochs=np.asarray([0, 5], np.int32),
        steps_per_epoch=np.int32(4),
        train_logits=logits.astype(np.float32),
        test_logits=logits[:, :9].astype(np.float32),
        train_rows=rows,
        train_labels=rows % K,
        test_labels=(rows % K)[:9],
        class_names=np.asarray(["ant", "bee", "cat"]),
      )
  return made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """All of LEAD's figures, made once with tiny settings."""
  folder = tmp_path_factory.mktemp("figures")
  tuned = _write_logits(folder / "tuned")
  material = _material(folder, folder / "tuned")
  out = folder / "out"
  out.mkdir()
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(lead_parts, "PAPER", PAPER)
    patch.setattr(rankings, "SAMPLES", 50)
    patch.setattr(lead_fig4, "SIZES", (4, 64))
    patch.setattr(lead_fig6, "DRAWS", 2)
    patch.setattr(lead_fig9, "WIDTHS", (8, 256))
    patch.setattr(lead_fig9, "HEADS", 2)
    patch.setattr(trajectories, "IMAGES", 9)
    patch.setattr(trajectories, "HEADS", 1)
    patch.setattr(trajectories, "CONSTANTS", 2.0)
    text = write.make_all(LEAD, material, out, command="python -m made", svg=False)
    yield material, out, tuned, text


def _rows(out: pathlib.Path, name: str, **same: object) -> list[dict[str, str]]:
  with (out / f"{name}.csv").open(encoding="utf-8") as file:
    return [
      row
      for row in csv.DictReader(file)
      if all(row[key] == str(value) for key, value in same.items())
    ]


def _value(out: pathlib.Path, name: str, column: str = "value", **same: object):
  (row,) = _rows(out, name, **same)
  return float(row[column])


def _lead(material: Material, m: int, **options):
  """LEAD of a network by the library's own function."""
  options = {"hidden": PAPER.hidden, "unit": PAPER.unit, **options}
  dataset = material.datasets[0]
  features = material.outputs(dataset)[m].features
  key = jax.random.key(material.seed)
  return lead(features, dataset.labels, key=key, config=lead_config(**options))


def _final(log_init, rates, labels, t: float) -> np.ndarray:
  """Eq. 7 by hand."""
  left = np.exp(-PAPER.unit * t * np.asarray(rates, np.float64))[labels][:, None]
  return (1 - left) * np.eye(K)[labels] + left * log_init


def _score(final, labels) -> float:
  """Minus the cross-entropy by hand."""
  log_p = final - np.log(np.exp(final).sum(axis=1, keepdims=True))
  return float(log_p[np.arange(len(labels)), labels].mean())


def _lead_tau(material: Material, t: float, classifier="svm") -> float:
  dataset = material.datasets[0]
  scores = []
  for m in range(len(MODELS)):
    start = lead_parts.start(material, dataset, m, classifier)
    rates = lead_parts.rates(material, dataset, m)
    final = _final(start, rates, dataset.labels, t)
    scores.append(_score(final, dataset.labels))
  return _tau(scores)


def _tau(scores) -> float:
  return weighted_kendall(list(scores), list(TRUTH.values()))


def test_every_figure_is_there_with_what_it_was_made_of(made):
  _, out, _, text = made
  for name in LEAD:
    assert f"{name}: {out / name}.png, measured in" in text
    assert (out / f"{name}.png").stat().st_size > 10_000
    about = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    assert about["command"] == "python -m made"
    assert about["made_of"]["models"]["good"] == "good" * 3
    assert ("finetuned" in about["made_of"]) == (name in table.FINETUNED)


def test_parts_put_together_are_lead(made):
  material, m = made[0], 1
  dataset = material.datasets[0]
  start = lead_parts.start(material, dataset, m)
  labels = dataset.labels
  whole = _lead(material, m)
  rates = lead_parts.rates(material, dataset, m)
  np.testing.assert_allclose(rates, whole.lambda_c, rtol=1e-5)
  final, score = lead_parts.evolved(start, labels, rates, 1.0)
  np.testing.assert_allclose(final, whole.final_logits, atol=1e-6)
  np.testing.assert_allclose(final, _final(start, rates, labels, 1.0), atol=1e-6)
  assert score == pytest.approx(float(whole.score), abs=1e-6)
  mean = lead_parts.diagonal(material, dataset, m).mean(axis=0)
  picked = lead_parts.chosen(labels, K, 4, material.seed, mixed=True)
  own = lead_parts.rates_of(mean, *picked, K)
  mixed = _lead(material, m, samples_per_class=4, evolution="mixed")
  np.testing.assert_allclose(own, mixed.lambda_c, rtol=1e-5)


def test_fig4_is_the_gain_of_the_metric(made):
  material, out, _, _ = made
  start = _lead_tau(material, 0.0)
  assert _value(out, "lead_fig4", "tau", method="t = 0") == pytest.approx(start)
  later = _lead_tau(material, 100.0)
  row = {"method": "t = 100", "panel": "t"}
  assert _value(out, "lead_fig4", "tau", **row) == pytest.approx(later, abs=1e-6)
  gain = _value(out, "lead_fig4", "gain", **row)
  assert gain == pytest.approx(later - start, abs=1e-6)
  assert {row["method"] for row in _rows(out, "lead_fig4", panel="S")} == {
    "S = 4",
    "S = 64",
  }


def test_fig5_distances_by_hand(made):
  material, out, tuned, _ = made
  dataset = material.datasets[0]
  raw, centred, again = [], [], []
  unit = lambda v: v / np.sqrt(np.mean(v**2))
  for m, model in enumerate(MODELS[:3]):
    start = lead_parts.start(material, dataset, m)
    rates = lead_parts.rates(material, dataset, m)
    predicted = _final(start, rates, dataset.labels, 1.0)[:20]
    runs = [tuned[model, seed] for seed in (0, 1)]
    far = [np.sqrt(((predicted - run) ** 2).sum(1)).mean() for run in runs]
    raw.append(np.mean(far))
    a = unit(predicted - predicted.mean(1, keepdims=True))
    b = [unit(run - run.mean(1, keepdims=True)) for run in runs]
    centred.append(np.mean([np.sqrt(((a - one) ** 2).sum(1)).mean() for one in b]))
    again.append(np.mean(runs[0].argmax(1) == runs[1].argmax(1)))
  of = {"dataset": "made", "model": "", "method": "lead"}
  found = _value(out, "lead_fig5", reading="raw", **of)
  assert found == pytest.approx(np.mean(raw), rel=1e-5)
  found = _value(out, "lead_fig5", reading="scaled", **of)
  assert found == pytest.approx(np.mean(centred), rel=1e-5)
  of["method"] = "fine-tuned again"
  found = _value(out, "lead_fig5", reading="agreement", **of)
  assert found == pytest.approx(np.mean(again))
  (row,) = _rows(out, "lead_fig5", reading="raw", **of)
  lead_has = np.mean(raw) - float(row["value"])
  assert float(row["difference"]) == pytest.approx(lead_has, rel=1e-4)
  assert float(row["difference_low"]) <= lead_has <= float(row["difference_high"])
  single = _value(out, "lead_fig5", **{**of, "model": "good"}, reading="agreement")
  assert single == pytest.approx(again[0])
  # The network without fine-tuned logits takes no part.
  assert not _rows(out, "lead_fig5", model="none")
  assert dataset.name == "made"


def test_predicted_logits_are_those_that_the_metrics_score(made):
  from experiments.figures import lead_logits

  material = made[0]
  dataset = material.datasets[0]
  labels, m = dataset.labels, 1
  found = lead_logits.predictions(material, dataset, m)
  problem = Problem(material.outputs(dataset)[m].features, labels)
  own = lambda method: found[method].probability[np.arange(N), labels]
  for method, metric in (("sfda", "sfda"), ("ped", "ped_sfda")):
    score = evaluate_metric(metric, problem).score
    assert own(method).mean() == pytest.approx(score, rel=1e-4)
  score = evaluate_metric("lead_held_out", problem).score
  assert np.log(own("lead_held_out")).mean() == pytest.approx(score, rel=1e-4)


def test_fig3_and_fig10_are_plain_averages(made):
  _, out, tuned, _ = made
  labels = np.arange(20) % K
  own, others, bees = [], [], []
  for model in MODELS[:3]:
    mean = (tuned[model, 0] + tuned[model, 1]) / 2
    own.append(mean[np.arange(20), labels].mean())
    others.append(mean[np.arange(K) != labels[:, None]].mean())
    bees.append(mean[labels == 1, 2].mean())
  of = {"reading": "raw", "method": "fine-tuned", "model": ""}
  found = _value(out, "lead_fig3", of="own", **of)
  assert found == pytest.approx(np.mean(own), rel=1e-5)
  found = _value(out, "lead_fig3", of="others", **of)
  assert found == pytest.approx(np.mean(others), rel=1e-5)
  found = _value(out, "lead_fig10", images_of="bee", logit_of="cat", **of)
  assert found == pytest.approx(np.mean(bees), rel=1e-5)


def test_fig6_places_are_ranks_of_scores(made):
  material, out, _, _ = made
  dataset = material.datasets[0]
  for method, t in (("lead", 1.0), ("log_init", 0.0)):
    scores = []
    for m in range(4):
      start = lead_parts.start(material, dataset, m)
      rates = lead_parts.rates(material, dataset, m)
      final = _final(start, rates, dataset.labels, t)
      scores.append(_score(final, dataset.labels))
    places = stats.rankdata(-np.asarray(scores))
    rows = [r for r in _rows(out, "lead_fig6", method=method) if r["model"]]
    assert [float(row["place"]) for row in rows] == places.tolist()
    assert [float(row["true_place"]) for row in rows] == [1, 2, 3, 4]
    error = _value(out, "lead_fig6", "error", method=method, model="")
    assert error == pytest.approx(np.abs(places - [1, 2, 3, 4]).mean())


def test_fig7_and_fig8_by_hand(made):
  material, out, _, _ = made
  for classifier in ("svm", "lda", "gmm"):
    for t in (0, 1):
      tau = _lead_tau(material, t, classifier)
      found = _value(out, "lead_fig7", "tau", classifier=classifier, t=t)
      assert found == pytest.approx(tau, abs=1e-6)
  strategy = lambda method: _value(out, "lead_fig8", "tau", method=method)
  assert strategy("a kernel a class") == pytest.approx(_lead_tau(material, 1.0))
  labels = material.datasets[0].labels
  starts = lead_parts.starts(material, material.datasets[0])
  kept = [0.7 * np.eye(K)[labels] + 0.3 * start for start in starts]
  tau = _tau(_score(final, labels) for final in kept)
  assert strategy("constant 0.3") == pytest.approx(tau)


def test_fig9_expected_rates_and_the_limit(made):
  material, out, _, _ = made
  options = {"hidden": (256, 256), "rates": "expected"}
  tau = _tau(_lead(material, m, **options).score for m in range(4))
  of = {"method": "width 256", "rates": "expected"}
  assert _value(out, "lead_fig9", "tau", **of) == pytest.approx(tau, abs=1e-6)
  error = lambda width: _value(
    out, "lead_fig9", "kernel_error", method=f"width {width}", rates="drawn"
  )
  assert error(256) < 0.5 * error(8)


def test_gradient_descent_on_the_head_follows_the_kernel(made):
  _, out, _, _ = made
  for panel in ("squared loss", "cross-entropy"):
    of = {"panel": panel, "of": "own"}
    down = _rows(out, "trajectories", curve="gradient descent", **of)
    flow = _rows(out, "trajectories", curve="the kernel's flow", **of)
    moved = float(down[-1]["value"]) - float(down[0]["value"])
    assert moved > 0.02
    for a, b in zip(down, flow, strict=True):
      assert float(a["value"]) == pytest.approx(float(b["value"]), abs=0.3 * moved)
  # The flow of the kernel of a logit is K times slower than that of the summed logits.
  assert len(_rows(out, "trajectories", curve="Eq. 7 as published", of="own")) > 3
  x = np.random.default_rng(0).normal(size=(4, D)).astype(np.float32)
  one, all_ = (ntk.wide_head_kernel(x, num_classes=k) for k in (1, K))
  np.testing.assert_allclose(all_, K * one, rtol=1e-5)


# This module is a figure, too: the frame is tested with it.
def measure(material: Material):
  calls.append(material.seed)
  return [
    {"dataset": "made", "model": "good", "value": 0.1, "class": "5"},
    {
      "dataset": "made",
      "model": "fair",
      "value": float("nan"),
      "class": "6",
      "more": 2,
    },
  ]


def figure(rows, material):
  assert [row["class"] for row in rows] == ["5", "6"]  # text stays text
  assert rows[0]["value"] == 0.1
  assert np.isnan(rows[1]["value"])
  assert np.isnan(rows[0]["more"])
  assert rows[1]["more"] == 2
  picture = plotting.new_figure(1.0)
  picture.add_subplot().plot([0, 1], [0, rows[0]["value"]])
  picture.caption = "What it shows."
  return picture


calls: list[int] = []


def failing(material: Material):
  raise InputError("there is a hole in it")


@pytest.fixture
def tiny(monkeypatch):
  monkeypatch.setitem(table.FIGURES, "tiny", sys.modules[__name__])
  calls.clear()


@pytest.mark.parametrize(
  ("typed", "drawn"),
  [
    ("go --zoo=../there/zoo.json --out=runs/a", "go --zoo=zoo.json --out=runs/a"),
    ("go --data=/home/me/data/ --noise=1", "go --data=data --noise=1"),
    ("go --cache_dir=/tmp/c --only=a,b", "go --only=a,b"),
    ("go --models=~/m/a.npz,b", "go --models=a.npz,b"),
    (
      "Data: a (2 images). go --zoo=~/zoo.json",
      "Data: a (2 images). go --zoo=zoo.json",
    ),
  ],
)
def test_a_drawn_command_names_no_folder_of_one_machine(typed, drawn):
  assert plotting.reader_command(typed) == drawn


def test_numbers_of_the_same_things_are_drawn_and_not_measured(tiny, tmp_path):
  material = _material(tmp_path, None)
  make = lambda material: write.make_all(["tiny"], material, tmp_path, command="go")
  assert "tiny.png, measured in" in make(material)
  assert "drawn from the numbers that were there" in make(material)
  assert calls == [3]
  path = tmp_path / "tiny.csv"
  path.write_text(path.read_text().replace("0.1", "0.9"))  # damaged
  make(material)
  assert calls == [3, 3]
  other = Material(material.bench, material.datasets, {"made": {**TRUTH, "good": 99.0}})
  make(other)
  assert calls == [3, 3, 3]


def test_caption_says_data_models_seeds_and_command(made):
  material, out, _, _ = made
  rows = write.read_rows(
    out / "lead_fig5", json.loads((out / "lead_fig5.json").read_text())["made_of"]
  )
  assert write.origin(rows, material, "python -m x") == (
    "Data: made (30 images, 3 classes). 3 networks: good, fair, poor. Seed 3."
    " Fine-tuning seeds 0, 1. python -m x"
  )


def test_a_figure_that_cannot_be_made_costs_the_others_nothing(
  tiny, tmp_path, monkeypatch, capsys
):
  material = _material(tmp_path, None)
  text = write.make_all(["lead_fig5", "tiny"], material, tmp_path, command="go")
  first, second = text.splitlines()
  assert first.startswith("lead_fig5: skipped, needs the logits of fine-tuned networks")
  assert "--finetuned=FOLDER" in first
  assert second.startswith("tiny: ")
  monkeypatch.setattr(sys.modules[__name__], "measure", failing)
  (tmp_path / "tiny.json").unlink()
  with pytest.raises(InputError, match=r"^tiny: there is a hole in it$"):
    write.make_all(["tiny"], material, tmp_path, command="go")


def test_logits_of_other_images_are_refused(tmp_path):
  _write_logits(tmp_path)
  material = _material(tmp_path, tmp_path)
  path = tmp_path / "logits" / "made" / "fair.1.npz"
  with np.load(path) as held:
    arrays = dict(held)
  np.savez(path, **{**arrays, "train_rows": arrays["train_rows"] + 1})
  with pytest.raises(InputError, match=r"fair\.1\.npz: of other images or classes"):
    material.runs(material.datasets[0])
  path.write_bytes(b"nothing")
  with pytest.raises(InputError, match=r"fair\.1\.npz: cannot be read as logits"):
    material.runs(material.datasets[0])
  with pytest.raises(MissingError, match=r"in .*empty there are none"):
    _material(tmp_path, tmp_path / "empty").runs(material.datasets[0])


@pytest.mark.parametrize(
  ("flag", "message"),
  [
    ("--only=fig4", f"--only=fig4: there are {', '.join(table.FIGURES)}"),
    ("--data=there", "--ground_truth is needed with --data"),
    ("--finetuned=nowhere", "--finetuned=nowhere: has no folder 'logits'"),
    ("--datasets=birds", "--datasets names folders of --data: give that too"),
  ],
)
def test_bad_flags_are_one_line(tmp_path, capsys, flag, message):
  assert script.run(["figures", flag, f"--out={tmp_path}"]) == 2
  assert capsys.readouterr().err == f"experiments.figures: {message}\n"


def test_script_takes_the_digits_where_nothing_is_said(tmp_path, capsys, monkeypatch):
  found = []

  def make_all(names, material, out, *, command, svg):
    found.append((names, material, out, command, svg))
    return "done\n"

  monkeypatch.setattr(write, "make_all", make_all)
  argv = ["figures", "--only=lead_fig4,lead_fig4", "--svg", f"--out={tmp_path}/a"]
  assert script.run([*argv, f"--cache_dir={tmp_path}/cache"]) == 0
  assert capsys.readouterr().out == "done\n"
  ((names, material, out, command, svg),) = found
  assert names == ["lead_fig4"]
  assert svg
  assert out.is_dir()
  assert command.startswith("python -m experiments.figures --only=lead_fig4,lead_fig4")
  assert [dataset.name for dataset in material.datasets] == ["digits"]
  assert len(material.models) == 12
  assert material.truth["digits"]["digits/conv_contrastive"] == 94.83
