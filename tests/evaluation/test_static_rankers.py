"""The mean rank elsewhere, on the published ground truth and by hand."""

import numpy as np
import pytest

from lead_jax.evaluation._rank_measures import weighted_kendall
from lead_jax.evaluation._static_rankers import mean_rank_elsewhere
from lead_jax.literature import published_ground_truth


def test_by_hand():
  truth = {
    "here": {"a": 1.0, "b": 2.0, "c": 3.0},
    "one": {"a": 90.0, "b": 80.0, "c": 70.0},
    "two": {"a": 50.0, "b": 50.0},
    "single": {"c": 99.0},
  }
  found = mean_rank_elsewhere(truth, "here")
  assert found == {"a": (1 + 0.5) / 2, "b": (0.5 + 0.5) / 2, "c": 0.0}
  assert mean_rank_elsewhere({"here": {"a": 1.0, "b": 2.0}}, "here") == {}


def test_it_rivals_the_published_method():
  """.833 and .737, where LEAD reports .747 and .746 (METHODS.md, section 2)."""
  for name, expected in (("6", 0.833), ("7", 0.737)):
    table = published_ground_truth(name)
    taus = []
    for dataset, truth in table.items():
      scores = mean_rank_elsewhere(table, dataset)
      models = list(truth)
      taus.append(
        weighted_kendall([scores[m] for m in models], [truth[m] for m in models])
      )
    assert len(taus) == 10
    assert np.mean(taus) == pytest.approx(expected, abs=0.0006)
