"""Exact copies of an image in a data set: found by content, counted once.

A score that leaves a sample out and predicts it from the others is flattered by a copy of
that sample among the others: the answer is in the training set. Two images are copies
where their decoded pixels are equal, whatever their files are called and however they are
compressed; images that merely look alike are not.

The rule, `duplicates="once"`: of copies in one class the first is kept; of copies in
several classes none, since nothing says which label is right. A training image that is in
the test part too is left out of training, so that the test part stays whole.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from lead_jax.checks import InputError, parameter
from lead_jax.data._dataset import Dataset, take_rows
from lead_jax.data._seen import pixels_digest
from lead_jax.system import cpu_count

DUPLICATES = ("once", "keep")


@dataclasses.dataclass(frozen=True)
class Copies:
  """What was found of copies in a data set, and what became of them.

  Attributes:
    total: How many samples there were.
    kept: Of these, the samples that are left, ascending.
    groups: Each by its samples, ascending; ordered by the first.
    names: The same by names, each with its class where the group has several.
    ambiguous: Which groups are of several classes.
  """

  total: int
  kept: np.ndarray
  groups: tuple[tuple[int, ...], ...] = ()
  names: tuple[tuple[str, ...], ...] = ()
  ambiguous: tuple[bool, ...] = ()

  @property
  def dropped(self) -> int:
    """How many samples were left out."""
    return self.total - len(self.kept)

  def with_copies(self) -> np.ndarray:
    """Returns samples of those kept, ascending, each as often as its class has copies."""
    count = np.ones(self.total, int)
    for group, several in zip(self.groups, self.ambiguous, strict=True):
      if not several:
        count[group[0]] = len(group)
    return np.repeat(np.arange(len(self.kept)), count[self.kept])

  def facts(self) -> dict[str, Any]:
    """JSON values: how many there are, how many were left out, and the groups by name."""
    return {
      "copies": sum(len(group) - 1 for group in self.groups),
      "left_out": self.dropped,
      "in_several_classes": sum(self.ambiguous),
      "groups": [list(group) for group in self.names],
    }

  def line(self, things: str = "images") -> str:
    """Says in one line what was found and done; "" where there are none.

    Args:
      things: What the samples are called, a plural with an s.
    """
    if not self.groups:
      return ""
    several, count = sum(self.ambiguous), len(self.groups)
    groups = "1 group" if count == 1 else f"{count} groups"
    found = f"{groups} of {things} that are exact copies"
    found += f" ({several} in several classes)" if several else ""
    if self.dropped:
      out = f"{things[:-1]} is" if self.dropped == 1 else f"{things} are"
      done = f"{self.dropped} {out} left out, so that each counts once"
      done += ", and not at all where its class is in doubt" if several else ""
    else:
      done = "all are kept, and scores that leave samples out are too high"
    more = f" and {count - 1} more" if count > 1 else ""
    return f"{found}: {done}; {' = '.join(self.names[0])}{more} (all in report.json)"


def count_once(dataset: Dataset, *, keep: bool = False) -> tuple[Dataset, Copies]:
  """Leaves copies out of a data set, by the rule above.

  Args:
    dataset: One whose `pixels` are not known is returned as it is.
    keep: Only finds them.

  Returns:
    The data set itself where nothing is left out, and what was found.

  Raises:
    InputError: If a class would be left with fewer than two images.
  """
  everything = np.arange(len(dataset))
  if dataset.pixels is None:
    return dataset, Copies(len(dataset), everything)
  found = _groups(dataset.pixels)
  several = tuple(len({int(dataset.labels[i]) for i in group}) > 1 for group in found)
  stays = np.ones(len(dataset), bool)
  for group, ambiguous in zip(found, several, strict=True):
    stays[list(group if ambiguous else group[1:])] = keep
  kept = np.flatnonzero(stays)
  copies = Copies(
    len(dataset), kept, tuple(found), tuple(_named(dataset, g) for g in found), several
  )
  if not copies.dropped:
    return dataset, copies
  return _without(dataset, kept), copies


def leave_out_of_train(train: Dataset, test: Dataset) -> tuple[Dataset, int]:
  """Leaves out of a training part what is in the test part too, whatever its class.

  Args:
    train: One whose `pixels` are not known is returned as it is.
    test: Likewise.

  Returns:
    The training part, itself where nothing is left out, and how many images were.

  Raises:
    InputError: If a class would be left with fewer than two images.
  """
  if train.pixels is None or test.pixels is None:
    return train, 0
  held_out = set(test.pixels)
  kept = [i for i, pixels in enumerate(train.pixels) if pixels not in held_out]
  if len(kept) == len(train):
    return train, 0
  return _without(train, np.asarray(kept, int)), len(train) - len(kept)


def pixels_of(dataset: Dataset) -> tuple[bytes, ...] | None:
  """Reads all images of a data set for the hashes of their pixels.

  Args:
    dataset: Any.

  Returns:
    For `Dataset.pixels`: one hash per sample; None where there are no images.
  """
  if dataset.pixels is not None or (read := dataset.read_image) is None:
    return dataset.pixels
  with ThreadPoolExecutor(cpu_count()) as pool:
    rows = range(len(dataset))
    return tuple(pool.map(lambda i: pixels_digest(np.asarray(read(i))), rows))


def _groups(hashes: Sequence[bytes]) -> list[tuple[int, ...]]:
  """Groups of two and more equal hashes, by their places."""
  places: dict[bytes, list[int]] = {}
  for i, one in enumerate(hashes):
    places.setdefault(one, []).append(i)
  return [tuple(group) for group in places.values() if len(group) > 1]


def _named(dataset: Dataset, group: Sequence[int]) -> tuple[str, ...]:
  """Names of samples; where the source has none, their places (from 0) and classes."""
  if dataset.names is not None:
    return tuple(dataset.names[i] for i in group)
  return tuple(f"image {i} ({dataset.class_names[dataset.labels[i]]})" for i in group)


def _without(dataset: Dataset, kept: np.ndarray) -> Dataset:
  """A data set of some of the samples; every class keeps at least two."""
  counts = np.bincount(dataset.labels[kept], minlength=len(dataset.class_names))
  for name, count in zip(dataset.class_names, counts, strict=True):
    if count < 2:
      raise InputError(
        f"data set {dataset.name!r}: class {name!r} has {count} images left once exact "
        "copies are left out, and needs two: remove copies that are in the wrong class, "
        f"or count them all with {parameter('duplicates', 'keep')}"
      )
  mask = np.zeros(len(dataset), bool)
  mask[kept] = True
  digest = hashlib.sha256(f"{dataset.fingerprint} once ".encode() + mask.tobytes())
  return take_rows(dataset, kept, fingerprint=digest.hexdigest())
