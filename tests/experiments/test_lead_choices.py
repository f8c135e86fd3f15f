"""What choices are worth: the nested choice, that nothing is done twice, and the files."""

import csv
import json

import numpy as np
import pytest

from experiments import lead_choices
from experiments.choices import measure, table
from experiments.choices.table import Choice
from lead_jax.dynamics._config import lead_config
from lead_jax.evaluation import score_table
from lead_jax.metrics._table import METRICS

FEW = [
  Choice("paper", table.PUBLISHED, "lead", {"hidden": (8,), "classifier": "lda"}),
  Choice("held_out", table.DEFAULT, "lead_held_out", {"hidden": (8,)}),
  Choice("held_out", "linear", "lead_held_out", {"kernel": "linear"}),
  Choice("baseline", "linear_probe", "linear_probe", {}),
  Choice("baseline", "knn", "knn", {}),
]


def test_every_choice_is_possible_and_named_once():
  found = table.choices(table.BASELINES)
  assert len({choice.name for choice in found}) == len(found)
  for choice in found:
    METRICS[choice.metric].read_options(choice.options)
  by_name = {choice.name: choice for choice in found}
  assert lead_config(**by_name[table.PUBLISHED].options) == lead_config()
  default = METRICS["lead_held_out"].read_options(by_name[table.DEFAULT].options)
  assert default == METRICS["lead_held_out"].read_options({})


def test_nested_choice_never_looks_at_what_it_reports():
  models = [f"m{i}" for i in range(6)]
  truth = {d: dict(zip(models, map(float, range(6)), strict=True)) for d in "xyz"}
  right, wrong = truth["x"], {m: -v for m, v in truth["x"].items()}
  scores = {
    "better": {"x": wrong, "y": right, "z": right},  # the best, but where it is wrong
    "steady": {"x": right, "y": wrong, "z": wrong},
  }
  scores = score_table(scores, truth)
  tau = np.asarray([[-1.0, 1, 1], [1, -1, -1]])
  found = measure.nested(scores, ["better", "steady"], tau)
  assert [(one.choice, one.elsewhere, one.tau) for one in found] == [
    ("better", 1.0, -1.0),
    ("better", 0.0, 1.0),
    ("better", 0.0, 1.0),
  ]
  families = {"held_out": ["better", "steady"], "baseline": ["steady"]}
  means = measure.nested_means(scores, families, samples=50, seed=0)
  assert means["held_out"][:3] == pytest.approx((1 / 3, 1 / 3, 1 / 3))  # all resamples
  assert means["held_out"].difference == pytest.approx(2 / 3)
  assert np.isnan(means["baseline"].difference)


@pytest.fixture
def arguments(tmp_path, monkeypatch):
  """Two data sets of ready images, four tiny networks, and their truth."""
  monkeypatch.setattr(table, "choices", lambda baselines: FEW)
  rng = np.random.default_rng(0)
  names = ["mlp_supervised", "mlp_random", "mlp_denoising", "conv_random"]
  rows = ["model,dataset,accuracy"]
  from PIL import Image

  for dataset in ("birds", "cars"):
    for label in ("a", "b"):
      folder = tmp_path / "data" / dataset / "train" / label
      folder.mkdir(parents=True)
      for i in range(6):
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    rows += [f"digits/{name},{dataset},{90 - i}" for i, name in enumerate(names)]
  (tmp_path / "truth.csv").write_text("\n".join(rows) + "\n")
  return [
    "lead_choices",
    f"--data={tmp_path / 'data'}",
    f"--ground_truth={tmp_path / 'truth.csv'}",
    f"--models={','.join('digits/' + name for name in names)}",
    f"--out={tmp_path / 'out'}",
    f"--cache_dir={tmp_path / 'cache'}",
    "--metrics=linear_probe,knn",
    "--samples=100",
  ]


def test_script_writes_all_and_computes_nothing_twice(
  arguments, tmp_path, capsys, monkeypatch
):
  assert lead_choices.run(arguments) == 0
  first = capsys.readouterr()
  assert "chosen on the other data sets" in first.out
  with (tmp_path / "out" / "lead_choices.csv").open(encoding="utf-8") as file:
    lines = list(csv.DictReader(file))
  assert [line["choice"] for line in lines] == [choice.name for choice in FEW]
  for line in lines:
    mean = (float(line["tau:birds"]) + float(line["tau:cars"])) / 2
    assert float(line["tau"]) == pytest.approx(mean, nan_ok=True)
  assert float(lines[3]["difference"]) == 0  # the family's own reference
  found = json.loads((tmp_path / "out" / "lead_choices.json").read_text())
  assert [one["dataset"] for one in found["nested"]["held_out"]] == ["birds", "cars"]

  def never(*_, **__):
    raise AssertionError("computed again")

  monkeypatch.setattr("lead_jax.metrics.evaluate_metric", never)
  assert lead_choices.run(arguments) == 0
  assert capsys.readouterr().out == first.out


@pytest.mark.parametrize(
  ("flag", "message"),
  [
    ("--families=colours", "--families=colours: there are paper, held_out, baseline"),
    ("--metrics=knn", "--metrics needs linear_probe, which differences are to"),
    (
      "--metrics=lead",
      "--metrics=lead: LEAD is no baseline, its choices are built in",
    ),
  ],
)
def test_bad_flags_are_one_line(arguments, capsys, flag, message):
  assert lead_choices.run([*arguments, flag]) == 2
  assert capsys.readouterr().err == f"experiments.lead_choices: {message}\n"
