"""Folders as people have them: parts, junk, damage, links."""

import os
import threading

import numpy as np
import pytest
from PIL import Image

from lead_jax.checks._errors import InputError
from lead_jax.data._folder import load_folder_dataset


def test_classes_and_images_are_sorted(make_folder):
  data = load_folder_dataset(make_folder({"tulip": 3, "rose": 2}))
  assert data.class_names == ("rose", "tulip")
  assert data.labels.tolist() == [0, 0, 1, 1, 1]
  assert data.labels.dtype == np.int32
  assert data.split == "all"
  assert data.name == "photos"
  assert data.skipped == ()


def test_pixels_and_names_are_those_of_the_files(make_folder):
  root = make_folder({"a": 2, "b": 2})
  data = load_folder_dataset(root)
  files = sorted(root.glob("*/*.png"))
  assert data.names == tuple(f"{file.parent.name}/{file.name}" for file in files)
  for i, file in enumerate(files):
    np.testing.assert_array_equal(data.read_image(i), np.asarray(Image.open(file)))


def test_budget_and_threads_change_nothing(make_folder):
  root = make_folder({"a": 5, "b": 5})
  kept = load_folder_dataset(root, threads=2)
  reread = load_folder_dataset(root, memory_budget=0, threads=1)
  some = load_folder_dataset(root, memory_budget=3 * 5 * 7 * 3)
  assert kept.fingerprint == reread.fingerprint == some.fingerprint
  for i in range(10):
    np.testing.assert_array_equal(kept.read_image(i), reread.read_image(i))
    np.testing.assert_array_equal(kept.read_image(i), some.read_image(i))


