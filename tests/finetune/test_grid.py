"""Settings are compared on validation alone, and the best is measured."""

import dataclasses

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.finetune._grid import (
  best_pair,
  finetune,
  grid_edge_warnings,
  mean_measure,
)
from lead_jax.finetune._one_run import Listener
from lead_jax.finetune._task import make_target
from tests.finetune.small import dataset, images, network, protocol, target


class Noting(Listener):
  def __init__(self):
    self.warnings, self.phases = [], []

  def ended(self, result):
    self.phases.append((result["learning_rate"], result["test"] is not None))

  def warned(self, message):
    self.warnings.append(message)


def test_the_best_setting_is_trained_on_everything_and_measured(tmp_path):
  listener, read = Noting(), []
  pixels, _ = images(31, 2)

  def read_test(index):
    read.append(len(listener.phases))
    return pixels[index]

  rates = (1e-5, 0.01, 1e38)
  grid = protocol(learning_rates=rates, seeds=2)
  outcome = finetune(
    network(), target(read=read_test), grid, folder=tmp_path, listener=listener
  )
  assert outcome.status == "ok"
  assert (outcome.learning_rate, outcome.weight_decay) == (0.01, 1e-4)
  assert outcome.accuracy > 60
  assert outcome.accuracy_std is not None
  assert [rate for rate, _ in listener.phases] == [*np.repeat(rates, 2), 0.01, 0.01]
  assert [final for _, final in listener.phases] == [False] * 6 + [True] * 2
  assert min(read) == 6  # no test image was looked at before the choice
  assert [row["status"] for row in outcome.runs[4:6]] == ["diverged at step 1"] * 2
  assert list(outcome.warnings) == listener.warnings == []
  assert [np.load(path)["train_rows"].size for path in outcome.logits] == [50, 50]
  assert all(row["validation"] is None for row in outcome.runs[6:])
  # A wider grid does the new runs only.
  wider = dataclasses.replace(grid, learning_rates=(*rates, 0.1))
  again = finetune(network(), target(), wider, folder=tmp_path)
  assert sum(not row["earlier"] for row in again.runs) in (2, 4)


def test_one_setting_needs_no_comparison(tmp_path):
  listener = Noting()
  one = protocol(retrain=False, measure="per_class", trainable="head")
  outcome = finetune(network(), target(), one, folder=tmp_path, listener=listener)
  assert len(outcome.runs) == 1
  assert outcome.accuracy == outcome.runs[0]["test"]["per_class"]
  assert outcome.validation_accuracy == outcome.runs[0]["validation"]["per_class"]
  assert outcome.accuracy_std is None


def test_at_an_end_of_the_grid_there_is_a_warning(tmp_path):
  listener = Noting()
  grid = protocol(learning_rates=(1e-6, 0.01), epochs=2)
  outcome = finetune(network(), target(), grid, folder=tmp_path, listener=listener)
  assert listener.warnings == list(outcome.warnings) == [
    "small: the best learning rate, 0.01, is the largest of those tried: larger ones "
    "may be better"
  ]  # fmt: skip


def test_where_every_setting_diverges_there_is_no_accuracy(tmp_path):
  grid = protocol(learning_rates=(1e37, 1e38), epochs=1)
  outcome = finetune(network(), target(), grid, folder=tmp_path)
  assert outcome.accuracy is None
  assert outcome.status == "every setting diverged: try smaller learning rates"


def test_edges_of_axes():
  grid = protocol(learning_rates=(0.1, 1.0, 10.0), weight_decays=(0.0, 1e-3))
  assert (
    grid_edge_warnings((1.0, 0.0), grid) == []
  )  # nothing is smaller than no weight decay
  assert len(grid_edge_warnings((10.0, 1e-3), grid)) == 2
  assert grid_edge_warnings((0.1, 0.0), grid)[0].startswith(
    "the best learning rate, 0.1, is the sma"
  )
  assert grid_edge_warnings((0.1, 1e-3), protocol(learning_rates=(0.1,))) == []


def test_of_equals_the_smaller_learning_rate():
  scores = {(0.1, 0.0): 90.0, (0.01, 1e-3): 90.0, (0.01, 0.0): 90.0, (1.0, 0.0): None}
  assert best_pair(scores) == (0.01, 0.0)
  assert best_pair({**scores, (1.0, 0.0): 90.1}) == (1.0, 0.0)
  assert best_pair({(1.0, 0.0): None}) is None


def test_one_seed_that_diverged_loses_its_setting():
  fine = {"status": "ok", "validation": {"top1": 90.0}}
  assert mean_measure([fine, {**fine, "validation": {"top1": 80.0}}], "top1") == 85.0
  assert mean_measure([fine, {"status": "diverged at step 3"}], "top1") is None


def test_two_splits_of_one_data_set():
  test = dataclasses.replace(
    dataset("test", 6, 2), labels=np.asarray([0, 1, 1]), class_names=("both", "top")
  )
  found = make_target(dataset("train", 9, 1), test)
  assert found.test_labels.tolist() == [2, 0, 0]
  assert found.content(test=False) == {"train": found.content(test=True)["train"]}
  strange = dataclasses.replace(test, class_names=("both", "left"))
  with pytest.raises(InputError, match="has class 'left' in test and not in train"):
    make_target(dataset("train", 9, 1), strange)
  with pytest.raises(InputError, match="holds ready features and no images"):
    make_target(dataset("train", 9, 1), dataclasses.replace(test, read_image=None))
