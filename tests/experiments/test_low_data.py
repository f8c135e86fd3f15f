"""Draws of a few samples a class, how they are averaged, and that nothing is done twice."""

import csv
import io
import json
import math

import numpy as np
import pytest

from experiments import low_data
from experiments.sensitivity import (
  bench,
  draws,
  low_data as measuring,
  low_data_text,
  rankings,
)
from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.checks._errors import InputError
from lead_jax.data._dataset import Dataset
from lead_jax.evaluation._rank_measures import weighted_kendall
from lead_jax.features._store import FeatureStore
from lead_jax.results import ModelRow, Plan, Report, ScoreRow
from lead_jax.run import _score as scoring

LABELS = np.repeat(np.arange(3), [12, 3, 9]).astype(np.int32)
MODELS = ("a", "b", "c", "d")
TRUTH = {"a": 90.0, "b": 80.0, "c": 70.0, "d": 60.0}


def _dataset(name="birds"):
  return Dataset(name, "train", LABELS, ("x", "y", "z"), fingerprint="ab" * 32)


def _specs():
  """Models whose classes lie the further apart, the more accurate they are."""
  specs = []
  for i, name in enumerate(MODELS):
    rng = np.random.default_rng(i)
    centre = np.zeros((3, 6))
    centre[:, :3] = (4.0 - i) * np.eye(3)
    features = centre[LABELS] + rng.normal(size=(len(LABELS), 6))
    probs = np.eye(5)[rng.integers(0, 5, len(LABELS))]
    ready = ReadyFeatures(name, features.astype(np.float32), None, "", probs)
    specs.append(ModelSpec(name, lambda ready=ready: ready))
  return specs


def _bench(root, metrics=("knn", "feature_norm")):
  lines = bench.Lines(io.StringIO())
  return bench.Bench(_specs(), metrics, FeatureStore(root), lines=lines)


@pytest.fixture
def calls(monkeypatch):
  """Metrics that are computed, as they are."""
  found = []
  evaluate = scoring.metrics.evaluate_metric

  def counted(metric, problem, **options):
    found.append(metric.name)
    return evaluate(metric, problem, **options)

  monkeypatch.setattr(scoring.metrics, "evaluate_metric", counted)
  return found


def test_every_class_gives_as_many_or_all_that_it_has():
  for n, counts in ((2, [2, 2, 2]), (5, [5, 3, 5]), (50, [12, 3, 9])):
    rows = draws.stratified_rows(LABELS, n, 0, dataset="birds")
    assert np.bincount(LABELS[rows]).tolist() == counts
    assert (np.diff(rows) > 0).all()  # none twice


def test_a_draw_hangs_on_its_arguments_alone():
  draw = lambda labels=LABELS, n=5, number=0, dataset="birds", seed=0: tuple(
    draws.stratified_rows(labels, n, number, dataset=dataset, seed=seed)
  )
  assert draw() == draw()
  others = [draw(number=1), draw(dataset="cars"), draw(seed=1)]
  assert len({draw(), *others}) == 4


def test_draws_are_uniform():
  seen = np.zeros(len(LABELS))
  for number in range(2000):
    seen[draws.stratified_rows(LABELS, 2, number, dataset="birds")] += 1
  expected = 2000 * 2 / np.bincount(LABELS)[LABELS]
  # Binomial; five standard deviations.
  assert (np.abs(seen - expected) < 5 * np.sqrt(expected)).all()


def test_a_variant_is_rows_of_everything():
  rows = np.array([0, 5, 13, 20])
  variant = bench.rows_of(_dataset(), rows, "few")
  ready = _specs()[0].load()
  few = variant.alter(ready)
  np.testing.assert_array_equal(few.features, ready.features[rows])
  np.testing.assert_array_equal(few.source_probs, ready.source_probs[rows])
  assert variant.dataset.labels.tolist() == [0, 0, 1, 2]
  other = bench.rows_of(_dataset(), rows[:3], "fewer")
  assert variant.dataset.fingerprint != other.dataset.fingerprint


def _report(**columns):
  """A report of scores made by hand; a text in place of a score is a status."""
  rows = [
    ScoreRow(m, metric, math.nan, None, value)
    if isinstance(value, str)
    else ScoreRow(m, metric, value, None, "ok")
    for metric, values in columns.items()
    for m, value in zip(MODELS, values, strict=True)
  ]
  facts = [ModelRow(m, "ok", num_params=i) for i, m in enumerate(MODELS)]
  return Report(Plan({"name": "birds"}, MODELS, list(columns)), facts, rows)


