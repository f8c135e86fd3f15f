"""The first images of a data set, as a data set of their own."""

import dataclasses

import numpy as np

from lead_jax.checks import InputError, parameter
from lead_jax.data._dataset import Dataset, take_rows
from lead_jax.data._order import order_digest
from lead_jax.system import content_key


def first_images(dataset: Dataset, count: int) -> Dataset:
  """Returns the first images of a data set in its balanced order, as one of its own.

  Args:
    dataset: With images or ready features; no part itself.
    count: How many.

  Returns:
    A data set with `part_of`, rows in the balanced order; `dataset` where it has no more.

  Raises:
    InputError: If these cannot hold two images of each class that has two.
  """
  if count >= len(dataset):
    return dataset
  of_class = np.bincount(dataset.labels)
  least = int(np.minimum(of_class, 2).sum())
  if count < least:
    raise InputError(
      f"{parameter('images')} must be at least {least:,} for {dataset.name!r}, which is "
      f"two per class, got {count:,}"
    )
  order = dataset.order
  fingerprint = content_key(
    whole=dataset.fingerprint, order=order_digest(order), first=count
  )
  note = f"the first {count:,} of {len(dataset):,} samples, class-balanced"
  notes = (*dataset.notes, note)
  part = take_rows(dataset, order[:count], fingerprint=fingerprint, notes=notes)
  return dataclasses.replace(part, part_of=dataset)
