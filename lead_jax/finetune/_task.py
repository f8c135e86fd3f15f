"""Two splits of a data set, as one model sees them."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from lead_jax.backbones import InputSpec
from lead_jax.checks import InputError
from lead_jax.data import Dataset, Division, ResizedCache, resized_batches
from lead_jax.finetune._label_kinds import Labels, compact

Images = UInt8[np.ndarray, "n h w 3"]


@dataclasses.dataclass(frozen=True)
class Target:
  """A data set to fine-tune on.

  Attributes:
    name: As the tables name it.
    train: What is learnt from; it also says what classes there are.
    test: What the result is measured on.
    train_labels: Class ids int[N]; or bool[N, K], whether an image is of each class, where
      both splits have `label_sets`.
    test_labels: The same of `test`, in the classes of `train`.
    division: How a data set without a test part was divided; None where it has one.
    remarks: What became of exact copies of images, in lines.
  """

  name: str
  train: Dataset
  test: Dataset
  train_labels: Labels
  test_labels: Labels
  division: Division | None = None
  remarks: Sequence[str] = ()

  @property
  def class_names(self) -> tuple[str, ...]:
    """Names of the classes, by id."""
    return self.train.class_names

  @property
  def several(self) -> bool:
    """Whether an image may be of several classes."""
    return self.train_labels.ndim == 2

  def describe(self) -> list[str]:
    """What a user should see of it before anything starts, in lines."""
    lines = [
      f"Data: {self.name}, {len(self.train)} training and {len(self.test)} test images of "
      f"{len(self.class_names)} classes"
    ]
    if self.division is not None:
      lines.append(f"It has no test part and was divided: {self.division}")
    lines += self.remarks
    for part in (self.train, self.test):
      if part.notes:
        lines.append(f"Read for {part.split}: {'; '.join(part.notes)}")
      lines += part.warnings
      if missed := [entry for entry in part.skipped if not entry.stray]:
        first, count = missed[0], len(missed)
        files = "1 file" if count == 1 else f"{count} files, the first"
        lines.append(
          f"Left out of {part.split}: {files}: {first.path} ({first.reason})"
        )
    return lines

  def content(self, *, test: bool) -> dict[str, str]:
    """Hashes of images and labels, for keys; of the test split where it is looked at."""
    found = {"train": _hash(self.train.fingerprint, self.train_labels)}
    if test:
      found["test"] = _hash(self.test.fingerprint, self.test_labels)
    return found


def make_target(
  train: Dataset,
  test: Dataset,
  name: str | None = None,
  *,
  division: Division | None = None,
  remarks: Sequence[str] = (),
) -> Target:
  """Joins two splits.

  Args:
    train: With images.
    test: With images, of classes that `train` has.
    name: That of `train` if None.
    division: What made them two, where they were one.
    remarks: What became of exact copies of images, in lines.

  Raises:
    InputError: If one has no images or `test` has a class that `train` has not; or, where
      images may be of several classes, if no image of a split is of any.
  """
  for part in (train, test):
    if part.read_image is None:
      raise InputError(
        f"data set {part.name!r} holds ready features and no images: a model cannot "
        "be fine-tuned on it"
      )
  ids = {name: i for i, name in enumerate(train.class_names)}
  strange = [name for name in test.class_names if name not in ids]
  if strange:
    raise InputError(
      f"data set {test.name!r} has class {strange[0]!r} in test and not in train"
    )
  mapped = np.asarray([ids[name] for name in test.class_names], np.int32)
  train_labels, test_labels = train.labels, mapped[test.labels]
  if train.label_sets is not None and test.label_sets is not None:
    train_labels = train.label_sets
    test_labels = np.zeros((len(test), len(ids)), bool)
    test_labels[:, mapped] = test.label_sets
    for part, labels in ((train, train_labels), (test, test_labels)):
      if not labels.any():
        raise InputError(
          f"data set {part.name!r}: no image of {part.split} is of any class, and there "
          "is nothing to learn or to measure"
        )
  found = compact(train_labels), compact(test_labels)
  return Target(name or train.name, train, test, *found, division, remarks)


def read_images(
  dataset: Dataset, spec: InputSpec, cache: ResizedCache | None = None
) -> Images:
  """All images of a data set at a model's size; they are held in memory."""
  batches = list(resized_batches(dataset, spec, batch_size=256, cache=cache))
  # Of a data set that the cache holds these are views, and the copy is the only one.
  return np.concatenate(batches)


def _hash(fingerprint: str, labels: Labels) -> str:
  # Class ids are all that was hashed before there were sets: their keys stay.
  kind = b"" if labels.ndim == 1 else f"sets of {labels.shape[1]}".encode()
  values = labels.astype(np.int64) if labels.ndim == 1 else labels
  return hashlib.sha256(fingerprint.encode() + kind + values.tobytes()).hexdigest()
