"""From what a user names to a data set to fine-tune on, with a test part in any case."""

import functools
import os

from lead_jax.checks import InputError, parameter
from lead_jax.data import MissingPartError, divide_dataset, load_dataset
from lead_jax.finetune._task import Target, make_target

_TEST_FRACTION = 0.2


def load_target(
  data: str | os.PathLike,
  *,
  test_data: str | os.PathLike | None = None,
  data_dir: str | os.PathLike | None = None,
  test_fraction: float | None = None,
  split_seed: int | None = None,
) -> Target:
  """Loads what to train on and what to measure on.

  A data set that has no test part is divided: a share of every class, chosen by a seed.

  Args:
    data: As `lead_jax.data.load_dataset` takes it.
    test_data: What to measure on, all of it, in place of a test part of `data`.
    data_dir: As `lead_jax.data.load_dataset`.
    test_fraction: Share of every class that becomes the test part where there is none;
      0.2 if None.
    split_seed: Seed of that choice; 0 if None.

  Raises:
    InputError: If a data set cannot be read or used, or a fraction is given for one that
      has a test part.
  """
  load = functools.partial(load_dataset, data_dir=data_dir)
  train = load(data, split="train")
  test = None
  if test_data is not None:
    test = load(test_data, split="all")
  elif train.split != "all":
    try:
      test = load(data, split="test")
    except MissingPartError:
      test = None
  if test is not None:
    if test_fraction is not None:
      raise InputError(
        f"{parameter('test_fraction', test_fraction)} is for a data set without a test "
        f"part, and {train.name!r} has one: leave it out"
      )
    return make_target(train, test)
  division = divide_dataset(
    train,
    test_fraction=_TEST_FRACTION if test_fraction is None else test_fraction,
    seed=split_seed or 0,
  )
  return make_target(division.train, division.test, division=division)
