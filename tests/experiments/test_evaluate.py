"""How well metrics rank, from scores made by hand and from a small real run."""

import csv
import io
import json
import math
import shutil

import numpy as np
import pytest

from experiments import evaluate
from experiments.evaluation import collect, summary
from lead_jax.errors import InputError
from lead_jax.evaluation import weighted_kendall
from lead_jax.results import ModelRow, Report, ScoreRow

MODELS = [f"m{i}" for i in range(8)]


def _report(dataset, truth):
  """A perfect metric, a reversed one, one that failed once, and one that has no score."""
  rng = np.random.default_rng(len(dataset))
  columns = {
    "knn": [truth[m] for m in MODELS],
    "lead": [-truth[m] for m in MODELS],
    "logme": [math.nan, *rng.normal(size=7)],
    "rsa": [math.nan] * 8,
  }
  rows = [
    ScoreRow(model, metric, value, None, "ok", seconds=0.5)
    for metric, values in columns.items()
    for model, value in zip(MODELS, values, strict=True)
  ]
  facts = [
    ModelRow(
      model,
      "ok",
      num_params=i,
      seconds={"extract": 2.0},
      peak_memory_mib={"score": 9.0},
    )
    for i, model in enumerate(MODELS)
  ]
  return Report(
    dataset={"name": dataset},
    config={},
    environment={},
    metrics=list(columns),
    models=facts,
    scores=rows,
  )


@pytest.fixture
def found():
  rng = np.random.default_rng(0)
  truth = {
    name: dict(zip(MODELS, map(float, rng.permutation(8)), strict=True))
    for name in ("birds", "flowers")
  }
  return collect.of_reports({name: _report(name, truth[name]) for name in truth}, truth)


def test_known_answers(found):
  result = summary.summarise(found, baseline="knn", noise=0.5, samples=500)
  rows = {row.method: row for row in result.rows}
  assert result.rows[0].method == "knn"
  assert rows["knn"].tau == pytest.approx(1)
  assert (rows["knn"].low, rows["knn"].high) == pytest.approx((1, 1))
  assert rows["knn"].difference == 0
  assert rows["knn"].regret == 0
  assert rows["knn"].p == pytest.approx(1 / 40320)  # all orders of 8 models
  assert rows["lead"].tau == pytest.approx(-1)
  assert rows["lead"].difference == pytest.approx(-2)
  assert rows["lead"].p_holm == 1
  assert rows["lead"].worst_without_a_model == pytest.approx(-1)
  assert rows["logme"].failures == 2
  assert rows["rsa"].place is None
  assert "birds: " in rows["rsa"].reason
  assert rows["knn"].seconds == pytest.approx(8)
  assert found.extract_seconds == pytest.approx(32)
  low, middle, high = result.chance
  assert low < -0.3 < middle < 0.3 < high
  assert 0.7 < result.ceiling < 1


def test_rankings_that_never_look_stand_beside_the_metrics(found):
  result = summary.summarise(found, baseline="knn", samples=200)
  rows = {row.method: row for row in result.rows}
  assert not rows["parameters"].looks
  taus = [
    weighted_kendall(np.arange(8), found.table.truth[d])
    for d in range(len(found.table.datasets))
  ]
  assert rows["parameters"].tau == pytest.approx(np.mean(taus))
  assert rows["parameters"].seconds is None
  assert "mean rank on other data sets" in rows
  assert result.ceiling is None
  assert summary.summarise(found, baseline="knn", samples=200).rows[0] == result.rows[0]


def test_what_is_written(found):
  result = summary.summarise(found, baseline="knn", samples=200)
  text = summary.as_text(result, found)
  assert text.splitlines()[1].split()[:3] == ["1", "knn", "1.000"]
  assert "parameters *" in text
  assert "rsa: no mean: birds: " in text
  lines = list(csv.DictReader(io.StringIO(summary.as_csv(result))))
  assert [line["method"] for line in lines] == [row.method for row in result.rows]
  assert float(lines[0]["tau:birds"]) == pytest.approx(1)
  whole = json.dumps(summary.as_json(result, found), allow_nan=False)
  assert json.loads(whole)["rows"][-1]["tau"] is None


