"""Two splits of a data set, as one network sees them."""

import dataclasses
import hashlib

import numpy as np
from jaxtyping import Int, UInt8

from lead_jax.backbones.base import InputSpec
from lead_jax.data.dataset import Dataset
from lead_jax.data.preprocess import ResizedCache, resized_batches
from lead_jax.errors import InputError

Images = UInt8[np.ndarray, "n h w 3"]
Labels = Int[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True)
class Target:
  """A data set to fine-tune on.

  Attributes:
    name: As the tables name it.
    train: What is learnt from; it also says what classes there are.
    test: What the result is measured on.
    test_labels: Its labels, as ids of the classes of `train`.
  """

  name: str
  train: Dataset
  test: Dataset
  test_labels: Labels

  @property
  def class_names(self) -> tuple[str, ...]:
    """Names of the classes, by id."""
    return self.train.class_names

  def content(self, *, test: bool) -> dict[str, str]:
    """Hashes of images and labels, for keys; of the test split where it is looked at."""
    found = {"train": _hash(self.train.fingerprint, self.train.labels)}
    if test:
      found["test"] = _hash(self.test.fingerprint, self.test_labels)
    return found


def make_target(train: Dataset, test: Dataset, name: str | None = None) -> Target:
  """Joins two splits.

  Args:
    train: With images.
    test: With images, of classes that `train` has.
    name: That of `train` if None.

  Raises:
    InputError: If one has no images or `test` has a class that `train` has not.
  """
  for part in (train, test):
    if part.read_image is None:
      raise InputError(
        f"data set {part.name!r} holds ready features and no images: a network cannot "
        "be fine-tuned on it"
      )
  ids = {name: i for i, name in enumerate(train.class_names)}
  strange = [name for name in test.class_names if name not in ids]
  if strange:
    raise InputError(
      f"data set {test.name!r} has class {strange[0]!r} in test and not in train"
    )
  mapped = np.asarray([ids[name] for name in test.class_names], np.int32)
  return Target(name or train.name, train, test, mapped[test.labels])


def read_images(
  dataset: Dataset, spec: InputSpec, cache: ResizedCache | None = None
) -> Images:
  """All images of a data set at a network's size; they are held in memory."""
  batches = list(resized_batches(dataset, spec, batch_size=256, cache=cache))
  # Of a data set that the cache holds these are views, and the copy is the only one.
  return np.concatenate(batches)


def _hash(fingerprint: str, labels: Labels) -> str:
  return hashlib.sha256(
    fingerprint.encode() + labels.astype(np.int64).tobytes()
  ).hexdigest()
