"""The table and the progress lines, from a report made by hand."""

import dataclasses
import io
import json
import math

import pytest

from lead_jax.report import _progress as progress, write_pages
from lead_jax.report._bars import Lines, LiveBar
from lead_jax.report._progress import RankProgress
from lead_jax.report._summary import summarise
from lead_jax.report._terminal import bar, render
from lead_jax.results import Plan
from tests.report.reports import asked, full_report, small_report

LONG = "a_network_with_quite_a_long_name_224"


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
  """The small one, with a long name and ground truth."""
  plain = small_report()
  rename = lambda row: dataclasses.replace(
    row, model=LONG if row.model == "strong" else row.model
  )
  return dataclasses.replace(
    asked(plain, ground_truth={"photos": {LONG: 91.25}}),
    models=[rename(row) for row in plain.models],
    scores=[rename(row) for row in plain.scores],
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
  cells = [LONG, "-0.1235", "0.75", "(1)", "91.2", "3.2M", "–", "1024", "0.0", "–"]
  assert body[0].split()[1:] == cells
  cells = ["2", "weak", "-1.5", "0.75", "(1)", "–", "900", "–", "8", "1.0", "–"]
  assert body[1].split() == cells
  assert body[2].split() == ["–", "gone", "failed", "failed", *["–"] * 4, "0.0", "–"]
  assert "gone: failed: gone.onnx: there is no such file" in lines
  assert "knn, weak: tied with strong" in lines
  start = next(i for i, line in enumerate(lines) if line.startswith("Agreement"))
  found = [" ".join(line.split()) for line in lines[start:] if line.startswith("  ")]
  assert "parameters (never looks at the data) 0.750 0.250 -0.750 0.0 2" in found
  assert "lead 0.500 0.250 -0.500 1.2 2" in found
  assert "  knn: none (all predicted scores are tied: they rank nothing)" in lines
  assert "\x1b" not in text


@pytest.mark.parametrize("width", [60, 90])
def test_a_narrow_terminal_loses_columns_and_no_digits(report, width):
  text = render(report, width=width, color=False)
  lines = [line for line in text.splitlines() if "lead-finetune" not in line]
  assert max(len(line) for line in lines) <= width
  table = text[: text.index("lead: lead")]
  assert ("params" in table) == (width == 90)
  joined = "".join(table.split())
  assert "…" not in joined
  for part in ("a_network_with", "-0.1235", "91.2"):
    assert part in joined


def test_forty_columns_can_be_read(report):
  certain = full_report(metrics=2)
  text = render(certain, width=40, color=False)
  table = text[: text.index("lead_held_out: ")]
  assert max(map(len, table.splitlines())) <= 40
  assert "P(best)" not in table
  assert "model " in table
  assert "network_0 " in table  # whole, on one line
  text = render(report, width=40, color=False)
  assert "a_network_wi" in text
  assert max(map(len, text[: text.index("lead: lead")].splitlines())) <= 40


def test_warnings_that_were_seen_are_not_told_again():
  report = full_report(metrics=2)
  assert "warning: mind" in render(report, width=80, color=False)
  assert "mind" not in render(report, width=80, color=False, warnings=False)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_many_metrics_are_all_there(report, width):
  names = ("lead", "lead_normalised", "knn", "linear_probe")
  rows = [
    dataclasses.replace(row, metric=name)
    for row in report.scores
    if row.metric == "knn"
    for name in names
  ]
  wide = dataclasses.replace(asked(report, metrics=list(names)), scores=rows)
  text = render(wide, width=width, color=False)
  table = text[: text.index("lead: lead")]
  assert max(len(line) for line in table.splitlines()) <= width
  for word in ("lead", "normalised", "knn", "probe"):
    assert word in table
  assert table.count("0.75") == 8


def test_intervals_and_what_to_do_next_come_with_the_table():
  report = full_report(metrics=2)
  text = render(report, width=160, color=False)
  first = next(line for line in text.splitlines() if "network_0" in line)
  assert first.split()[:5] == ["1", "1–3", "network_0", "71", "%"]
  ending = text[text.index("Fine-tune network_0 first") :]
  lines = ending.splitlines()
  assert "first in 71 % of the rankings" in ending
  command = summarise(report).next_step.command
  assert lines[-1] == f"  {command}"  # whole, to be copied
  assert "█" not in text


def test_bars_are_for_eyes():
  text = render(full_report(metrics=2), width=160, color=True)
  assert "███▌" in text
  assert "\x1b[36m" in text
  assert [bar(share) for share in (0, 0.025, 0.5, 1, 1.5)] == [
    "     ",
    "▏    ",
    "██▌  ",
    "█████",
    "█████",
  ]


def test_color_is_only_where_asked_for(report):
  assert "\x1b[" in render(report, width=100, color=True)


def test_json_has_no_nan(report, tmp_path):
  rows = [dataclasses.replace(row, details={"x": math.inf}) for row in report.scores]
  report = dataclasses.replace(report, scores=rows)
  write_pages(report, tmp_path)
  content = json.loads((tmp_path / "report.json").read_text())
  assert content["scores"][4]["score"] is None
  assert content["scores"][2]["details"]["x"] == "inf"
  lines = (tmp_path / "scores.csv").read_text().splitlines()
  assert lines[0].startswith("model,metric,score,rank,status")
  assert lines[5].startswith("gone,lead,,,failed: gone.onnx")
  with pytest.raises(KeyError):
    report.score_of("weak", "lda")


@pytest.mark.parametrize("kind", [Lines, LiveBar])
def test_progress(kind, report):
  stream = io.StringIO()
  data = {"name": "digits", "samples": 360, "classes": 5, "split": "test"}
  plan = Plan(data, ["weak", "gone"], ["lead", "knn"])
  with RankProgress(kind(stream)) as progress:
    progress.planned(plan)
    for i, row in enumerate(report.models[::2]):
      progress.started(i, row.model)
      progress.extracting(10, 100)
      progress.scoring("lead")
      progress.finished(row, [s for s in report.scores if s.model == row.model])
    progress.warned("mind the gap")
  text = stream.getvalue()
  assert "Data: digits, 360 images of 5 classes (split: test)" in text
  assert "Models: 2; metrics: lead, knn" in text
  assert "[1/2] weak: features in 0.0 s" in text
  assert "scores in 1.0 s" in text
  assert "[2/2] gone: failed: gone.onnx: there is no such file" in text
  assert "mind the gap" in text


def test_minutes_of_resampling_are_not_the_stores(report):
  row = dataclasses.replace(report.models[0], seconds={"resample": 75.25})
  scores = [dataclasses.replace(s, cached=True) for s in report.scores[:2]]
  line = progress.summary(row, scores)
  assert line == "scores from the store, parts of the images in 75.2 s"
  quick = dataclasses.replace(row, seconds={"resample": 0.25})
  assert progress.summary(quick, scores) == "scores from the store"
  fresh = progress.summary(row, report.scores[:2])
  assert fresh.endswith("scores in 0.0 s, parts of the images in 75.2 s")


def test_a_line_now_and_then_while_it_takes_long():
  stream = io.StringIO()
  progress = RankProgress(Lines(stream, interval=0.0))
  progress.started(0, "slow")
  progress.extracting(64, 1000)
  progress.scoring("knn")
  assert "slow: 64 of 1000 images" in stream.getvalue()
  assert "slow: scoring knn" in stream.getvalue()


@pytest.mark.parametrize("color", [True, False])
def test_names_of_strangers_have_no_colours(report, color):
  """Escape codes are those of the table alone, and a command is one line."""
  evil = "\x1b[8mhid\x1b[31mred\nnext"
  rename = lambda row: dataclasses.replace(
    row, model=evil if row.model == LONG else row.model
  )
  report = dataclasses.replace(
    report,
    models=[rename(row) for row in report.models],
    scores=[rename(row) for row in report.scores],
  )
  text = render(report, width=120, color=color)
  assert "\x1b[8m" not in text
  assert "hid\x1b[31m" not in text
  (command,) = [line for line in text.splitlines() if "lead-finetune" in line]
  assert r"$'--models=\x1b[8mhid\x1b[31mred\x0anext" in command
