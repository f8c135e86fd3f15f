"""Rankings under features times a number: which move, and that the rest do not."""

import csv
import io
import json
import math

import numpy as np
import pytest

from experiments import feature_scale
from experiments.sensitivity import bench, feature_scale as measuring
from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.data._dataset import Dataset
from lead_jax.features._store import FeatureStore
from lead_jax.run import _score as scoring

LABELS = np.repeat(np.arange(3), 8).astype(np.int32)
TRUTH = {"a": 90.0, "b": 80.0, "c": 70.0, "d": 60.0}

# The truly worse, the larger and the narrower. Of unit root mean square, the mean squared
# norm is the width: taking the scales away must reverse what norms say.
SCALES = {"a": 0.5, "b": 1.0, "c": 3.0, "d": 9.0}
WIDTHS = {"a": 9, "b": 8, "c": 7, "d": 6}


def _dataset():
  return Dataset("birds", "train", LABELS, ("x", "y", "z"), fingerprint="ab" * 32)


def _bench(root, metrics=("knn", "feature_norm")):
  specs = []
  for i, (name, scale) in enumerate(SCALES.items()):
    centre = (4.0 - i) * np.eye(3, WIDTHS[name])
    noise = np.random.default_rng(i).normal(size=(len(LABELS), WIDTHS[name]))
    features = (centre[LABELS] + noise) * scale
    ready = ReadyFeatures(name, features.astype(np.float32), None, "")
    specs.append(ModelSpec(name, lambda ready=ready: ready))
  lines = bench.Lines(io.StringIO())
  return bench.Bench(specs, metrics, FeatureStore(root), lines=lines)


def _measure(root, **options):
  return measuring.measure(
    _bench(root, **options), [_dataset()], {"birds": TRUTH}, factors=[0.01, 100.0]
  )


def test_a_ranking_without_scale_stays_and_that_by_norm_moves(tmp_path):
  measured = _measure(tmp_path)
  found = {(r.metric, r.condition): r for r in measured.records}
  assert measured.conditions == ["as it is", "x 0.01", "x 100", "unit rms"]
  for condition in measured.conditions:
    assert found["knn", condition].kept == pytest.approx(1)
    assert found["knn", condition].tau == found["knn", "as it is"].tau
  # One number for all leaves the order of norms as it is; one for each does not.
  assert found["feature_norm", "as it is"].tau == pytest.approx(-1)
  assert found["feature_norm", "x 100"].kept == pytest.approx(1)
  assert found["feature_norm", "unit rms"].kept == pytest.approx(-1)
  assert found["feature_norm", "unit rms"].tau == pytest.approx(1)
  for name, scale in measured.scales["birds"].items():
    assert scale == pytest.approx(
      np.sqrt(np.mean(np.square(_feature_of(tmp_path, name)))), rel=1e-6
    )


def _feature_of(root, name):
  specs = {spec.name: spec for spec in _bench(root).models}
  return specs[name].load().features


def test_features_of_unit_scale():
  features = np.arange(12, dtype=np.float32).reshape(4, 3)
  variant = bench.scaled_by(
    _dataset(), lambda x: 1 / measuring.root_mean_square(x), "unit rms"
  )
  scaled = variant.alter(ReadyFeatures("a", features, None, "")).features
  assert scaled.dtype == np.float32
  assert np.sqrt(np.mean(np.square(scaled))) == pytest.approx(1)
  np.testing.assert_allclose(
    scaled * features[1, 0], features * scaled[1, 0], rtol=1e-6
  )


def test_features_that_are_all_zero_do_not_end_the_run(tmp_path):
  models = _bench(tmp_path, metrics=("feature_norm",))
  zero = ReadyFeatures("a", np.zeros((len(LABELS), 6), np.float32), None, "")
  models.models[0] = ModelSpec("a", lambda: zero)
  measured = measuring.measure(models, [_dataset()], {"birds": TRUTH}, factors=[2.0])
  assert measured.scales["birds"]["a"] == 0
  assert all(r.status == "ok" for r in measured.records if r.condition == "x 2")


def test_nothing_is_computed_twice(tmp_path, monkeypatch):
  calls = []
  evaluate = scoring.metrics.evaluate_metric

  def counted(metric, problem, **options):
    if len(calls) == 11:
      calls.append("interrupted")
      raise KeyboardInterrupt
    calls.append(metric.name)
    return evaluate(metric, problem, **options)

  monkeypatch.setattr(scoring.metrics, "evaluate_metric", counted)
  with pytest.raises(KeyboardInterrupt):
    _measure(tmp_path)
  first = _measure(tmp_path)
  count = 2 * 4 * 4  # metrics, models, conditions
  assert len(calls) == count + 1
  assert _measure(tmp_path) == first
  assert len(calls) == count + 1