def test_read_image_from_threads(make_folder):
  data = load_folder_dataset(make_folder({"a": 4, "b": 4}), memory_budget=200)
  expected = [data.read_image(i) for i in range(8)]
  wrong = []

  def read():
    wrong.extend(
      i for i in range(8) if not np.array_equal(data.read_image(i), expected[i])
    )

  threads = [threading.Thread(target=read) for _ in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert not wrong


def test_fingerprint_is_of_content_and_order(make_folder, png_bytes):
  first = load_folder_dataset(make_folder({"a": 2, "b": 2}, "one"))
  renamed = load_folder_dataset(make_folder({"x": 2, "y": 2}, "two"))
  assert first.fingerprint == renamed.fingerprint
  root = make_folder({"a": 2, "b": 2}, "three")
  (root / "a" / "0.png").write_bytes(png_bytes(77))
  assert load_folder_dataset(root).fingerprint != first.fingerprint
  swapped = make_folder({"a": 2, "b": 2}, "four")
  zero, one = swapped / "a" / "0.png", swapped / "a" / "1.png"
  zero.rename(swapped / "z")
  one.rename(zero)
  (swapped / "z").rename(one)
  assert load_folder_dataset(swapped).fingerprint != first.fingerprint


def test_a_file_that_has_changed_since_is_an_error(make_folder, png_bytes):
  root = make_folder({"a": 2, "b": 2})
  data = load_folder_dataset(root, memory_budget=0)
  (root / "a" / "1.png").write_bytes(png_bytes(77))
  (root / "b" / "0.png").unlink()
  data.read_image(0)
  with pytest.raises(InputError, match=r"1\.png.* has changed"):
    data.read_image(1)
  with pytest.raises(InputError, match=r"0\.png.* cannot be opened"):
    data.read_image(2)


@pytest.mark.parametrize("held_out", ["test", "val", "valid", "Validation"])
def test_parts(make_folder, held_out):
  make_folder({"train/a": 3, "train/b": 2})
  root = make_folder({f"{held_out}/a": 2, f"{held_out}/b": 4})
  train, test, everything = (
    load_folder_dataset(root, split) for split in ("train", "test", "all")
  )
  assert [data.split for data in (train, test, everything)] == ["train", "test", "all"]
  assert np.bincount(train.labels).tolist() == [3, 2]
  assert np.bincount(test.labels).tolist() == [2, 4]
  assert np.bincount(everything.labels).tolist() == [5, 6]
  assert train.class_names == test.class_names == everything.class_names == ("a", "b")


def test_test_is_preferred_to_validation(make_folder):
  make_folder({"train/a": 3, "train/b": 2, "val/a": 2, "val/b": 2})
  root = make_folder({"test/a": 3, "test/b": 3})
  assert len(load_folder_dataset(root, "test")) == 6
  assert len(load_folder_dataset(root, "all")) == 15


def test_a_folder_beside_the_parts_is_named(make_folder):
  root = make_folder({"train/a": 2, "train/b": 2, "masks/a": 2})
  (skipped,) = load_folder_dataset(root).skipped
  assert skipped.path.endswith("masks")


def test_a_class_called_train_is_a_class(make_folder):
  data = load_folder_dataset(make_folder({"bus": 2, "train": 3, "train/steam": 1}))
  assert data.class_names == ("bus", "train")
  assert data.labels.tolist() == [0, 0, 1, 1, 1, 1]


def test_missing_parts_say_which_there_are(make_folder):
  with pytest.raises(InputError, match="no test part, it is not divided"):
    load_folder_dataset(make_folder({"a": 2, "b": 2}, "whole"), "test")
  root = make_folder({"train/a": 2, "train/b": 2}, "half")
  with pytest.raises(InputError, match="no test part; it has: train"):
    load_folder_dataset(root, "test")
  with pytest.raises(InputError, match="'dev' is not one of train, test, all"):
    load_folder_dataset(root, "dev")


def test_damage_is_skipped_and_named(make_folder, png_bytes):
  root = make_folder({"a": 3, "b": 2, "empty": 0, "bad": 0})
  (root / "a" / "broken.jpg").write_bytes(b"")
  (root / "a" / "text.png").write_bytes(b"not at all")
  (root / "b" / "cut.png").write_bytes(png_bytes(5)[:60])
  (root / "b" / "gone.png").symlink_to(root / "nowhere.png")
  os.mkfifo(root / "b" / "pipe.png")
  (root / "bad" / "x.png").write_bytes(b"zzz")
  data = load_folder_dataset(root)
  assert data.labels.tolist() == [0, 0, 0, 1, 1]
  reasons = {os.path.basename(item.path): item.reason for item in data.skipped}
  assert reasons == {
    "broken.jpg": "empty file",
    "text.png": "not an image",
    "cut.png": reasons["cut.png"],
    "gone.png": "cannot be opened: No such file or directory",
    "pipe.png": "not a regular file",
    "x.png": "not an image",
    "empty": "class folder without images",
    "bad": "class folder without a readable image",
  }
  assert reasons["cut.png"].startswith("damaged: ")


def test_junk_is_counted_and_no_sample(make_folder):
  root = make_folder({"a": 2, "b": 2, ".cache": 2, "__MACOSX": 2})
  for name in ("Thumbs.db", ".DS_Store", "notes.txt", "._0.png", ".hidden.png"):
    (root / "a" / name).write_bytes(b"junk")
  (root / "README.md").write_text("hello")
  data = load_folder_dataset(root)
  assert data.class_names == ("a", "b")
  assert len(data) == 4
  (skipped,) = data.skipped
  assert skipped.path.endswith("notes.txt")
  found = {entry.reason: entry.files for entry in data.left_out}
  assert found == {"beside the class folders": 1, "hidden": 8}
  assert data.notes == (
    "1 file beside the class folders is left out",
    "1 file is no image: 1 .txt",
  )


def test_extensions_of_any_case_and_nested_folders(make_folder, png_bytes):
  root = make_folder({"a": 2, "b": 2, "b/2020/may": 1})
  (root / "a" / "LOUD.PNG").write_bytes(png_bytes(3))
  assert load_folder_dataset(root).labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_loops_of_links_end(make_folder):
  root = make_folder({"a": 2, "b": 2})
  (root / "a" / "again").symlink_to(root / "a")
  (root / "a" / "up").symlink_to(root)
  (root / "b" / "self").symlink_to(root / "b" / "self")
  (root / "b" / "self.png").symlink_to(root / "b" / "self.png")
  (root / "loop").symlink_to(root)
  data = load_folder_dataset(root)
  assert data.labels.tolist() == [0, 0, 1, 1]
  names = {os.path.basename(item.path) for item in data.skipped}
  assert names == {"self.png", "self", "loop", "again", "up"}


def test_names_that_are_not_text(make_folder, png_bytes):
  root = make_folder({"a": 2, "b": 2})
  odd = os.fsencode(root) + b"/a/\xff\xfe.png"
  with open(odd, "wb") as file:
    file.write(b"")
  (skipped,) = load_folder_dataset(root).skipped
  skipped.path.encode()  # It can be printed.


def test_a_part_with_fewer_classes_says_so(make_folder):
  root = make_folder({"train/a": 2, "train/b": 2, "train/c": 2, "test/a": 2})
  make_folder({"test/c": 2})
  assert load_folder_dataset(root, "test").class_names == ("a", "c")


def one_line(error: pytest.ExceptionInfo) -> str:
  assert "\n" not in str(error.value)
  return str(error.value)


def test_refuses(make_folder, tmp_path, png_bytes):
  with pytest.raises(InputError, match="no such folder") as error:
    load_folder_dataset(tmp_path / "nothing")
  one_line(error)
  (tmp_path / "file.npz").write_bytes(b"x")
  with pytest.raises(InputError, match=r"is a file, not a folder.*npz:FILE"):
    load_folder_dataset(tmp_path / "file.npz")
  with pytest.raises(InputError, match="holds no images"):
    load_folder_dataset(make_folder({"a": 0, "b": 0}, "empty"))
  with pytest.raises(InputError, match="only one class, 'rose'"):
    load_folder_dataset(make_folder({"rose": 4}, "single"))
  with pytest.raises(InputError, match=r"class 'b' has only one of.*remove") as error:
    load_folder_dataset(make_folder({"a": 2, "b": 1}, "lonely"))
  one_line(error)
  with pytest.raises(InputError, match=r"class 'a' \(and 1 more classes\)"):
    load_folder_dataset(make_folder({"a": 1, "b": 1, "c": 2}, "lonelier"))
  flat = tmp_path / "flat"
  flat.mkdir()
  (flat / "x.png").write_bytes(png_bytes(1))
  with pytest.raises(InputError, match="holds images but no class folders"):
    load_folder_dataset(flat)
  bad = make_folder({"a": 0, "b": 0}, "bad")
  (bad / "a" / "x.png").write_bytes(b"")
  (bad / "b" / "y.png").write_bytes(b"")
  with pytest.raises(
    InputError,
    match=r"none of its 2 files can be read.*\(2 \.png\); the first: empty file",
  ):
    load_folder_dataset(bad)


def test_class_that_damage_leaves_with_one_image(make_folder):
  root = make_folder({"a": 2, "b": 2})
  (root / "b" / "0.png").write_bytes(b"")
  with pytest.raises(InputError, match="class 'b' has only one of the readable"):
    load_folder_dataset(root)


def test_photographs(shared):
  data = load_folder_dataset(shared / "realzoo" / "data" / "flowers5", "test")
  assert len(data) == 1000
  assert data.class_names == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
  assert data.skipped == ()
