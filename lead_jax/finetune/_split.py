"""Which images are trained on, which choose the setting, and in what order they come.

All of it follows from seeds alone, so that a run that was interrupted sees what it would
have seen.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from lead_jax.checks import InputError, parameter
from lead_jax.finetune._protocol import Protocol

Rows = Int[np.ndarray, " n"]


class Split(NamedTuple):
  """Rows of the training split, ascending.

  Attributes:
    train: What is trained on while settings are compared.
    validation: What they are compared on.
    final: What the chosen setting is trained on.
  """

  train: Rows
  validation: Rows
  final: Rows


def split_rows(count: int, protocol: Protocol) -> Split:
  """Holds out a random share of the training split, whatever the classes.

  Args:
    count: Images in the training split.
    protocol: Its `validation_fraction` (rounded down), `split_seed`, `max_train` and
      `retrain` are used.

  Returns:
    The rows; `validation` is empty where the fraction is of less than one image, and
    there is only one setting.

  Raises:
    InputError: If too few images are left for either part.
  """
  order = np.random.default_rng(protocol.split_seed).permutation(count)
  held = int(protocol.validation_fraction * count)
  validation, train = order[:held], order[held:][: protocol.max_train]
  if not len(train) or (protocol.chooses and not held):
    raise InputError(
      f"{count} training images are too few to hold out "
      f"{protocol.validation_fraction:.0%} of them: give more images or another "
      f"{parameter('validation_fraction')}"
    )
  final = np.concatenate([train, validation]) if protocol.retrain else train
  return Split(np.sort(train), np.sort(validation), np.sort(final))


def epoch_order(count: int, *, seed: int, epoch: int) -> Rows:
  """The order of `count` images in a pass: a function of seed and pass alone."""
  return np.random.default_rng((seed, epoch)).permutation(count)
