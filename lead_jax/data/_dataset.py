"""The one type that every source of labelled images becomes."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from lead_jax.data._order import balanced_order


@dataclasses.dataclass(frozen=True)
class SkippedEntry:
  """Something that was left out, and why.

  Attributes:
    path: Of a file or a folder.
    reason: In words.
    files: How many files it is; 0 for a folder whose files are counted on their own.
    stray: Whether neither name nor content says that it should be an image.
  """

  path: str
  reason: str
  files: int = 1
  stray: bool = False


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Labelled images (or ready features), in a fixed order.

  Attributes:
    name: As the report prints it.
    split: Which part was read: `train`, `test` or `all`.
    labels: int32[N], ids in `[0, K)`.
    class_names: K names; `class_names[labels[i]]` is what the user called sample i.
    fingerprint: SHA-256 (hex) of the images' content and order; labels excluded, since
      features do not depend on them.
    read_image: Returns image i as uint8[H, W, 3] RGB; sizes may differ between images.
      None where the source holds ready features only. Safe to call from threads. It may
      have a method `picture` that returns image i as a Pillow image in mode RGB instead,
      which spares a resize the way there and back.
    features: float[N, D] ready features, or None.
    skipped: Files of the classes that cannot be used as images, and folders that hold
      nothing of use, named.
    left_out: What the source holds beside its classes, or in parts that were not asked
      for. Samples, `skipped` and `left_out` are all files of a folder.
    notes: What was decided while it was read, in clauses: the part, what was left out.
    warnings: What is odd about the images, one line each.
    label_sets: bool[N, K], every class that sample i is of, where the source gives
      several; `labels` is then the first of them. A sample may be of none here and still
      have a label, from a less strict list of the source's. None where each has one.
    names: What each sample is called in its source, a path below the folder; None where
      the source has no names.
    pixels: SHA-256 of each sample's decoded pixels, equal for exact copies; of
      `pixels_of`. None where they are not known: then copies are not looked for.
    part_of: The data set whose first images these are; None where it is whole.
  """

  name: str
  split: str
  labels: np.ndarray
  class_names: tuple[str, ...]
  fingerprint: str
  read_image: Callable[[int], np.ndarray] | None = None
  features: np.ndarray | None = None
  skipped: tuple[SkippedEntry, ...] = ()
  label_sets: np.ndarray | None = None
  names: tuple[str, ...] | None = None
  left_out: tuple[SkippedEntry, ...] = ()
  notes: tuple[str, ...] = ()
  warnings: tuple[str, ...] = ()
  pixels: tuple[bytes, ...] | None = None
  part_of: "Dataset | None" = None

  def __len__(self) -> int:
    return len(self.labels)

  @functools.cached_property
  def order(self) -> np.ndarray:
    """The order in which its images are looked at; see `balanced_order`."""
    return balanced_order(self.labels)


def take_rows(
  dataset: Dataset, rows: np.ndarray, *, fingerprint: str, **changes: Any
) -> Dataset:
  """Returns some samples of a data set as one of its own.

  Args:
    dataset: Any.
    rows: int[M], which samples.
    fingerprint: Of what comes of it.
    **changes: Other fields of what comes of it.
  """
  read, names, pixels = dataset.read_image, dataset.names, dataset.pixels
  sets = dataset.label_sets
  return dataclasses.replace(
    dataset,
    labels=dataset.labels[rows],
    fingerprint=fingerprint,
    read_image=None if read is None else _SomeImages(read, rows),
    features=None if dataset.features is None else dataset.features[rows],
    label_sets=None if sets is None else sets[rows],
    names=None if names is None else tuple(names[row] for row in rows),
    pixels=None if pixels is None else tuple(pixels[row] for row in rows),
    **changes,
  )


class _SomeImages:
  """Reads image i of some rows, in the way in which the whole data set is read."""

  def __init__(self, read: Callable[[int], np.ndarray], rows: np.ndarray):
    self._read, self._rows = read, rows
    self._picture: Callable[[int], Any] = getattr(read, "picture", read)

  def __call__(self, index: int) -> np.ndarray:
    return self._read(int(self._rows[index]))

  def picture(self, index: int) -> Any:
    return self._picture(int(self._rows[index]))
