"""The bundled digits: their classes, their cut, their pixels."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lead_jax.checks._errors import InputError
from lead_jax.data._bundled import load_digits_dataset


def test_parts_are_the_first_60_percent_of_each_class_and_the_rest():
  train, test, everything = (
    load_digits_dataset(split) for split in ("train", "test", "all")
  )
  assert train.class_names == ("5", "6", "7", "8", "9")
  total = np.bincount(everything.labels)
  np.testing.assert_array_equal(np.bincount(train.labels), total * 6 // 10)
  np.testing.assert_array_equal(np.bincount(test.labels), total - total * 6 // 10)
  assert len({train.fingerprint, test.fingerprint, everything.fingerprint}) == 3
  assert train.fingerprint == load_digits_dataset("train").fingerprint
  target = load_digits().target
  np.testing.assert_array_equal(everything.labels + 5, target[target >= 5])


def test_pixels():
  everything = load_digits_dataset("all")
  bunch = load_digits()
  rows = np.flatnonzero(bunch.target >= 5)
  for i in (0, 7, len(rows) - 1):
    image = everything.read_image(i)
    assert image.dtype == np.uint8
    assert image.shape == (8, 8, 3)
    for channel in range(3):
      expected = [[round(v * 255 / 16) for v in row] for row in bunch.images[rows[i]]]
      np.testing.assert_array_equal(image[..., channel], expected)


def test_unknown_split():
  with pytest.raises(InputError, match="'validation' is not one of train, test, all"):
    load_digits_dataset("validation")
