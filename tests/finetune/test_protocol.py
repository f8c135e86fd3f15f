"""Protocols: the named ones, and what is refused."""

import dataclasses

import pytest

from lead_jax.finetune._protocol import ADAMW8, PAPERS, PROTOCOLS


def test_the_papers_grid():
  assert PAPERS.learning_rates == (0.1, 0.01, 0.001, 0.0001)
  assert PAPERS.weight_decays == (0, 1e-6, 1e-5, 1e-4, 1e-3)
  assert (PAPERS.optimiser, PAPERS.momentum, PAPERS.nesterov) == ("sgd", 0.9, True)
  assert (PAPERS.seeds, PAPERS.steps, PAPERS.epochs) == (5, 5000, None)
  assert PAPERS.retrain
  assert PAPERS.chooses


def test_the_protocol_of_the_development_zoo():
  assert (ADAMW8.epochs, ADAMW8.batch_size, ADAMW8.warmup_steps) == (8, 32, 20)
  assert (ADAMW8.crop, ADAMW8.flip, ADAMW8.max_train) == (6, True, 1000)
  assert (ADAMW8.head_factor, ADAMW8.max_gradient_norm) == (5, 5)
  assert (ADAMW8.validation_fraction, ADAMW8.split_seed) == (0.15, 123)
  assert not ADAMW8.retrain
  assert not ADAMW8.chooses


@pytest.mark.parametrize("name", PROTOCOLS)
def test_names_are_those_of_the_table(name):
  assert PROTOCOLS[name].name == name


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"optimiser": "adam"}, "optimiser must be one of sgd, adamw, got 'adam'"),
    ({"trainable": "tail"}, "trainable must be one of all, head, got 'tail'"),
    ({"learning_rates": ()}, "learning_rates must be finite numbers, positive"),
    ({"learning_rates": (0.0,)}, r"positive, each once, at least one, got \(0.0,\)"),
    ({"weight_decays": (0.1, 0.1)}, "weight_decays must be finite numbers, at least 0"),
    ({"weight_decays": (float("nan"),)}, "weight_decays must be finite"),
    ({"steps": None}, "exactly one of steps and epochs must be given, got steps=None"),
    ({"epochs": 3}, "exactly one of steps and epochs .* epochs=3"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"crop": -1}, "crop must be at least 0, got -1"),
    (
      {"max_gradient_norm": 0.0},
      "max_gradient_norm must be positive and finite, got 0",
    ),
    ({"head_scale": -1.0}, "head_scale must be at least 0 and finite, got -1.0"),
    ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
    ({"validation_fraction": 1.0}, r"validation_fraction must be in \[0, 1\), got 1.0"),
    ({"validation_fraction": 0.0}, "validation_fraction must be positive where there"),
  ],
)
def test_what_is_wrong_is_named(changes, message):
  with pytest.raises(ValueError, match=message):
    dataclasses.replace(PAPERS, **changes)


def test_a_wider_grid_repeats_no_run():
  wider = dataclasses.replace(PAPERS, learning_rates=(1.0, 0.1), seeds=9, measure="map")
  assert wider.of_a_run() == PAPERS.of_a_run()
  other = dataclasses.replace(PAPERS, batch_size=63)
  assert other.of_a_run() != PAPERS.of_a_run()
