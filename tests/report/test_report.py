"""The table and the progress lines, from a report made by hand."""

import dataclasses
import io
import json
import math

import pytest

from lead_jax.data import load_digits_dataset
from lead_jax.ranking import Plan
from lead_jax.report import LiveProgress, PlainProgress, render
from lead_jax.results import ModelRow, Report, ScoreRow


def _agreement(tau, regret):
  return {
    "models": 2,
    "weighted_kendall": tau,
    "weighted_kendall_paper": 0.25,
    "kendall": -tau,
    "regret_at_1": regret,
  }


@pytest.fixture
def report():
  long_name = "a_network_with_quite_a_long_name_224"
  models = [
    ModelRow("weak", "ok", num_params=900, feature_dim=8, seconds={"score": 1.0}),
    ModelRow(long_name, "ok", num_params=3_200_000, feature_dim=1024),
    ModelRow("gone", "failed: gone.onnx: there is no such file"),
  ]
  scores = [
    ScoreRow("weak", "lead", -1.5, 2, "ok"),
    ScoreRow("weak", "knn", 0.75, 1, f"tied with {long_name}"),
    ScoreRow(long_name, "lead", -0.123456, 1, "ok", details={"x": math.inf}),
    ScoreRow(long_name, "knn", 0.75, 1, "tied with weak"),
    ScoreRow("gone", "lead", math.nan, None, models[2].status),
    ScoreRow("gone", "knn", math.nan, None, models[2].status),
  ]
  return Report(
    dataset={"name": "photos"},
    config={},
    environment={},
    metrics=["lead", "knn"],
    models=models,
    scores=scores,
    ground_truth={long_name: 91.25},
    agreement={
      "lead": _agreement(0.5, 1.25),
      "knn": {"models": 2, "error": "all predicted scores are tied: they rank nothing"},
    },
    static_agreement={"parameters": _agreement(0.75, 0.0)},
  )


def test_the_table_says_everything(report):
  text = render(report, width=160, color=False)
  lines = text.splitlines()
  body = [line for line in lines if line.strip()[:1] in ("1", "2", "–")]
  assert [line.split()[0] for line in body] == ["1", "2", "–"]
  assert body[0].split()[1:] == [
    "a_network_with_quite_a_long_name_224",
    "-0.1235",
    "0.75",
    "(1)",
    "91.2",
    "3.2M",
    "1024",
    "0.0",
  ]
  assert body[1].split() == ["2", "weak", "-1.5", "0.75", "(1)", "–", "900", "8", "1.0"]
  assert body[2].split() == ["–", "gone", "failed", "failed", "–", "–", "–", "0.0"]
  assert "gone: failed: gone.onnx: there is no such file" in lines
  assert "knn, weak: tied with a_network_with_quite_a_long_name_224" in lines
  start = next(i for i, line in enumerate(lines) if line.startswith("Agreement"))
  found = [" ".join(line.split()) for line in lines[start:] if line.startswith("  ")]
  assert found[-3:-1] == [
    "parameters (never looks at the data) 0.750 0.250 -0.750 0.0 2",
    "lead 0.500 0.250 -0.500 1.2 2",
  ]
  assert "  knn: none (all predicted scores are tied: they rank nothing)" in lines
  assert "\x1b" not in text


@pytest.mark.parametrize("width", [60, 90])
def test_a_narrow_terminal_loses_columns_and_no_digits(report, width):
  text = render(report, width=width, color=False)
  assert max(len(line) for line in text.splitlines()) <= width
  assert ("params" in text) == (width == 90)
  joined = "".join(text.split())
  assert "…" not in joined
  for part in ("a_network_with", "-0.1235", "91.2"):
    assert part in joined


@pytest.mark.parametrize("width", [60, 80, 100])
def test_many_metrics_are_all_there(report, width):
  names = ("lead", "lead_normalised", "knn", "linear_probe")
  rows = [
    dataclasses.replace(row, metric=name)
    for row in report.scores
    if row.metric == "knn"
    for name in names
  ]
  wide = dataclasses.replace(report, metrics=list(names), scores=rows)
  text = render(wide, width=width, color=False)
  assert max(len(line) for line in text.splitlines()) <= width
  table = text[: text.index("lead: LEAD")]
  for word in ("lead", "normalised", "knn", "probe"):
    assert word in table
  assert table.count("0.75") == 8


def test_color_is_only_where_asked_for(report):
  assert "\x1b[" in render(report, width=100, color=True)


def test_json_has_no_nan(report, tmp_path):
  report.to_json(tmp_path / "report.json")
  content = json.loads((tmp_path / "report.json").read_text())
  assert content["scores"][4]["score"] is None
  assert content["scores"][2]["details"]["x"] == "inf"
  report.to_csv(tmp_path / "scores.csv")
  lines = (tmp_path / "scores.csv").read_text().splitlines()
  assert lines[0].startswith("model,metric,score,rank,status")
  assert lines[5].startswith("gone,lead,,,failed: gone.onnx")
  with pytest.raises(KeyError):
    report.score_of("weak", "lda")


@pytest.mark.parametrize("kind", [PlainProgress, LiveProgress])
def test_progress(kind, report, tmp_path):
  stream = io.StringIO()
  plan = Plan(load_digits_dataset("test"), [None] * 2, ["lead", "knn"], tmp_path, None)
  with kind(stream) as progress:
    progress.planned(plan)
    for i, row in enumerate(report.models[::2]):
      progress.started(i, row.model)
      progress.extracting(10, 100)
      progress.scoring("lead")
      progress.finished(row, [s for s in report.scores if s.model == row.model])
    progress.warned("mind the gap")
  text = stream.getvalue()
  assert "Data: digits, 360 samples of 5 classes (split: test)" in text
  assert "nothing is written" in text
  assert "[1/2] weak: features in 0.0 s" in text
  assert "scores in 1.0 s" in text
  assert "[2/2] gone: failed: gone.onnx: there is no such file" in text
  assert "mind the gap" in text


def test_a_line_now_and_then_while_it_takes_long():
  stream = io.StringIO()
  progress = PlainProgress(stream, interval=0.0)
  progress.started(0, "slow")
  progress.extracting(64, 1000)
  progress.scoring("knn")
  assert "slow: 64 of 1000 images" in stream.getvalue()
  assert "slow: scoring knn" in stream.getvalue()
