"""Reports and plans as data: read back equal, refused where they are none, compared."""

import dataclasses
import json
import math

import pytest

import lead_jax
from lead_jax.checks import InputError
from lead_jax.report import write_pages
from lead_jax.results import Plan, ScoreRow, plan_from_dict, report_from_dict
from tests.report.reports import full_report, small_report


@pytest.mark.parametrize("made", [small_report, full_report])
def test_a_report_is_read_back_equal(made, tmp_path):
  report = made()
  write_pages(report, tmp_path)
  for path in (tmp_path, tmp_path / "report.json"):
    again = lead_jax.read_report(path)
    assert again == report
    assert again.ranking() == report.ranking()
    assert again.plan == report.plan
    assert again.plan.key == report.plan.key
    assert again.complete == report.complete
  write_pages(again, tmp_path / "again")
  for file in tmp_path.glob("report.*"):
    assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_reports_differ_where_a_score_does(tmp_path):
  report = small_report()
  rows = [*report.scores]
  rows[0] = dataclasses.replace(rows[0], score=rows[0].score + 1e-12)
  assert dataclasses.replace(report, scores=rows) != report
  rows[0] = dataclasses.replace(rows[0], score=math.nan, rank=None)
  assert dataclasses.replace(report, scores=rows) != report
  assert report != "a report"


def test_infinite_and_missing_numbers_survive(tmp_path):
  report = small_report()
  rows = [dataclasses.replace(row, details={"a": math.inf}) for row in report.scores]
  rows[1] = dataclasses.replace(rows[1], score=math.inf)
  report = dataclasses.replace(report, scores=rows)
  again = report_from_dict(json.loads(json.dumps(report.to_dict())))
  assert again == report
  assert again.scores[1].score == math.inf
  assert math.isnan(again.scores[4].score)


def _content():
  return json.loads(json.dumps(small_report().to_dict()))


def _without(name):
  content = _content()
  del content[name]
  return content


