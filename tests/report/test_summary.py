"""The summary: every sentence and number follows from the report."""

import dataclasses
import math
import shlex

import pytest

from lead_jax.literature import read_evidence
from lead_jax.report._summary import summarise
from lead_jax.report._words import plain
from lead_jax.results._report import Certainty, ModelRow, ScoreRow
from tests.report.reports import GONE, PLAIN, asked, full_report, small_report


@pytest.fixture(scope="module")
def full():
  return full_report()


def test_the_recommendation_says_how_sure_it_is(full):
  said = summarise(full).recommendation
  sentence = plain(said.sentence)
  start = "Fine-tune network_0 first: lead_held_out ranks it ahead of 13 other models"
  assert sentence.startswith(start)
  assert "it would stay first in 71 % of the rankings on other images" in sentence
  assert "(95 %), the data cannot tell it from network_1 and network_2." in sentence
  assert "network_0 reaches 92.6 %, 2.4 points less than the best" in plain(said.truth)
  anchors = plain(said.anchors)
  for metric in ("linear_probe", "knn", "nearest_centroid"):
    assert f"{100 * full.score_of(PLAIN[0], metric).score:.1f} %" in anchors


def test_the_evidence_is_quoted_with_what_it_was_measured_on(full):
  measured = read_evidence()["lead_held_out"]
  text = plain(summarise(full).recommendation.evidence)
  assert f"on {measured.networks} real models" in text
  assert f"lost {measured.regret_1:.1f} accuracy points" in text
  assert "eurosat10, flowers5 and grocery43 (1,425 to 2,000 images)" in text
  low, high = f"{measured.tau_low:.2f}", f"{measured.tau_high:.2f}"
  assert f"τ {measured.tau:.2f} (95 % {low} to {high})" in text
  assert measured.note in text
  assert "your data set is one" not in text
  here = asked(full, dataset={**full.dataset, "name": "flowers5"})
  assert "your data set is one" in plain(summarise(here).recommendation.evidence)


def test_a_metric_no_better_than_chance_is_called_that(full):
  report = dataclasses.replace(asked(full, metrics=["lead", "knn"]), certainty=None)
  text = plain(summarise(report).recommendation.evidence)
  assert "which chance reaches too" in text
  assert "this run has others" in text  # an option is set
  unknown = asked(full, metrics=["dds", "knn"])
  assert "was not measured" in plain(summarise(unknown).recommendation.evidence)


def test_rows_hold_the_numbers_of_the_report(full):
  summary = summarise(full)
  assert [row.model for row in summary.rows][: len(PLAIN)] == list(PLAIN)
  first, last = summary.rows[0], summary.rows[-1]
  sure = full.certainty.models[0]
  assert (first.rank, first.ranks) == (1, (sure.rank_low, sure.rank_high))
  assert first.scores == (sure.score_low, sure.score_high)
  assert (first.p_best, first.group, first.truth) == (
    sure.p_best,
    1,
    full.ground_truth[PLAIN[0]],
  )
  assert first.knn == 100 * full.score_of(PLAIN[0], "knn").score
  assert first.seconds == 2.5  # parts of a stage are not counted again
  assert summary.seconds_whole
  assert (last.model, last.rank, last.score) == (GONE, None, None)
  assert last.failure.startswith("failed: <b>")
  lacking = first.cells[4]
  assert lacking.score is None
  assert lacking.lacks
  assert not last.cells[4].lacks


def test_without_certainty_nothing_is_claimed(full):
  for certainty, reason in (
    (None, "were not resampled"),
    (Certainty("lead_held_out", reason="a class has 3 images"), "a class has 3 images"),
  ):
    summary = summarise(dataclasses.replace(full, certainty=certainty))
    assert reason in summary.certainty
    assert summary.groups == []
    assert summary.draws == 0
    assert all(row.p_best is None and row.group is None for row in summary.rows)
    sentence = plain(summary.recommendation.sentence)
    assert "was not measured" in sentence
    assert certainty is None or f"({reason})." in sentence


