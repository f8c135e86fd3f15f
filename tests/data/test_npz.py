"""npz files: what they may hold, and one line for each way they can be wrong."""

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.data._npz import load_npz_dataset

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 4, 5, 3), np.uint8)
FEATURES = RNG.normal(size=(6, 3)).astype(np.float32)
LABELS = np.array([40, -2, 7, 7, 40, -2])


@pytest.fixture
def write(tmp_path):
  def make(**arrays):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return path

  return make


def test_images(write):
  data = load_npz_dataset(write(images=IMAGES, labels=LABELS))
  assert data.class_names == ("-2", "7", "40")
  assert data.labels.tolist() == [2, 0, 1, 1, 2, 0]
  assert (data.name, data.split) == ("data", "all")
  assert data.features is None
  for i in range(6):
    np.testing.assert_array_equal(data.read_image(i), IMAGES[i])


@pytest.mark.parametrize("images", [IMAGES[..., 0], IMAGES[..., :1]])
def test_gray_images_get_three_channels(write, images):
  data = load_npz_dataset(write(images=images, labels=LABELS))
  expected = np.repeat(IMAGES[2, ..., :1], 3, axis=-1)
  np.testing.assert_array_equal(data.read_image(2), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_features(write, dtype):
  given = FEATURES.astype(dtype)
  data = load_npz_dataset(write(features=given, labels=LABELS.astype(str)))
  assert data.read_image is None
  assert data.features.dtype in (np.float32, np.float64)
  assert data.features.dtype.isnative
  np.testing.assert_array_equal(data.features, given.astype(np.float64))


@pytest.mark.parametrize("as_type", [str, np.bytes_])
def test_split_array(write, as_type):
  part = np.array(["train", "val", "train", "val", "train", "train"]).astype(as_type)
  labels = np.array(["a", "c", "b", "c", "a", "b"])
  labels[[1, 3]] = "a", "b"
  labels = np.repeat(labels, 2)
  path = write(features=np.repeat(FEATURES, 2, 0), labels=labels, split=part.repeat(2))
  train, test, everything = (
    load_npz_dataset(path, split) for split in ("train", "test", "all")
  )
  np.testing.assert_array_equal(train.features, FEATURES[[0, 0, 2, 2, 4, 4, 5, 5]])
  np.testing.assert_array_equal(test.features, FEATURES[[1, 1, 3, 3]])
  np.testing.assert_array_equal(everything.features, np.repeat(FEATURES, 2, 0))
  assert (train.split, test.split, everything.split) == ("train", "test", "all")


def test_fingerprint_is_of_values_and_not_of_labels(write):
  prints = [
    load_npz_dataset(write(features=features, labels=labels)).fingerprint
    for features, labels in (
      (FEATURES, LABELS),
      (FEATURES, LABELS[::-1]),
      (FEATURES[::-1], LABELS),
    )
  ]
  assert prints[0] == prints[1] != prints[2]


def nan_at(row, column):
  features = FEATURES.copy()
  features[row:, column] = np.nan
  return features


@pytest.mark.parametrize(
  ("arrays", "message"),
  [
    ({"images": IMAGES, "y": LABELS}, "no array 'labels'; it holds: images, y"),
    ({"labels": LABELS}, "no array 'images' or 'features'; it holds: labels"),
    ({"images": IMAGES, "features": FEATURES, "labels": LABELS}, "holds both"),
    ({"images": IMAGES[:5], "labels": LABELS}, r"'labels' has shape \(6,\).* 5 rows"),
    ({"images": IMAGES, "labels": np.eye(6, dtype=int)}, r"has shape \(6, 6\)"),
    ({"images": IMAGES, "labels": LABELS * 1.0}, "integers or strings, got float64"),
    (
      {"images": IMAGES / 255, "labels": LABELS},
      "is float64 with values from 0 to 1, expected uint8",
    ),
    ({"images": IMAGES[..., :2], "labels": LABELS}, r"has shape \(6, 4, 5, 2\)"),
    ({"images": IMAGES[:, :0], "labels": LABELS}, r"has shape \(6, 0, 5, 3\)"),
    ({"features": FEATURES[0], "labels": LABELS}, r"has shape \(3,\)"),
    ({"features": FEATURES[:, :0], "labels": LABELS}, r"has shape \(6, 0\)"),
    (
      {"features": FEATURES.astype(int), "labels": LABELS},
      "expected float16, float32 or float64",
    ),
    (
      {"features": nan_at(4, 1), "labels": LABELS},
      r"2 values that are not finite, the first \(nan\) at row 4, column 1",
    ),
    ({"features": FEATURES, "labels": LABELS * 0}, "only one class, '0'"),
    ({"features": FEATURES, "labels": [1, 1, 1, 1, 1, 2]}, "class '2' has only one"),
    ({"features": FEATURES[:1], "labels": [1]}, "1 samples, at least two"),
    ({"features": FEATURES[:0], "labels": LABELS[:0]}, "0 samples, at least two"),
    (
      {"features": FEATURES, "labels": np.array([1, "a"] * 3, dtype=object)},
      "holds Python objects",
    ),
    ({"features": FEATURES, "labels": LABELS, "split": LABELS}, "expected strings"),
    (
      {"features": FEATURES.astype(np.longdouble), "labels": LABELS},
      "expected float16, float32 or float64",
    ),
    ({"features": FEATURES, "labels": LABELS, "split": ["train"]}, r"shape \(1,\)"),
  ],
)
def test_refuses(write, arrays, message):
  with pytest.raises(InputError, match=message) as caught:
    load_npz_dataset(write(**arrays))
  assert "\n" not in str(caught.value)
  assert str(caught.value).startswith("npz:")


def test_missing_part(write):
  with pytest.raises(InputError, match="not divided"):
    load_npz_dataset(write(features=FEATURES, labels=LABELS), "test")
  path = write(features=FEATURES, labels=LABELS, split=["train"] * 6)
  with pytest.raises(InputError, match="no test part; it has: train"):
    load_npz_dataset(path, "test")


def test_unreadable_files(write, tmp_path):
  path = write(images=np.repeat(IMAGES, 50, 0), labels=LABELS.repeat(50))
  whole = path.read_bytes()
  np.save(tmp_path / "array.npy", FEATURES)
  contents = {
    "cut.npz": whole[: len(whole) // 2],
    "text.npz": b"hello",
    "empty.npz": b"",
    "array.npz": (tmp_path / "array.npy").read_bytes(),
    "flipped.npz": whole[:3000] + b"\xff\x00\xff" + whole[3003:],
  }
  for name, content in contents.items():
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
      load_npz_dataset(tmp_path / name)
    assert "\n" not in str(caught.value)
  with pytest.raises(InputError, match="no such file"):
    load_npz_dataset(tmp_path / "none.npz")
  with pytest.raises(InputError, match="cannot be read as an npz file: Is a directory"):
    load_npz_dataset(tmp_path)
