"""Measures against scikit-learn, and by hand."""

import numpy as np
import pytest
from sklearn.metrics import (
  average_precision_score,
  balanced_accuracy_score,
  precision_recall_curve,
)

from lead_jax.finetune._accuracy import accuracy_measures, mean_average_precision


@pytest.fixture
def sample():
  rng = np.random.default_rng(0)
  labels = rng.integers(0, 5, 300)
  labels[labels == 3] = 1  # a class without a sample
  logits = rng.normal(size=(300, 6)).round(1)  # with ties
  logits[np.arange(300), labels] += 1
  return logits, labels


def test_one_label_each(sample):
  logits, labels = sample
  found = accuracy_measures(logits, labels)
  predicted = logits.argmax(axis=1)
  assert found["top1"] == pytest.approx(100 * np.mean(predicted == labels), abs=1e-4)
  with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
    wanted = 100 * balanced_accuracy_score(labels, predicted)
  assert found["per_class"] == pytest.approx(wanted, abs=1e-4)
  probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
  wanted = np.mean(
    [
      average_precision_score(labels == c, probabilities[:, c])
      for c in np.unique(labels)
    ]
  )
  assert found["map"] == pytest.approx(100 * wanted, abs=0.01)


def test_several_labels_each(sample):
  scores, _ = sample
  targets = np.random.default_rng(1).random(scores.shape) < 0.2
  wanted = average_precision_score(targets, scores, average="macro")
  assert mean_average_precision(scores, targets) == pytest.approx(100 * wanted)


def test_eleven_points_by_hand():
  # Hits at places 1, 3 and 6 of 6: precision 1, 2/3, 1/2 at recall 1/3, 2/3, 1.
  scores = np.array([[6.0], [5.0], [4.0], [3.0], [2.0], [1.0]])
  targets = np.array([[1], [0], [1], [0], [0], [1]], bool)
  # Recall 0, .1, .2, .3 -> 1; .4, .5, .6 -> 2/3; .7 .. 1 -> 1/2.
  wanted = 100 * (4 * 1 + 3 * 2 / 3 + 4 * 1 / 2) / 11
  found = mean_average_precision(scores, targets, eleven_points=True)
  assert found == pytest.approx(wanted)
  assert mean_average_precision(scores, targets) == pytest.approx(
    100 * (1 + 2 / 3 + 1 / 2) / 3
  )


def test_eleven_points_against_the_papers_rule(sample):
  """scikit-learn's curve without, and with, the point that it begins with."""
  scores, _ = sample
  targets = np.random.default_rng(2).random(scores.shape) < 0.2
  ours, papers = [], []
  for c in range(targets.shape[1]):
    precision, recall, _ = precision_recall_curve(targets[:, c], scores[:, c])
    for found, end in ((ours, -1), (papers, None)):
      points = [
        precision[:end][recall[:end] >= t - 1e-9].max() for t in np.linspace(0, 1, 11)
      ]
      found.append(100 * np.mean(points))
  found = mean_average_precision(scores, targets, eleven_points=True)
  assert found == pytest.approx(np.mean(ours))
  assert np.mean(ours) < np.mean(papers) <= np.mean(ours) + 100 / 11
  # Where the best-ranked sample of every class is a hit the two are the same.
  hits = scores.copy()
  hits[targets.argmax(axis=0), range(targets.shape[1])] = 10.0
  found = mean_average_precision(hits, targets, eleven_points=True)
  curves = [
    precision_recall_curve(targets[:, c], hits[:, c])[:2]
    for c in range(targets.shape[1])
  ]
  wanted = [max(p[r >= t - 1e-9]) for p, r in curves for t in np.linspace(0, 1, 11)]
  assert found == pytest.approx(100 * np.mean(wanted))


def test_a_perfect_ranking_has_100_and_tied_scores_the_share_of_positives():
  targets = np.eye(4, dtype=bool)
  for eleven in (False, True):
    assert mean_average_precision(
      targets.astype(float), targets, eleven_points=eleven
    ) == pytest.approx(100)
    assert mean_average_precision(
      np.zeros((4, 4)), targets, eleven_points=eleven
    ) == pytest.approx(25)


def test_no_positive_at_all_is_an_error():
  with pytest.raises(ValueError, match="a sample of at least one class"):
    mean_average_precision(np.zeros((3, 2)), np.zeros((3, 2), bool))
