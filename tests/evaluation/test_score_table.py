"""Tables of scores: missing scores, models and data sets; reasons in place of errors."""

import functools

import numpy as np
import pytest

from lead_jax.evaluation import score_table
from lead_jax.evaluation._many_rankings import many_regret_at_k
from lead_jax.evaluation._rank_measures import regret_at_k, weighted_kendall
from lead_jax.evaluation._score_table import (
  ScoreTable,
  measure_table,
  smaller_is_better,
)

NAN = float("nan")


def test_from_mappings():
  truth = {"one": {"a": 1.0, "b": 2.0, "c": 3.0}, "two": {"b": 5.0, "d": 4.0}}
  scores = {
    "good": {"one": {"a": 0.1, "b": 0.2, "c": 0.3}, "two": {"b": 2.0, "d": 1.0}},
    "half": {"one": {"a": 0.1, "c": NAN, "stranger": 9.0}, "elsewhere": {"a": 1.0}},
  }
  table = score_table(scores, truth)
  assert table.methods == ["good", "half"]
  assert table.datasets == ["one", "two"]
  assert table.models == ["a", "b", "c", "d"]
  np.testing.assert_array_equal(table.truth[1], [NAN, 5, NAN, 4])
  np.testing.assert_array_equal(table.present.sum(1), [3, 2])
  np.testing.assert_array_equal(table.failures, [[0, 0], [2, 2]])
  found = measure_table(table)
  np.testing.assert_array_equal(found.values[0], [1, 1])
  assert found.means[0] == 1
  assert np.isnan(found.values[1]).all()
  assert found.reasons == {
    ("half", "one"): "all scores are tied (1 of 3 models have one)",
    ("half", "two"): "no model has a score",
  }


def test_failed_models_rank_last_and_tie():
  truth = np.array([[90.0, 80.0, 70.0, 60.0, 50.0]])
  scores = np.array([3.0, NAN, -np.inf, 7.0, NAN])
  table = ScoreTable(["m"], ["d"], list("abcde"), scores[None, None], truth)
  np.testing.assert_array_equal(table.orders[0, 0], [2, 0, 1, 3, 0])
  found = measure_table(table)
  # Below even a score of minus infinity.
  by_hand = weighted_kendall([2.0, 0.0, 1.0, 3.0, 0.0], truth[0])
  assert found.values[0, 0] == pytest.approx(by_hand, abs=1e-12)
  assert found.failures[0, 0] == 2
  assert not found.reasons


def test_one_bad_cell_leaves_the_rest():
  truth = np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0], [NAN, NAN, 1.0]])
  scores = np.tile([1.0, 2.0, 3.0], (2, 3, 1))
  scores[1, 0] = 5.0
  names = (["good", "tied"], ["fine", "flat", "single"], ["a", "b", "c"])
  found = measure_table(ScoreTable(*names, scores, truth))
  assert found.values[0, 0] == 1
  assert np.isnan(found.means).all()
  assert found.reasons["tied", "fine"] == (
    "all scores are tied (3 of 3 models have one)"
  )
  assert found.reasons["good", "flat"] == "all true accuracies are tied"
  assert found.reasons["good", "single"] == "the data set has 1 models"
  assert set(found.reasons) == {
    ("tied", "fine"),
    *((m, d) for m in ("good", "tied") for d in ("flat", "single")),
  }
  negative = ScoreTable(["m"], ["d"], list("ab"), [[[1, 2]]], [[-1, -2]])
  found = measure_table(negative, measure="relative_accuracy_at_1")
  assert found.reasons == {("m", "d"): "the measure is nan"}


def test_any_measure():
  rng = np.random.default_rng(0)
  truth, scores = rng.uniform(size=(2, 6)), rng.normal(size=(3, 2, 6))
  table = ScoreTable(list("abc"), list("de"), list("uvwxyz"), scores, truth)
  regret_at_2 = functools.partial(many_regret_at_k, k=2)
  found = measure_table(table, measure=regret_at_2).values
  for (r, d), value in np.ndenumerate(found):
    assert value == pytest.approx(regret_at_k(scores[r, d], truth[d], k=2))
  assert smaller_is_better(regret_at_2)
  assert smaller_is_better("regret_at_1")
  assert not smaller_is_better("kendall")
  with pytest.raises(ValueError, match=r"measure must be one of .*, got 'tau'"):
    measure_table(table, measure="tau")


def test_the_caller_keeps_its_arrays():
  truth, scores = np.array([[1.0, 2.0]]), np.array([[[1.0, 2.0]]])
  table = ScoreTable(["m"], ["d"], ["a", "b"], scores, truth)
  scores[:] = -scores
  assert measure_table(table).means[0] == 1


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"methods": ["m", "n"]}, r"scores must be \(2, 1, 2\)"),
    ({"truth": [[1.0, 2.0, 3.0]]}, r"got \(1, 1, 2\) and \(1, 3\)"),
    ({"models": ["a", "a"]}, "models has the name 'a' twice"),
    ({"truth": [[1.0, np.inf]]}, "truth of model 'b' on 'd' is inf"),
  ],
)
def test_refused(change, message):
  whole = {
    "methods": ["m"],
    "datasets": ["d"],
    "models": ["a", "b"],
    "scores": [[[1.0, 2.0]]],
    "truth": [[1.0, 2.0]],
  }
  with pytest.raises(ValueError, match=message):
    ScoreTable(**(whole | change))


def test_an_empty_table_is_refused():
  with pytest.raises(ValueError, match="a table needs methods, data sets and models"):
    score_table({}, {"d": {"a": 1.0}})