def test_the_next_step_is_a_command_that_fits(full):
  step = summarise(full).next_step
  words = shlex.split(step.command)
  assert words[:2] == ["lead-finetune", "photos/"]
  assert set(words[2:]) == {
    "--models=network_0,network_1,network_2",
    "--zoo=zoo.json",
    "--weights_dir=w",
  }


@pytest.mark.parametrize(
  ("request_", "expected"),
  [
    (
      {"dataset": "digits"},
      "lead-finetune digits --models=network_0,network_1,network_2",
    ),
    (
      {
        "dataset": "photos",
        "zoo": "my.json",
        "models": ["network_0=a.pth", "network_1"],
      },
      "lead-finetune photos --models=network_0=a.pth,network_1,network_2 --zoo=my.json",
    ),
    (
      {"dataset": "tfds:x", "data_dir": "d", "check_weights": False, "download": False},
      "lead-finetune tfds:x --models=network_0,network_1,network_2 --data_dir=d "
      "--nodownload --nocheck_weights",
    ),
    (
      {"dataset": "my photos", "cache_dir": "/c d", "models": None},
      "lead-finetune 'my photos' --models=network_0,network_1,network_2 "
      "'--cache_dir=/c d'",
    ),
  ],
)
def test_the_next_command_is_in_the_words_of_the_request(full, request_, expected):
  plan = dataclasses.replace(full.plan, request=request_)
  assert summarise(dataclasses.replace(full, plan=plan)).next_step.command == expected


def test_data_that_have_no_name_are_to_be_named(full):
  plan = dataclasses.replace(full.plan, request={"dataset": None})
  step = summarise(dataclasses.replace(full, plan=plan)).next_step
  assert step.command.startswith("lead-finetune DATA --models=")
  assert "(DATA is where photos" in plain(step.text)


def test_who_is_worth_fine_tuning(full):
  def models(groups):
    certainty = dataclasses.replace(full.certainty, groups=groups)
    return summarise(dataclasses.replace(full, certainty=certainty)).next_step

  ranking = full.ranking()
  assert models([ranking[:1], ranking[1:]]).models == PLAIN[:3]
  assert models([ranking[:5], ranking[5:]]).models == PLAIN[:5]
  many = models([ranking])
  assert many.models == PLAIN[:3]
  assert "the first of 14 that the data cannot tell apart" in plain(many.text)


def test_ready_features_cannot_be_fine_tuned():
  report = small_report()
  ready = lambda row: dataclasses.replace(row, architecture="ready features")
  report = dataclasses.replace(
    report,
    models=list(map(ready, report.models)),
  )
  step = summarise(report).next_step
  assert step.command == ""
  assert plain(step.text) == (
    "Fine-tune strong and weak (the first 2, since a metric can be wrong) with the code "
    "that made their features."
  )


def test_ready_features_beside_networks_are_not_forgotten():
  report = small_report()
  weak, strong, gone = report.models
  strong = dataclasses.replace(strong, architecture="ready features")
  report = dataclasses.replace(report, models=[weak, strong, gone])
  step = summarise(report).next_step
  assert step.models == ("strong", "weak")
  assert plain(step.text) == (
    "Fine-tune strong and weak (the first 2, since a metric can be wrong): strong with "
    "the code that made the features, weak with the command below:"
  )
  assert step.command == "lead-finetune photos/ --models=weak"


def test_a_score_that_is_not_finite_is_no_number_and_said():
  report = small_report()
  scores = [
    dataclasses.replace(row, score=-math.inf)
    if (row.model, row.metric) == ("weak", "lead")
    else row
    for row in report.scores
  ]
  summary = summarise(dataclasses.replace(report, scores=scores))
  weak = summary.rows[1]
  assert (weak.model, weak.rank, weak.score) == ("weak", 2, None)
  assert weak.cells[0].lacks
  assert [row.model for row in summary.ranked] == ["strong"]
  assert "lead, weak: the score is −inf and is not drawn" in map(plain, summary.remarks)


