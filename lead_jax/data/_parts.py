"""Which part of a source is read: one rule for folders, npz files and tfds.

Sources call their held-out part by many names, and some have none. What was really read
is recorded in the data set, since a score means something else on other samples.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from lead_jax.checks import InputError, parameter

SPLITS = ("train", "test", "all")

# In order of preference: where a source has several, `test` is the first kind.
_KINDS = (
  ("train", "training", "trainval"),
  ("test", "testing"),
  ("val", "valid", "validation", "dev", "devel", "development", "eval", "evaluation"),
)
# What may stand behind such a name: training_set, test-data, "Valid images", trainset.
_PART_NAME = re.compile(r"([a-z]+?)[\W_]*(set|data|dataset|images|split|part)?")


class MissingPartError(InputError):
  """A source has no part of the kind that was asked for."""


def check_split(split: str, source: str) -> None:
  """Raises InputError if `split` is not one of `SPLITS`."""
  if split not in SPLITS:
    raise InputError(f"{source}: split {split!r} is not one of {', '.join(SPLITS)}")


def part_kind(name: str) -> int | None:
  """Returns which kind of part a folder, split or value is by its name, in any case.

  Returns:
    0 for training, 1 for test, 2 for validation; None for other names.
  """
  match = _PART_NAME.fullmatch(name.lower())
  found = (i for i, kind in enumerate(_KINDS) if match and match[1] in kind)
  return next(found, None)


def likely_kind(name: str) -> int | None:
  """Returns which kind of part a folder may be by a word in its name; see `part_kind`.

  `seg_train`, `val2017` and `Test (1)` are such names. A name that holds words of several
  kinds says nothing, but for train and val together.
  """
  if (sure := part_kind(name)) is not None:
    return sure
  kinds = set(map(part_kind, re.findall("[a-z]+", name.lower()))) - {None}
  if kinds == {0, 2}:
    return 0
  return kinds.pop() if len(kinds) == 1 else None


def choose_parts(
  names: Sequence[str],
  split: str,
  source: str,
  kind: Callable[[str], int | None] = part_kind,
) -> tuple[tuple[str, ...], str]:
  """Chooses the parts to read.

  Args:
    names: Names of the parts that the source has; none where it is not divided.
    split: `train`, `test` or `all`; `test` is the part called test or, without one,
      that called val, valid, validation, dev or eval.
    source: What to call the source in a message.
    kind: Returns which kind of part a name means.

  Returns:
    The names of the parts to read, training part first (empty: read everything), and the
    split to record in the data set (`all` for a source that is not divided).

  Raises:
    MissingPartError: If the source has no such part.
  """
  check_split(split, source)
  kinds = [[name for name in names if kind(name) == i] for i in range(len(_KINDS))]
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
    other = "test" if split == "train" else "train"
    raise MissingPartError(
      f"{source} has no {split} part; it has: {', '.join(sorted(names))}: use "
      f"{parameter('split', other)} or {parameter('split', 'all')}"
    )
  return tuple(chosen), split


def part_note(chosen: Sequence[str], names: Sequence[str]) -> str:
  """Returns which parts are read, of which, in words."""
  several = "parts" if len(chosen) > 1 else "part"
  # As people list them: train, val, test.
  in_order = sorted(names, key=lambda name: ((0, 2, 1)[likely_kind(name) or 0], name))
  return f"{several} {' and '.join(chosen)} of {'/'.join(in_order)}"


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
