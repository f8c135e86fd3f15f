"""Leaving out families and data sets, against tables without them."""

import numpy as np
import pytest

from lead_jax.evaluation._rank_measures import weighted_kendall
from lead_jax.evaluation._score_table import ScoreTable
from lead_jax.evaluation._stability import (
  leave_one_dataset,
  leave_one_family,
)


@pytest.fixture(name="table")
def _table():
  rng = np.random.default_rng(0)
  truth = rng.uniform(50, 90, (3, 6))
  truth[2, 5] = np.nan
  scores = rng.normal(size=(2, 3, 6))
  return ScoreTable(["m", "n"], ["x", "y", "z"], list("abcdef"), scores, truth)


def test_families_of_one_model(table):
  found = leave_one_family(table, dict(zip("abcdef", "abcdef", strict=True)))
  assert list(found) == list("abcdef")
  for left, model in enumerate("abcdef"):
    for (r, d), value in np.ndenumerate(found[model].values):
      keep = [m for m in range(6) if m != left and not np.isnan(table.truth[d, m])]
      expected = weighted_kendall(table.scores[r, d, keep], table.truth[d, keep])
      assert value == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(found[model].means, found[model].values.mean(1))


def test_leave_one_family(table):
  families = dict(
    zip("abcdef", ["cnn", "vit", "cnn", "vit", "vit", "mlp"], strict=True)
  )
  found = leave_one_family(table, families | {"stranger": "cnn"})
  assert list(found) == ["cnn", "vit", "mlp"]
  keep = [1, 3, 4, 5]
  expected = weighted_kendall(table.scores[0, 0, keep], table.truth[0, keep])
  assert found["cnn"].values[0, 0] == pytest.approx(expected, abs=1e-12)
  whole = leave_one_family(table, dict.fromkeys("abcdef", "all"))["all"]
  assert np.isnan(whole.means).all()
  assert whole.reasons["m", "x"] == "the data set has 0 models"
  with pytest.raises(ValueError, match="families has no entry for model 'b'"):
    leave_one_family(table, {"a": "cnn"})


def test_leave_one_dataset(table):
  found = leave_one_dataset(table)
  values = np.stack(
    [
      found["y"].values[:, 0],
      found["x"].values[:, 0],
      found["x"].values[:, 1],
    ],
    1,
  )
  for d in range(3):
    others = [i for i in range(3) if i != d]
    np.testing.assert_allclose(
      found["xyz"[d]].means, values[:, others].mean(1), atol=1e-12
    )
  single = ScoreTable(["m"], ["d"], ["a", "b"], [[[1, 2]]], [[1, 2]])
  with pytest.raises(ValueError, match="at least 2 data sets"):
    leave_one_dataset(single)


def test_one_model_can_carry_a_result():
  """The best model alone is ranked right: without it nothing is left."""
  truth = np.array([[99.0, 4.0, 3.0, 2.0, 1.0]])
  scores = np.array([[[99.0, 1.0, 2.0, 2.0, 1.0]]])
  table = ScoreTable(["m"], ["d"], list("abcde"), scores, truth)
  without = leave_one_family(table, {model: model for model in table.models})
  found = {model: float(t.means[0]) for model, t in without.items()}
  assert min(found, key=found.__getitem__) == "a"
  assert found["a"] < 0.2 < 0.4 < min(v for m, v in found.items() if m != "a")
