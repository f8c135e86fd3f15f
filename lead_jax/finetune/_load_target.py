"""From what a user names to a data set to fine-tune on, with a test part in any case."""

import functools
import os

from lead_jax.checks import InputError, parameter
from lead_jax.data import (
  MissingPartError,
  count_once,
  divide_dataset,
  leave_out_of_train,
  load_dataset,
)
from lead_jax.finetune._task import Target, make_target

_TEST_FRACTION = 0.2


def load_target(
  data: str | os.PathLike,
  *,
  test_data: str | os.PathLike | None = None,
  data_dir: str | os.PathLike | None = None,
  test_fraction: float | None = None,
  split_seed: int | None = None,
  duplicates: str = "once",
) -> Target:
  """Loads what to train on and what to measure on.

  A data set that has no test part is divided: a share of every class, chosen by a seed.
  Exact copies of an image count once, and a training image that is in the test part too is
  left out of training.

  Args:
    data: As `lead_jax.data.load_dataset` takes it.
    test_data: What to measure on, all of it, in place of a test part of `data`.
    data_dir: As `lead_jax.data.load_dataset`.
    test_fraction: Share of every class that becomes the test part where there is none;
      0.2 if None.
    split_seed: Seed of that choice; 0 if None.
    duplicates: `once`, or `keep` to leave copies where they are.

  Raises:
    InputError: If a data set cannot be read or used, or a fraction is given for one that
      has a test part.
  """
  keep = duplicates == "keep"
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
    train, train_copies = count_once(train, keep=keep)
    test, test_copies = count_once(test, keep=keep)
    train, shared = (train, 0) if keep else leave_out_of_train(train, test)
    said = [train_copies.line("training images"), test_copies.line("test images")]
    if shared:
      told = "training images are in the test part too and left out of training"
      said.append(f"{shared} {told}")
    return make_target(train, test, remarks=[line for line in said if line])
  whole, copies = count_once(train, keep=keep)
  said = [line] if (line := copies.line()) else []
  division = divide_dataset(
    whole,
    test_fraction=_TEST_FRACTION if test_fraction is None else test_fraction,
    seed=split_seed or 0,
  )
  return make_target(division.train, division.test, division=division, remarks=said)
