"""Which part of a source is read: one rule for folders, npz files and tfds.

Sources call their held-out part by many names, and some have none. What was really read
is recorded in the data set, since a score means something else on other samples.
"""

from collections.abc import Sequence

import numpy as np

from lead_jax.checks import InputError, parameter

SPLITS = ("train", "test", "all")

# In order of preference: where a source has several, `test` is the first kind.
_KINDS = (
  ("train", "training"),
  ("test", "testing"),
  ("val", "valid", "validation"),
)


class MissingPartError(InputError):
  """A source has no part of the kind that was asked for."""


def check_split(split: str, source: str) -> None:
  """Raises InputError if `split` is not one of `SPLITS`."""
  if split not in SPLITS:
    raise InputError(f"{source}: split {split!r} is not one of {', '.join(SPLITS)}")


def is_part_name(name: str) -> bool:
  """Whether a folder, split or value of this name (in any case) is a part."""
  return any(name.lower() in kind for kind in _KINDS)


def choose_parts(
  names: Sequence[str], split: str, source: str
) -> tuple[tuple[str, ...], str]:
  """Chooses the parts to read.

  Args:
    names: Names of the parts that the source has; none where it is not divided.
    split: `train`, `test` or `all`; `test` is the part called test or, without one,
      val, valid or validation.
    source: What to call the source in a message.

  Returns:
    The names of the parts to read, training part first (empty: read everything), and the
    split to record in the data set (`all` for a source that is not divided).

  Raises:
    MissingPartError: If the source has no such part.
  """
  check_split(split, source)
  kinds = [[name for name in names if name.lower() in kind] for kind in _KINDS]
  if not any(kinds):
    if split == "test":
      raise MissingPartError(
        f"{source} has no test part, it is not divided: "
        f"use {parameter('split', 'all')}, or divide it into train and test"
      )
    return (), "all"
  train, test, validation = kinds
  chosen = {
    "train": train,
    "test": test or validation,
    "all": train + validation + test,
  }[split]
  if not chosen:
    raise MissingPartError(
      f"{source} has no {split} part; it has: {', '.join(sorted(names))}"
    )
  return tuple(chosen), split


def check_classes(
  labels: np.ndarray, class_names: Sequence[str], source: str, things: str, remedy: str
) -> None:
  """Refuses what no method can score: a single class, or a class of one sample.

  Args:
    labels: int[N], ids in `[0, K)`.
    class_names: K names.
    source: What to call the source in a message.
    things: What its samples are called, in the plural.
    remedy: What to do about a class of one sample.

  Raises:
    InputError: Naming the class.
  """
  counts = np.bincount(labels, minlength=len(class_names))
  if len(class_names) < 2:
    raise InputError(
      f"{source} has only one class, {class_names[0]!r}: at least two are needed"
    )
  single = [name for name, count in zip(class_names, counts, strict=True) if count < 2]
  if single:
    more = f" (and {len(single) - 1} more classes)" if len(single) > 1 else ""
    raise InputError(
      f"{source}: class {single[0]!r}{more} has only one of the {things}, "
      f"two are needed: {remedy}"
    )