def _by_hand():
  records = [
    measuring.Record("birds", "as it is", "m", 0.5, 1.0, "ok"),
    measuring.Record("birds", "unit rms", "m", 0.3, 0.25, "ok"),
    measuring.Record("cars", "as it is", "m", 0.7, 1.0, "ok"),
    measuring.Record("cars", "unit rms", "m", math.nan, math.nan, "all are 1"),
  ]
  scales = {"birds": {"a": 0.5, "b": 20.0}, "cars": {"a": 1.0, "b": 1.0}}
  return measuring.Measured(records, ["as it is", "unit rms"], scales)


def test_means_over_data_sets():
  line = measuring.means(_by_hand(), ["birds", "cars"])["m"]
  assert line.tau["as it is"] == pytest.approx(0.6)
  assert math.isnan(line.tau["unit rms"])
  assert math.isnan(line.kept["unit rms"])
  assert measuring.means(_by_hand(), ["birds"])["m"].kept == {"unit rms": 0.25}


def test_what_is_written():
  lines = measuring.as_text(_by_hand()).splitlines()
  assert lines[1].split() == ["m", "0.600", "–", "–"]
  assert ["m", "0.500", "0.300", "0.250"] in [line.split() for line in lines]
  assert "birds: root mean squares of the features from 0.5 to 20." in lines
  assert lines[-1] == "m, cars, unit rms: all are 1"
  written = list(csv.DictReader(io.StringIO(measuring.as_csv(_by_hand()))))
  assert [line["tau"] for line in written] == ["0.5", "0.3", "0.7", ""]
  whole = json.dumps(measuring.as_json(_by_hand(), {}), allow_nan=False)
  assert json.loads(whole)["means"]["m"]["tau"] == {"as it is": 0.6, "unit rms": None}


@pytest.fixture
def digits(tmp_path):
  """Flags of a run of two bundled networks on a few noisy images of two classes."""
  from PIL import Image

  rng = np.random.default_rng(0)
  for dataset in ("birds", "cars"):
    for name, mean in (("dark", 60), ("light", 180)):
      folder = tmp_path / "data" / dataset / "train" / name
      folder.mkdir(parents=True)
      for i in range(3):
        pixels = np.clip(rng.normal(mean, 60, (8, 8)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
  names = ["digits/mlp_supervised", "digits/mlp_random"]
  truth = tmp_path / "truth.csv"
  lines = [f"{m},{d},{len(m)}" for m in names for d in ("cars", "birds")]
  truth.write_text("\n".join(["model,dataset,accuracy", *lines]) + "\n")
  return [
    f"--models={','.join(names)}",
    f"--data={tmp_path / 'data'}",
    f"--ground_truth={truth}",
    f"--out={tmp_path / 'out'}",
    f"--cache_dir={tmp_path / 'cache'}",
    "--metrics=feature_norm",
  ]


def test_the_command(digits, tmp_path, capsys):
  arguments = ["feature_scale", *digits, "--factors=4"]
  assert feature_scale.run(arguments) == 0
  first = capsys.readouterr()
  assert first.out.startswith("cars ")  # the first of the truth, alone
  assert "birds" not in first.out
  assert "tau x 4" in first.out
  assert feature_scale.run([*arguments, "--datasets=birds,cars"]) == 0
  both = capsys.readouterr()
  assert both.out.startswith("mean of 2 ")
  assert "cars, digits/mlp_random: 1 scores, 1 of them from the store" in both.err
  names = {path.name for path in (tmp_path / "out").iterdir()}
  stem = "feature_scale"
  assert names == {f"{stem}.csv", f"{stem}.json", f"{stem}.txt"}


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--factors=0"], "--factors=0: give numbers above 0"),
    (["--factors=2,large"], "--factors=2,large: give numbers above 0"),
    (["--factors=inf"], "--factors=inf: give numbers above 0"),
    (["--data=none"], "none: there is no such folder"),
    (["--draws=2"], "Unknown command line flag 'draws'"),
  ],
)
def test_what_is_wrong_is_one_line(digits, capsys, arguments, message):
  assert feature_scale.run(["feature_scale", *digits, *arguments]) == 2
  error = capsys.readouterr().err
  assert message in error
  assert error.startswith("experiments.feature_scale: ")
  assert error.count("\n") == 1
