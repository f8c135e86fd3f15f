"""From what a user wrote to a protocol."""

import dataclasses

from lead_jax.finetune import _named_protocol as named
from lead_jax.finetune._protocol import ADAMW5, ADAMW8, PAPERS, Protocol


def test_flags_change_a_named_protocol():
  nothing = dict.fromkeys(named.PROTOCOL_HELP)
  assert named.protocol_of("papers", nothing) == PAPERS
  given = {**nothing, "epochs": "3", "seeds": "2", "zoom": False, "max_train": "none"}
  found = named.protocol_of("papers", given)
  assert (found.steps, found.epochs, found.seeds, found.zoom) == (None, 3, 2, False)
  assert found.name == "papers epochs=3 zoom=false"
  found = named.protocol_of("adamw8", {**nothing, "max_train": "none"})
  assert (found.max_train, found.name) == (None, "adamw8 max_train=none")
  assert named.protocol_of("adamw8", {**nothing, "batch_size": "32"}) == ADAMW8


def test_every_field_of_a_protocol_has_a_help_text():
  fields = [field.name for field in dataclasses.fields(Protocol)]
  assert list(named.PROTOCOL_HELP) == fields[1:]  # but for the name
  assert (
    *("nesterov", "divide_decay", "flip", "zoom", "standardise", "retrain"),
  ) == named.SWITCHES


def test_few_images_are_trained_on_for_long_enough():
  nothing = dict.fromkeys(named.PROTOCOL_HELP)
  default = named.default_protocol
  assert default("digits", 10, nothing) == ADAMW5
  assert default("photos", 2000, nothing) == ADAMW8
  found = default("photos", 24, nothing)
  assert (found.steps, found.epochs) == (60, None)
  assert found.name == "adamw8 steps=60"
  # 8 passes over 8 batches of 32, and one batch less.
  assert default("photos", 277, nothing).epochs == 8
  assert default("photos", 200, nothing).steps == 60
  assert default("photos", 24, {**nothing, "epochs": "8"}).epochs == 8
