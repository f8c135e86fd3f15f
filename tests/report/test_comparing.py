"""The words and the table of two runs beside each other."""

import dataclasses

import lead_jax
from lead_jax.report import render_comparison
from tests.report.reports import asked, small_report


def test_what_moved_is_in_the_table_and_what_is_new_in_words():
  old = small_report()
  rows = [
    dataclasses.replace(row, score=-2.0, rank=2)
    if (row.model, row.metric) == ("strong", "lead")
    else row
    for row in old.scores
  ]
  new = dataclasses.replace(asked(old, seed=1, models=["weak", "strong", "gone", "x"]))
  new = dataclasses.replace(new, scores=rows)
  text = render_comparison(lead_jax.compare(old, new), width=100, color=False)
  lines = text.splitlines()
  assert (
    lines[0] == "5 scores and ranks of both runs are equal; 1 score or rank differs."
  )
  assert "Models only in the new run: x." in lines
  assert "seed: 0 in the old run, 1 in the new." in lines
  assert lines[-1].split() == ["lead", "strong", "1", "2", "−0.1235", "−2"]
  same = render_comparison(lead_jax.compare(old, old), width=100, color=False)
  assert "0 scores or ranks differ" in same
  assert "metric" not in same


def test_one_score_is_said_as_one():
  none = lead_jax.compare(small_report(), small_report())
  one = dataclasses.replace(none, same=1)
  assert render_comparison(one, width=100, color=False) == (
    "1 score and its rank of both runs are equal; 0 scores or ranks differ."
  )
