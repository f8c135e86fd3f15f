"""The order in which images are looked at, and first parts of it."""

import numpy as np
import pytest

from lead_jax import InputError
from lead_jax.data import Dataset, balanced_order, first_images


def skewed(seed: int, sizes=(1, 2, 3, 40, 300)) -> np.ndarray:
  labels = np.repeat(np.arange(len(sizes)), sizes)
  return np.random.default_rng(seed).permutation(labels).astype(np.int32)


@pytest.mark.parametrize("seed", range(5))
def test_any_first_part_is_balanced(seed):
  labels = skewed(seed)
  order = balanced_order(labels)
  np.testing.assert_array_equal(np.sort(order), np.arange(len(labels)))
  seen = np.cumsum(np.eye(5)[labels[order]], axis=0)
  share = np.bincount(labels) / len(labels)
  # One of each class, then two of each that has two.
  assert sorted(labels[order[:5]]) == [0, 1, 2, 3, 4]
  assert sorted(labels[order[5:9]]) == [1, 2, 3, 4]
  for taken in range(9, len(labels) + 1):
    expected = taken * share
    assert np.all(seen[taken - 1] <= np.maximum(expected + 1, 2))
    # What small classes have beyond their share is missing elsewhere.
    assert np.all(seen[taken - 1] >= np.minimum(expected, 2) - 1e-9)
    assert np.all(seen[taken - 1] >= expected - 1 - 8 * share)


def test_the_order_is_of_the_labels_alone_and_drawn():
  labels = skewed(0)
  order = balanced_order(labels)
  np.testing.assert_array_equal(order, balanced_order(labels.astype(np.int64)))
  of_largest = order[labels[order] == 4]
  assert np.mean(np.diff(of_largest) > 0) < 0.7  # not as they were given


def dataset(labels: np.ndarray, **fields) -> Dataset:
  names = tuple(map(str, range(int(labels.max()) + 1)))
  return Dataset("d", "all", labels, names, "print", **fields)


def test_first_images_are_a_data_set_of_their_own():
  labels = skewed(0)
  images = np.arange(len(labels)).reshape(-1, 1, 1, 1)
  whole = dataset(labels, read_image=images.__getitem__)
  part = first_images(whole, 50)
  assert part.part_of is whole
  assert len(part) == 50
  assert part.notes == ("the first 50 of 346 samples, class-balanced",)
  np.testing.assert_array_equal(part.labels, labels[whole.order[:50]])
  assert part.read_image(7).item() == whole.order[7]
  longer = first_images(whole, 60)
  prints = {whole.fingerprint, part.fingerprint, longer.fingerprint}
  assert len(prints) == 3
  assert part.fingerprint == first_images(whole, 50).fingerprint
  assert first_images(whole, len(labels)) is whole
  assert first_images(whole, 10_000) is whole


def test_two_of_each_class_are_the_least():
  whole = dataset(skewed(0), features=np.ones((346, 3)))
  assert first_images(whole, 9).features.shape == (9, 3)
  with pytest.raises(InputError, match="must be at least 9 for 'd', which is two per"):
    first_images(whole, 8)
