"""What is held out, and the order of a pass."""

import dataclasses

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.finetune._protocol import ADAMW8, PAPERS
from lead_jax.finetune._split import epoch_order, split_rows


def test_parts_do_not_meet():
  split = split_rows(2000, ADAMW8)
  assert (len(split.train), len(split.validation)) == (1000, 300)
  assert not set(split.train) & set(split.validation)
  np.testing.assert_array_equal(split.final, split.train)
  again = split_rows(2000, dataclasses.replace(ADAMW8, split_seed=124))
  assert set(split.validation) != set(again.validation)


def test_the_chosen_setting_may_learn_from_all():
  split = split_rows(103, PAPERS)
  assert (len(split.train), len(split.validation)) == (83, 20)
  np.testing.assert_array_equal(split.final, np.arange(103))


def test_too_few_to_hold_out():
  with pytest.raises(InputError, match="4 training images are too few to hold out 20%"):
    split_rows(4, PAPERS)
  # Where nothing is chosen, nothing need be held out.
  split = split_rows(4, ADAMW8)
  assert (len(split.train), len(split.validation)) == (4, 0)


def test_order_follows_seed_and_pass_alone():
  order = epoch_order(50, seed=1, epoch=3)
  np.testing.assert_array_equal(np.sort(order), np.arange(50))
  np.testing.assert_array_equal(order, epoch_order(50, seed=1, epoch=3))
  assert (order != epoch_order(50, seed=1, epoch=4)).any()
  assert (order != epoch_order(50, seed=2, epoch=3)).any()
