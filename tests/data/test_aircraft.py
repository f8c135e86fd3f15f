"""FGVC-Aircraft's published folder, small."""

import pathlib

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.data._aircraft import load_aircraft_dataset
from lead_jax.data._images import decode_image
from lead_jax.data._load import load_dataset

VARIANTS = ("DR-400", "707-320", "Boeing 717")
SIZES = {"train": 6, "val": 6, "test": 9}


@pytest.fixture
def published(tmp_path, png_bytes) -> pathlib.Path:
  """The folder as it comes out of the archive; returns where it was unpacked."""
  data = tmp_path / "fgvc-aircraft-2013b" / "data"
  (data / "images").mkdir(parents=True)
  lists = {}
  for p, (part, size) in enumerate(SIZES.items()):
    rows = [(f"{1000 * p + i:07}", VARIANTS[i % 3]) for i in range(size)]
    for i, (number, _) in enumerate(rows):
      (data / "images" / f"{number}.jpg").write_bytes(png_bytes(1000 * p + i, (30, 8)))
    lists[part] = rows
  lists["trainval"] = lists["train"] + lists["val"]
  for part, rows in lists.items():
    text = "".join(f"{number} {variant}\n" for number, variant in rows)
    (data / f"images_variant_{part}.txt").write_text(text)
  return tmp_path


def test_content(published, png_bytes):
  data = load_aircraft_dataset(published / "fgvc-aircraft-2013b", "test")
  assert (data.name, data.split, len(data)) == ("aircraft", "test", 9)
  assert data.class_names == ("707-320", "Boeing 717", "DR-400")
  assert data.labels.tolist() == [2, 0, 1] * 3
  # All 30 rows: the banner at the bottom stays.
  np.testing.assert_array_equal(
    data.read_image(4), decode_image(png_bytes(2004, (30, 8)))
  )
  assert data.skipped == ()


def test_parts(published):
  sizes = {
    split: len(load_aircraft_dataset(published, split))
    for split in ("train", "test", "all")
  }
  assert sizes == {"train": 6, "test": 9, "all": 21}


@pytest.mark.parametrize("inside", [".", "fgvc-aircraft-2013b/data"])
def test_whichever_folder_is_given_the_content_is_the_same(published, inside):
  first = load_aircraft_dataset(published / "fgvc-aircraft-2013b", "all")
  other = load_dataset(f"aircraft:{published / inside}", split="all", memory_budget=0)
  assert first.fingerprint == other.fingerprint
  np.testing.assert_array_equal(first.labels, other.labels)


def test_a_relative_folder_may_lie_where_prepared_data_does(published, monkeypatch):
  spec = "aircraft:fgvc-aircraft-2013b"
  assert len(load_dataset(spec, split="test", data_dir=published)) == 9
  monkeypatch.chdir(published)
  assert len(load_dataset(spec, split="test", data_dir="/nowhere")) == 9
  monkeypatch.chdir("/")
  with pytest.raises(InputError, match=r"unpack https.*tar\.gz \(2\.75 GB\)"):
    load_dataset(spec)


def test_a_missing_image_is_named(published):
  (published / "fgvc-aircraft-2013b/data/images/0002002.jpg").unlink()
  data = load_aircraft_dataset(published, "test")
  assert len(data) == 8
  (skipped,) = data.skipped
  assert skipped.path.endswith("0002002.jpg")
  assert skipped.reason == "cannot be opened: No such file or directory"


def break_list(text):
  return lambda data: (data / "images_variant_train.txt").write_text(text)


def remove_images(data):
  for file in (data / "images").iterdir():
    file.unlink()


@pytest.mark.parametrize(
  ("harm", "message"),
  [
    (break_list("0000000 707-320\n0000001\n"), "line 2: expected a number and a v"),
    (break_list("../x 707-320\n"), r"line 1: .*, got '../x 707-320'"),
    (break_list(""), "none of its 0 images .*the lists are empty"),
    (break_list("0000000 A\n0000001 A\n"), "only one class, 'A'"),
    (remove_images, r"none of its 6 images can be read .the first: cannot be opened"),
    (lambda data: (data / "images_variant_train.txt").unlink(), "no train part"),
  ],
)
def test_refuses(published, harm, message):
  harm(published / "fgvc-aircraft-2013b" / "data")
  with pytest.raises(InputError, match=message) as caught:
    load_aircraft_dataset(published)
  assert "\n" not in str(caught.value)
