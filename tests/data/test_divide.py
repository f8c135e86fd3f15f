"""A test part for a data set that has none."""

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.data._dataset import Dataset
from lead_jax.data._divide import divide_dataset

LABELS = np.repeat(np.arange(3, dtype=np.int32), (2, 10, 25))


def dataset(labels=LABELS, **options):
  images = np.arange(len(labels), dtype=np.uint8)
  names = tuple(f"{label}/{i}.png" for i, label in enumerate(labels))
  read = lambda i: np.full((2, 2, 3), images[i])
  fields = {"read_image": read, "names": names, **options}
  return Dataset("d", "all", labels, ("a", "b", "c"), "f" * 64, **fields)


def test_every_class_is_divided_in_the_same_proportion():
  found = divide_dataset(dataset(), test_fraction=0.2, seed=0)
  assert [int(n) for n in np.bincount(found.test.labels)] == [1, 2, 5]
  assert [int(n) for n in np.bincount(found.train.labels)] == [1, 8, 20]
  both = np.concatenate([found.rows["train"], found.rows["test"]])
  np.testing.assert_array_equal(np.sort(both), np.arange(37))
  for fraction in (1e-9, 1 - 1e-9):
    ends = divide_dataset(dataset(), test_fraction=fraction)
    assert np.bincount(ends.test.labels).min() == 1
    assert np.bincount(ends.train.labels).min() == 1


def test_the_parts_hold_their_own_samples():
  sets = np.eye(3, dtype=bool)[LABELS]
  features = np.arange(37.0)[:, None]
  found = divide_dataset(dataset(features=features, label_sets=sets))
  for part in ("train", "test"):
    rows, here = found.rows[part], getattr(found, part)
    assert (here.name, here.split) == ("d", part)
    assert [int(here.read_image(i)[0, 0, 0]) for i in range(len(rows))] == list(rows)
    assert here.names == tuple(f"{LABELS[row]}/{row}.png" for row in rows)
    np.testing.assert_array_equal(here.features[:, 0], rows)
    np.testing.assert_array_equal(here.label_sets, sets[rows])
    np.testing.assert_array_equal(here.labels, LABELS[rows])


def test_pictures_are_read_in_the_way_of_the_whole():
  class Reader:
    def __call__(self, index):
      return np.full((1, 1, 3), index, np.uint8)

    def picture(self, index):
      return f"picture {index}"

  found = divide_dataset(dataset(read_image=Reader()))
  first = int(found.rows["test"][0])
  assert found.test.read_image.picture(0) == f"picture {first}"
  plain = divide_dataset(dataset()).test.read_image
  np.testing.assert_array_equal(plain.picture(0), plain(0))


def test_the_split_follows_from_order_labels_and_seed():
  one, again = divide_dataset(dataset(), seed=3), divide_dataset(dataset(), seed=3)
  np.testing.assert_array_equal(one.rows["test"], again.rows["test"])
  assert one.digest == again.digest
  assert one.record() == again.record()
  others = [
    divide_dataset(dataset(), seed=4),
    divide_dataset(dataset(), seed=3, test_fraction=0.5),
  ]
  prints = {d.train.fingerprint for d in (one, *others)}
  prints |= {d.test.fingerprint for d in (one, *others)}
  assert len(prints) == 6
  assert len({d.digest for d in (one, *others)}) == 3


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_is_between_0_and_1(fraction):
  with pytest.raises(InputError, match=r"^test_fraction=.*: expected a number between"):
    divide_dataset(dataset(), test_fraction=fraction)


def test_a_class_of_one_sample_is_named():
  with pytest.raises(InputError, match="class 'b' has 1 image, and at least 2"):
    divide_dataset(dataset(np.array([0, 0, 1, 2, 2], np.int32)))
