"""Exact copies of an image: found by content, counted once."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from lead_jax.checks._errors import InputError
from lead_jax.data._copies import (
  count_once,
  leave_out_of_train,
  pixels_of,
)
from lead_jax.data._folder import load_folder_dataset
from lead_jax.data._npz import load_npz_dataset


@pytest.fixture
def photos(make_folder, png_bytes):
  """Three copies in one class, a pair in two classes, a pair across parts."""
  root = make_folder({"train/a": 5, "train/b": 4, "test/a": 3, "test/b": 3})
  pixels = Image.open(root / "train" / "a" / "0.png")
  buffer = io.BytesIO()
  pixels.save(buffer, "BMP")  # another file, the same image
  (root / "train" / "a" / "again.bmp").write_bytes(buffer.getvalue())
  (root / "train" / "a" / "more.png").write_bytes(png_bytes(0))
  (root / "train" / "b" / "of_a.png").write_bytes(png_bytes(3))
  (root / "train" / "b" / "of_test.png").write_bytes(png_bytes(3002))
  return root


def test_copies_count_once(photos):
  whole = load_folder_dataset(photos)
  data, copies = count_once(whole)
  assert copies.names == (
    ("train/a/0.png", "train/a/again.bmp", "train/a/more.png"),
    ("train/a/3.png", "train/b/of_a.png"),
  )
  assert copies.ambiguous == (False, True)
  assert (copies.total, copies.dropped, len(data)) == (13, 4, 9)
  assert np.bincount(data.labels).tolist() == [4, 5]
  assert data.fingerprint != whole.fingerprint
  gone = {"a/again.bmp", "a/more.png", "a/3.png", "b/of_a.png"}
  assert set(whole.names) - set(data.names) == {f"train/{name}" for name in gone}
  for i, row in enumerate(copies.kept):
    np.testing.assert_array_equal(data.read_image(i), whole.read_image(row))
  assert copies.with_copies().tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
  assert copies.facts() == {
    "copies": 3,
    "left_out": 4,
    "in_several_classes": 1,
    "groups": [list(group) for group in copies.names],
  }
  line = copies.line()
  assert line.startswith("2 groups of images that are exact copies (1 in several")
  assert "4 images are left out, so that each counts once, and not at all" in line
  assert "train/a/0.png = train/a/again.bmp = train/a/more.png and 1 more" in line


def test_copies_can_be_kept(photos):
  whole = load_folder_dataset(photos)
  data, copies = count_once(whole, keep=True)
  assert data is whole
  assert (copies.dropped, len(copies.groups)) == (0, 2)
  assert "all are kept, and scores that leave samples out are too high" in copies.line()


def test_without_copies_nothing_changes(make_folder):
  whole = load_folder_dataset(make_folder({"a": 3, "b": 3}))
  data, copies = count_once(whole)
  assert data is whole
  assert copies.line() == ""
  assert copies.facts()["copies"] == 0


def test_a_training_image_that_is_in_the_test_part_is_left_out(photos):
  train, test = (load_folder_dataset(photos, split) for split in ("train", "test"))
  found, count = leave_out_of_train(train, test)
  assert count == 1
  assert set(train.names) - set(found.names) == {"train/b/of_test.png"}
  assert leave_out_of_train(found, test) == (found, 0)


def test_a_class_that_is_left_with_too_few_is_refused(make_folder, png_bytes):
  root = make_folder({"a": 2, "b": 2})
  (root / "b" / "0.png").write_bytes(png_bytes(0))
  whole = load_folder_dataset(root)
  message = r"class 'a' has 1 images left .* copies.*duplicates='keep'"
  with pytest.raises(InputError, match=message) as error:
    count_once(whole)
  assert "\n" not in str(error.value)
  count_once(whole, keep=True)


def test_rows_of_an_npz_file(tmp_path):
  images = np.random.default_rng(0).integers(0, 256, (6, 4, 5), np.uint8)
  images[4] = images[1]
  labels = ["a", "b", "a", "a", "b", "b"]
  np.savez(tmp_path / "x.npz", images=images, labels=labels)
  data, copies = count_once(load_npz_dataset(tmp_path / "x.npz"))
  assert copies.names == (("image 1 (b)", "image 4 (b)"),)
  assert data.labels.tolist() == [0, 1, 0, 0, 1]


def test_pixels_that_are_not_known_are_read_on_request_alone(make_folder):
  whole = load_folder_dataset(make_folder({"a": 3, "b": 3}))
  bare = dataclasses.replace(whole, pixels=None)
  assert pixels_of(bare) == whole.pixels
  assert count_once(bare)[0] is bare
  assert leave_out_of_train(bare, whole) == (bare, 0)