def test_a_perfect_metric_gives_one_and_ties_give_nothing():
  report = _report(
    perfect=[4.0, 3.0, 2.0, math.inf * -1],
    tied=[1.0] * 4,
    coarse=[1.0, 1.0, 1.0, 0.5],
    failed=[4.0, "failed: too few", 2.0, 1.0],
    unable=[4.0, 3.0, 2.0, "needs source_probs: ..."],
    never=["needs source_probs: ..."] * 4,
  )
  found = {m: rankings.ranking_of(report, m, TRUTH) for m in report.metrics}
  tau = {m: rankings.agreement(ranking, TRUTH) for m, ranking in found.items()}
  assert tau["perfect"] == pytest.approx(1)
  assert math.isnan(tau["tied"])
  assert found["tied"].reason == "all 4 models have the score 1"
  assert found["tied"].tied == 1
  assert found["perfect"].tied == 0
  assert found["coarse"].tied == 0.5  # three pairs of six
  assert math.isnan(tau["failed"])
  assert found["failed"].reason == "1 of 4 models have none: b: failed: too few"
  # No classifier is no failure of the metric: such a model ranks last.
  assert tau["unable"] == pytest.approx(1)
  assert found["never"].reason.startswith("needs source_probs")


def test_random_rankings_are_around_zero():
  mean, std = rankings.random_agreement(TRUTH, np.random.default_rng(0), samples=400)
  assert abs(mean) < 0.15
  assert 0.3 < std < 0.9


def _record(dataset, n, draw, tau, status="ok", tied=0.0):
  return measuring.Record(dataset, n, draw, "m", 6, tau, tied, status)


def _measured():
  """Two data sets; on cars, of the draws of 2, one ranks nothing, and none of 5 does."""
  records = [_record(d, measuring.ALL, 0, 0.9) for d in ("birds", "cars")]
  records += [_record("birds", 2, i, tau) for i, tau in enumerate((0.1, 0.3, 0.5))]
  records += [_record("cars", 2, i, tau) for i, tau in enumerate((0.7, 0.9))]
  records.append(_record("cars", 2, 2, math.nan, "all are 1"))
  for i in range(3):
    records.append(_record("birds", 5, i, -0.25, tied=0.6))
    records.append(_record("cars", 5, i, math.nan, "all are 1"))
  still = {
    "random": {"birds": (0.0, 0.2), "cars": (0.0, 0.1)},
    "some": {"cars": (1, 1)},
  }
  return measuring.Measured(
    records, still, {"birds": 120, "cars": 12}, {"birds": TRUTH, "cars": TRUTH}
  )


def test_draws_are_averaged_then_data_sets():
  table = measuring.tabulate(_measured())
  assert table.sizes == [2, 5, measuring.ALL]
  assert table.columns == ["100+", "10-99", "Avg", "birds", "cars"]
  two = table.cells["m"][2]
  assert two["birds"][:4] == pytest.approx((0.3, 0.2, 3, 3))
  assert two["cars"].tau == pytest.approx(0.8)
  assert (two["cars"].valid, two["cars"].draws) == (2, 3)
  assert two["100+"] == two["birds"]._replace(std=pytest.approx(0.2))
  assert two["Avg"].tau == pytest.approx(0.55)
  assert two["Avg"].std == pytest.approx(math.hypot(0.2, math.sqrt(0.02)) / 2)
  assert two["Avg"].reason == "cars: all are 1"
  assert math.isnan(table.cells["m"][5]["Avg"].tau)
  assert table.cells["m"][5]["100+"].tau == -0.25
  assert table.cells["random"][measuring.ALL]["Avg"].std == pytest.approx(
    math.hypot(0.2, 0.1) / 2
  )
  assert "some" not in table.cells  # it knows one data set of two


def test_numbers_are_short():
  shown = [low_data_text._plain(v) for v in (0.123, -0.5, -0.001, 1.0, -0.998)]
  assert shown == [".12", "-.50", ".00", "1.00", "-1.00"]


@pytest.mark.parametrize(
  ("classes", "name"),
  [(2, "under 10"), (9, "under 10"), (10, "10-99"), (99, "10-99"), (100, "100+")],
)
def test_groups(classes, name):
  assert measuring.group_of(classes) == name


def test_what_is_written():
  measured = _measured()
  table = measuring.tabulate(measured)
  lines = low_data_text.as_text(measured, table).splitlines()
  row = next(line for line in lines if line.startswith("m "))
  cells = row.split()
  assert cells[:4] == ["m", ".30±.20", ".80±.14'", ".55±.12'"]
  assert cells[4:7] == ["-.25±.00~", "–", "–"]
  assert cells[7:] == [".90", ".90", ".90"]
  assert "m, cars, N/K = 2: 2 of 3 draws rank; all are 1" in lines
  assert "m, birds, N/K = 5: 60% of the pairs of models have one score" in lines
  written = list(csv.DictReader(io.StringIO(low_data_text.as_csv(measured))))
  assert list(written[0])[:4] == ["dataset", "per_class", "draw", "metric"]
  assert {line["per_class"] for line in written} == {"2", "5", "all"}
  assert [line["status"] for line in written if not line["tau"]] == ["all are 1"] * 4
  whole = json.dumps(low_data_text.as_json(measured, table, {}), allow_nan=False)
  assert json.loads(whole)["cells"]["m"]["5"]["cars"]["tau"] is None