def _with(path, value):
  content = _content()
  at = content
  for name in path[:-1]:
    at = at[name]
  at[path[-1]] = value
  return content


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ([], "is not a report"),
    ({}, "is not a report"),
    (_without("plan"), "is not a report of lead_jax, or one of an older version"),
    (_with(["plan"], []), "is not a plan"),
    (
      _with(["plan", "seed"], "0"),
      "field 'seed' of the plan has the value 0: it is damaged",
    ),
    (_with(["plan", "seed"], True), "field 'seed' of the plan has the value True"),
    (_with(["plan", "nonsense"], 1), "unknown field 'nonsense'"),
    (_with(["models"], []), "rows do not belong to its plan"),
    (_with(["models"], 3), "damaged"),
    (_with(["scores", 0, "score"], "high"), "'high' is not a number"),
    (_with(["scores", 0, "surprise"], 1), "surprise"),
    (_with(["scores", 0, "model"], "stranger"), "rows do not belong to its plan"),
    (_with(["scores", 4, "rank"], 1), "rows do not belong to its plan"),
    (_with(["models", 0, "status"], 7), r"damaged \(status is 7\)"),
    (_with(["certainty"], {"metric": "lead"}), "damaged"),
    (_with(["models", 0, "num_params"], "many"), r"damaged \(num_params is many\)"),
    (_with(["models", 0, "seconds"], 5), r"damaged \(seconds is 5\)"),
    (_with(["scores", 0, "rank"], "x"), r"damaged \(rank is x\)"),
    (_with(["environment"], {"versions": 5}), "its versions are no versions"),
    (_with(["agreement"], {"knn": 5}), "its agreement with the ground truth"),
    (_with(["plan", "metrics"], []), "the plan is damaged"),
    (_with(["plan", "metrics"], [["knn"]]), "field 'metrics' of the plan"),
    (_with(["plan", "options"], {"knn": 5}), "field 'options' of the plan"),
    (_with(["plan", "resamples"], -5), "the plan is damaged"),
    (_with(["plan", "request"], {"objects": 5}), "the plan is damaged"),
    (_with(["plan", "ground_truth"], {"a": {"b": "x"}}), "field 'ground_truth'"),
    (_with(["plan", "dataset", "class_sizes"], "x"), "the plan is damaged"),
  ],
)
def test_what_is_no_report_is_refused_in_a_line(content, message, tmp_path):
  with pytest.raises(InputError, match=message) as raised:
    report_from_dict(content)
  assert "\n" not in str(raised.value)
  path = tmp_path / "report.json"
  path.write_text(json.dumps(content))
  with pytest.raises(InputError, match=r"report\.json"):
    lead_jax.read_report(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00"])
def test_files_that_are_no_json(text, tmp_path):
  path = tmp_path / "report.json"
  path.write_text(text)
  with pytest.raises(InputError, match=r"report\.json"):
    lead_jax.read_report(tmp_path)
  with pytest.raises(InputError, match="no such file"):
    lead_jax.read_report(tmp_path / "nowhere")


def test_a_plan_is_known_by_what_decides_its_results():
  plan = Plan({"name": "photos"}, ["a"], ["knn"], request={"dataset": "photos/"})
  two, as_float = ({"knn": {"k": k}} for k in (2, 2.0))
  pair = [dataclasses.replace(plan, options=options) for options in (two, as_float)]
  assert (pair[0] == pair[1]) == (hash(pair[0]) == hash(pair[1]))
  again = plan_from_dict(json.loads(json.dumps(plan.to_dict())))
  assert again == plan
  assert hash(again) == hash(plan)
  elsewhere = dataclasses.replace(
    plan, request={"dataset": "/mnt/photos"}, live=object()
  )
  assert elsewhere.key == plan.key
  assert elsewhere != plan
  for change in (
    {"seed": 1},
    {"models": ["b"]},
    {"metrics": ["lead"]},
    {"options": {"knn": {"k": 2}}},
    {"dataset": {"name": "photos", "fingerprint": "1"}},
    {"metric_facts": {"knn": {"identity": {"scoring": 4}}}},
  ):
    assert dataclasses.replace(plan, **change).key != plan.key


def test_comparison_says_what_moved_and_what_was_added():
  old = small_report()
  better = [
    dataclasses.replace(row, score=0.0, rank=1)
    if (row.model, row.metric) == ("weak", "lead")
    else dataclasses.replace(row, rank=2)
    if (row.model, row.metric) == ("strong", "lead")
    else row
    for row in old.scores
    if row.model != "gone"
  ]
  models = [row for row in old.models if row.model != "gone"]
  plan = dataclasses.replace(
    old.plan, models=["weak", "strong"], metrics=["lead", "knn", "new"], seed=1
  )
  added = [ScoreRow(row.model, "new", 1.0, 1, "ok") for row in models]
  new = dataclasses.replace(old, plan=plan, models=models, scores=[*better, *added])
  found = lead_jax.compare(old, new)
  assert [(m.model, m.old_rank, m.new_rank) for m in found.moves] == [
    ("weak", 2, 1),
    ("strong", 1, 2),
  ]
  assert found.same == 2
  assert found.gone_models == ["gone"]
  assert found.added_models == []
  assert found.added_metrics == ["new"]
  assert found.gone_metrics == []
  assert found.differences == {"seed": (0, 1)}
  nothing = lead_jax.compare(old, old)
  assert not nothing.moves
  assert not nothing.differences
  assert nothing.same == len(old.scores)


@pytest.mark.parametrize(
  ("path", "message"), [("x" * 5000, "cannot be read"), ("a\0b", "holds a zero byte")]
)
def test_a_path_that_cannot_be_is_one_line(path, message):
  with pytest.raises(InputError, match=message) as caught:
    lead_jax.read_report(path)
  assert "\n" not in str(caught.value)
