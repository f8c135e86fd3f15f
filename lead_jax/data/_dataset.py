"""The one type that every source of labelled images becomes."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class SkippedEntry:
  """An image or a folder that was left out, and why."""

  path: str
  reason: str


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
    skipped: What was left out, named.
    label_sets: bool[N, K], every class that sample i is of, where the source gives
      several; `labels` is then the first of them. A sample may be of none here and still
      have a label, from a less strict list of the source's. None where each has one.
    names: What each sample is called in its source, a path below the folder; None where
      the source has no names.
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

  def __len__(self) -> int:
    return len(self.labels)