def test_a_small_run_and_that_nothing_is_computed_twice(tmp_path, calls, monkeypatch):
  datasets, truth = [_dataset()], {"birds": TRUTH}
  run = lambda: measuring.measure(
    _bench(tmp_path), datasets, truth, per_class=[2, 3], draws=2
  )
  altered = bench.Bench.altered

  def interrupted(self, outputs, variants):
    if len(variants[0].dataset) == 9:  # the second size
      raise KeyboardInterrupt
    return altered(self, outputs, variants)

  with monkeypatch.context() as patched:
    patched.setattr(bench.Bench, "altered", interrupted)
    with pytest.raises(KeyboardInterrupt):
      run()
  assert len(calls) == 2 * 4 * (1 + 2)  # metrics, models, whole and draws
  first = run()
  assert len(calls) == 2 * 4 * (1 + 2 + 2)
  assert run() == first
  assert len(calls) == 2 * 4 * (1 + 2 + 2)
  assert [r.samples for r in first.records if r.metric == "knn"] == [24, 6, 6, 9, 9]
  assert first.records[0].tau > 0.9  # further apart, better
  assert first.classes == {"birds": 3}
  _, outputs = _bench(tmp_path).whole(datasets[0])
  rows = draws.stratified_rows(LABELS, 2, 1, dataset="birds")
  by_hand = [np.square(ready.features[rows]).sum(1).mean() for ready in outputs]
  found = [r.tau for r in first.records if r[1:4] == (2, 1, "feature_norm")]
  assert found == [pytest.approx(weighted_kendall(by_hand, list(TRUTH.values())))]


def test_a_model_that_cannot_be_read_is_an_error(tmp_path):
  def load():
    raise InputError("weights are not there")

  broken = bench.Bench([ModelSpec("a", load)], ["knn"], FeatureStore(tmp_path))
  with pytest.raises(InputError, match="'a' on birds: weights are not there"):
    broken.whole(_dataset())


def test_a_truth_that_ranks_nothing_is_an_error(tmp_path):
  models = _bench(tmp_path)
  with pytest.raises(InputError, match="knows 1 of the 4 models on birds"):
    bench.known_models(models, "birds", {"a": 90.0, "other": 80.0})
  with pytest.raises(InputError, match="all 4 models have the same accuracy on birds"):
    bench.known_models(models, "birds", dict.fromkeys(MODELS, 90.0))


@pytest.fixture
def digits(tmp_path):
  """Flags of a run of three bundled networks on a few noisy images of two classes."""
  from PIL import Image

  rng = np.random.default_rng(0)
  for name, mean in (("dark", 60), ("light", 180)):
    folder = tmp_path / "data" / "birds" / "train" / name
    folder.mkdir(parents=True)
    for i in range(4):
      pixels = np.clip(rng.normal(mean, 60, (8, 8)), 0, 255).astype(np.uint8)
      Image.fromarray(pixels).save(folder / f"{i}.png")
  names = ["digits/mlp_supervised", "digits/mlp_denoising", "digits/mlp_random"]
  truth = tmp_path / "truth.csv"
  lines = [f"{name},birds,{50 + i}" for i, name in enumerate(names)]
  truth.write_text("\n".join(["model,dataset,accuracy", *lines]) + "\n")
  return [
    f"--models={','.join(names)}",
    f"--data={tmp_path / 'data'}",
    f"--ground_truth={truth}",
    f"--out={tmp_path / 'out'}",
    f"--cache_dir={tmp_path / 'cache'}",
    "--metrics=knn,feature_norm",
  ]


def test_the_command(digits, tmp_path, capsys):
  arguments = ["low_data", *digits, "--per_class=2,3", "--draws=2"]
  assert low_data.run(arguments) == 0
  first = capsys.readouterr()
  assert "birds 2 classes, 3 models." in first.out
  assert "feature_norm" in first.out
  assert low_data.run(arguments) == 0
  again = capsys.readouterr()
  assert again.out == first.out
  assert ", 0 s" in again.err
  assert "4 scores, 4 of them from the store" in again.err
  names = {path.name for path in (tmp_path / "out").iterdir()}
  assert names == {"low_data.csv", "low_data.json", "low_data.txt"}
  content = json.loads((tmp_path / "out" / "low_data.json").read_text())
  assert content["config"]["per_class"] == [2, 3]


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--models="], "--zoo or --models is needed"),
    (["--data="], "--data is needed"),
    (["--ground_truth=none.csv"], "none.csv: there is no such file"),
    (["--datasets=cars"], "the ground truth has no data set 'cars': birds"),
    (["--per_class=2,many"], "--per_class=2,many: give whole numbers above 0"),
    (["--per_class=0"], "--per_class=0: give whole numbers above 0"),
    (["--draws=0"], "flag --draws=0"),
    (["--metrics=lda"], "there is no metric 'lda'"),
    (["--models=nobody"], "there is no model 'nobody'"),
    (["extra"], "unknown argument 'extra'"),
    (["--nothing"], "Unknown command line flag 'nothing'"),
  ],
)
def test_what_is_wrong_is_one_line(digits, capsys, arguments, message):
  assert low_data.run(["low_data", *digits, *arguments]) == 2
  error = capsys.readouterr().err
  assert message in error
  assert error.startswith("experiments.low_data: ")
  assert error.count("\n") == 1
