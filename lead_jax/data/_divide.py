"""A test part for a data set that has none: stratified, seeded and recorded."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from lead_jax.checks import InputError, parameter
from lead_jax.data._dataset import Dataset, take_rows


@dataclasses.dataclass(frozen=True)
class Division:
  """How a data set was divided into train and test.

  Attributes:
    train: Its train part.
    test: Its test part.
    rows: By part, the indices of its samples in the data set, ascending.
    test_fraction: The share of every class that was asked for.
    seed: Of the choice.
    digest: SHA-256 (hex) of the data set's images and of which part each is in.
  """

  train: Dataset
  test: Dataset
  rows: Mapping[str, np.ndarray]
  test_fraction: float
  seed: int
  digest: str

  def __str__(self) -> str:
    """What a table says of it."""
    return (
      f"{100 * self.test_fraction:g} % of each class, seed {self.seed}, "
      f"{self.digest[:12]}"
    )

  def summary(self) -> dict[str, Any]:
    """JSON values: fraction, seed, digest and the sizes of the parts."""
    return {
      "test_fraction": self.test_fraction,
      "split_seed": self.seed,
      "digest": self.digest,
      "train": len(self.train),
      "test": len(self.test),
    }

  def record(self) -> dict[str, Any]:
    """JSON values: the summary, and by part the index, class and name of each image."""
    parts = {"train": self.train, "test": self.test}
    images = {
      part: [
        {
          "index": int(row),
          "class": dataset.class_names[label],
          **({} if dataset.names is None else {"image": dataset.names[i]}),
        }
        for i, (row, label) in enumerate(
          zip(self.rows[part], dataset.labels, strict=True)
        )
      ]
      for part, dataset in parts.items()
    }
    return {"dataset": self.train.name, **self.summary(), "images": images}


def divide_dataset(
  dataset: Dataset, *, test_fraction: float = 0.2, seed: int = 0
) -> Division:
  """Divides a data set into train and test, each class in the same proportion.

  The choice depends on the order, the labels and the seed alone: the same content is
  divided in the same way wherever it lies.

  Args:
    dataset: Samples of at least two per class. Samples of several classes count for the
      one that `labels` names.
    test_fraction: Share of every class that is test, in (0, 1), rounded to whole samples;
      at least one sample of a class is in each part.
    seed: Of the choice.

  Raises:
    InputError: If the fraction is out of range, or a class has only one sample.
  """
  if not 0 < test_fraction < 1:
    raise InputError(
      f"{parameter('test_fraction', test_fraction)}: expected a number between 0 and 1"
    )
  test: list[np.ndarray] = []
  for label, name in enumerate(dataset.class_names):
    members = np.flatnonzero(dataset.labels == label)
    if len(members) < 2:
      raise InputError(
        f"data set {dataset.name!r}: class {name!r} has {len(members)} image, and at least "
        "2 are needed, one to train on and one to test on: add images of it or remove it"
      )
    count = min(max(int(test_fraction * len(members) + 0.5), 1), len(members) - 1)
    order = np.random.default_rng((seed, label)).permutation(len(members))
    test.append(members[order[:count]])
  is_test = np.zeros(len(dataset), bool)
  is_test[np.concatenate(test)] = True
  digest = hashlib.sha256(dataset.fingerprint.encode() + is_test.tobytes()).hexdigest()
  rows = {"train": np.flatnonzero(~is_test), "test": np.flatnonzero(is_test)}
  parts = {part: _part(dataset, part, rows[part], digest) for part in rows}
  return Division(
    parts["train"], parts["test"], rows, float(test_fraction), seed, digest
  )


def _part(dataset: Dataset, part: str, rows: np.ndarray, digest: str) -> Dataset:
  """Some samples of a data set, as one of its own."""
  return take_rows(
    dataset,
    rows,
    fingerprint=hashlib.sha256(f"{digest} {part}".encode()).hexdigest(),
    split=part,
    skipped=dataset.skipped if part == "train" else (),
    left_out=dataset.left_out if part == "train" else (),
    notes=dataset.notes if part == "train" else (),
  )