def test_nothing_ranked_one_model_and_ties():
  report = small_report()
  nothing = dataclasses.replace(
    report,
    scores=[
      dataclasses.replace(row, score=math.nan, rank=None, status="failed: x")
      for row in report.scores
    ],
  )
  summary = summarise(nothing)
  assert summary.recommendation.model == ""
  assert "No model could be ranked by lead" in plain(summary.recommendation.sentence)
  assert summary.next_step.command == ""
  alone = dataclasses.replace(
    asked(report, metrics=["lead"]),
    models=[ModelRow("strong", "ok")],
    scores=[ScoreRow("strong", "lead", -1.0, 1, "ok")],
  )
  assert "only model" in plain(summarise(alone).recommendation.sentence)
  tied = asked(report, metrics=["knn", "lead"])
  sentence = plain(summarise(tied).recommendation.sentence)
  assert (
    "Fine-tune strong first: it shares the first place with weak by knn" in sentence
  )


def test_disagreement_in_words():
  report = small_report()
  ranks = {"lead": (1, 2, 3, 4), "knn": (1, 2, 4, 3), "nce": (4, 3, 2, 1)}
  report = dataclasses.replace(
    asked(report, metrics=list(ranks)),
    models=[ModelRow(name, "ok") for name in "abcd"],
    scores=[
      ScoreRow(model, metric, -float(rank), rank, "ok")
      for metric, column in ranks.items()
      for model, rank in zip("abcd", column, strict=True)
    ],
  )
  found = summarise(report).disagreement
  assert found.metrics == ["lead", "knn", "nce"]
  assert found.taus["lead", "knn"] == pytest.approx(2 / 3)
  assert found.taus["nce", "lead"] == pytest.approx(-1)
  lines = [plain(line) for line in found.lines]
  assert lines[0] == (
    "Of 2 other metrics, 0 order the models much as lead does (Kendall τ of 0.70 or more), "
    "1 with little in common (below 0.30): nce."
  )
  assert lines[1] == "The least alike are the orders by lead and nce (τ −1.00)."
  assert lines[2] == "a is 1st by 1 of 2 other metrics, furthest down by nce (4th)."
  assert "a is 1st by lead and 4th by nce." in lines


def test_what_holds_for_many_is_said_once():
  remarks = [plain(line) for line in summarise(small_report()).remarks]
  assert remarks == [
    "gone: failed: gone.onnx: there is no such file",
    "knn, weak: tied with strong",
    "knn, strong: tied with weak",
  ]


def test_provenance_holds_what_is_needed(full):
  sections = {
    section.title: dict(section.facts) for section in summarise(full).provenance
  }
  assert sections["Data"]["fingerprint"] == "f" * 64
  assert sections["Data"]["left out"].endswith("(no image)")
  assert sections["Run"]["seed"] == "7"
  assert sections["Run"]["options"] == '{"lead": {"t": 2}}'
  assert sections["Run"]["random parts scored"] == "50 of 512 images"
  assert sections["The networks and their weights"]["network_1"].endswith(f"{1:064x}")
  assert sections["Files (SHA-256)"] == {"zoo.json": "0" * 64}


def test_a_tie_of_all_is_no_fault_to_be_mended():
  report = full_report()
  metric = report.metrics[0]
  tied = [
    dataclasses.replace(row, score=1.0, rank=None) if row.metric == metric else row
    for row in report.scores
  ]
  summary = summarise(dataclasses.replace(report, scores=tied, certainty=None))
  found = plain(summary.recommendation.sentence)
  assert found == f"No model could be ranked by {metric}: all have the same score."
  assert plain(summary.next_step.text).startswith("Rank by another metric")
