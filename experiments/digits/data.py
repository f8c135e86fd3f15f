"""The two halves of scikit-learn's digits, as the networks take them.

Source: every image of the classes 0 to 4. Target: the classes 5 to 9, in the split that
`lead_jax.data.load_digits_dataset` defines, so that the ground truth is fine-tuned on the
very images that `lead-rank digits` scores.
"""

from typing import Literal, NamedTuple

import numpy as np

from lead_jax.backbones.digits import INPUT
from lead_jax.checks import need
from lead_jax.data import Dataset, load_digits_dataset

NUM_SOURCE_CLASSES = 5
BACKGROUND = -INPUT.mean[0] / INPUT.std[0]  # an empty pixel, as the networks see it


class Examples(NamedTuple):
  """Images float32[N, 8, 8, 1] as the networks take them; labels int32[N]."""

  images: np.ndarray
  labels: np.ndarray


def normalise(gray: np.ndarray) -> np.ndarray:
  """Turns gray values 0..255 [N, 8, 8] into the input of the networks."""
  scaled = (gray.astype(np.float32) - INPUT.mean[0]) / INPUT.std[0]
  return scaled[..., None].astype(np.float32)


def load_source() -> Examples:
  """The images of digits 0 to 4, quantised to 0..255 like the target's."""
  datasets = need("sklearn.datasets", extra="figures", purpose="pre-training on digits")
  bunch = datasets.load_digits()
  kept = bunch.target < NUM_SOURCE_CLASSES
  gray = np.rint(bunch.images[kept] * (255 / 16))
  return Examples(normalise(gray), bunch.target[kept].astype(np.int32))


def load_target(split: Literal["train", "test"]) -> Examples:
  """The images of digits 5 to 9 in the `train` or `test` split, labels 0 to 4."""
  dataset = load_digits_dataset(split)
  return Examples(_read_images(dataset), dataset.labels)


def _read_images(dataset: Dataset) -> np.ndarray:
  if dataset.read_image is None:
    raise ValueError(f"dataset must hold images, got ready features: {dataset.name}")
  rgb = np.stack([dataset.read_image(index) for index in range(len(dataset))])
  return normalise(rgb @ np.array([0.299, 0.587, 0.114]))


def split_validation(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
  """Splits off the last `fraction` of each class, in the order given.

  Args:
    examples: N labelled images.
    fraction: Share of each class that goes to validation, in (0, 1).

  Returns:
    Training and validation examples, together N, in their original order.
  """
  held_out = np.zeros(len(examples.labels), bool)
  for label in np.unique(examples.labels):
    members = np.flatnonzero(examples.labels == label)
    held_out[members[len(members) - int(fraction * len(members)) :]] = True
  return (
    Examples(examples.images[~held_out], examples.labels[~held_out]),
    Examples(examples.images[held_out], examples.labels[held_out]),
  )