def test_data_sets_are_those_that_the_truth_knows(tmp_path):
  for name in ("birds", "other"):
    (tmp_path / name).mkdir()
  truth = {"birds": {}, "flowers": {}}
  assert collect.data_folders(tmp_path, truth, []) == [tmp_path / "birds"]
  with pytest.raises(InputError, match="has no data set 'other': birds, flowers"):
    collect.data_folders(tmp_path, truth, ["other"])
  with pytest.raises(InputError, match="there is no such folder"):
    collect.data_folders(tmp_path, truth, ["flowers"])
  with pytest.raises(InputError, match="no folder named as a data set"):
    collect.data_folders(tmp_path, {"cars": {}}, [])


def test_too_few_known_models_is_an_error():
  truth = {"birds": {"m0": 1.0}}
  full = {m: float(i) for i, m in enumerate(MODELS)}
  with pytest.raises(InputError, match="knows 1 of the 8 models on birds"):
    collect.of_reports({"birds": _report("birds", full)}, truth)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "--zoo is needed"),
    (["--zoo=z", "--data=d", "--ground_truth=none.csv"], "none.csv: No such file"),
    (["extra"], "unknown argument 'extra'"),
    (["--samples=3"], "flag --samples=3"),
    (["--nothing"], "Unknown command line flag 'nothing'"),
  ],
)
def test_what_is_wrong_is_one_line(capsys, arguments, message):
  evaluate.FLAGS.unparse_flags()
  for name in ("zoo", "data", "ground_truth"):
    evaluate.FLAGS[name].unparse()
  assert evaluate.run(["evaluate", *arguments]) == 2
  error = capsys.readouterr().err
  assert message in error
  assert error.count("\n") == 1


def test_a_wrong_baseline_is_found_before_any_work(capsys, tmp_path):
  (tmp_path / "birds").mkdir()
  truth = tmp_path / "truth.csv"
  truth.write_text("model,dataset,accuracy\na,birds,50\nb,birds,60\n")
  arguments = [
    f"--data={tmp_path}",
    f"--ground_truth={truth}",
    "--zoo=not_looked_at.json",
  ]
  named = ["--metrics=knn", "--baseline=lda"]
  assert evaluate.run(["evaluate", *arguments, *named]) == 2
  assert "--baseline=lda is none of knn, parameters, " in capsys.readouterr().err


def test_a_small_real_run(shared, tmp_path, capsys):
  zoo = shared / "realzoo"
  if not zoo.is_dir():
    pytest.skip("../shared/realzoo is not there")
  for name in ("flowers5", "eurosat10"):
    for folder in sorted((zoo / "data" / name / "train").iterdir()):
      to = tmp_path / "data" / name / "train" / folder.name
      to.mkdir(parents=True)
      for file in sorted(folder.iterdir())[:4]:
        shutil.copy(file, to)
  arguments = [
    "evaluate",
    f"--zoo={zoo / 'zoo.json'}",
    f"--data={tmp_path / 'data'}",
    f"--ground_truth={zoo / 'ground_truth.csv'}",
    f"--out={tmp_path / 'out'}",
    f"--cache_dir={tmp_path / 'cache'}",
    "--models=resnet8_cifar10_mlperf,mbv1_025_96_vww_mlperf,mbv1_025_128_in1k",
    "--metrics=knn,feature_norm",
    "--baseline=knn",
    "--samples=200",
  ]
  assert evaluate.run(arguments) == 0
  first = capsys.readouterr()
  assert "Models: eurosat10 3, flowers5 3." in first.out
  assert evaluate.run(arguments) == 0
  again = capsys.readouterr()
  assert again.out == first.out
  assert again.err.count(": scores from the store") == 6
  names = {path.name for path in (tmp_path / "out").iterdir()}
  assert names >= {"evaluation.csv", "evaluation.json", "evaluation.txt", "flowers5"}
