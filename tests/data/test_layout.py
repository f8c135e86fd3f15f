"""Which folders are classes, which are parts: the rule of `_layout`, case by case."""

import os
import pathlib
import unicodedata

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

from lead_jax.checks._errors import InputError
from lead_jax.data._folder import count_folder_images, load_folder_dataset


@pytest.fixture
def tree(tmp_path, png_bytes):
  """Returns a function: paths of images and other files -> a new folder that has them."""

  def make(*paths: str) -> pathlib.Path:
    root = tmp_path / "photos"
    for i, path in enumerate(paths):
      name, _, count = path.partition(" x")
      for j in range(int(count or 1)):
        file = root / name.replace("*", f"{j}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        is_image = not file.suffix or file.suffix == ".png"
        file.write_bytes(png_bytes(1000 * i + j) if is_image else b"some text")
    return root

  return make


def classes_of(root, split="train"):
  return load_folder_dataset(root, split).class_names


@pytest.mark.parametrize(
  ("train", "test"),
  [
    ("train", "test"),
    ("Train", "TEST"),
    ("training_set", "test_set"),
    ("train", "dev"),
    ("train", "validation"),
    ("training", "valid"),
    ("train data", "Val Images"),
  ],
)
def test_a_stray_image_beside_the_class_folders_changes_nothing(tree, train, test):
  root = tree(
    *(f"{train}/a/* x3", f"{train}/b/* x2", f"{train}/stray.png"),
    *(f"{test}/a/* x2", f"{test}/b/* x4", f"{test}/stray.png", "cover.png"),
  )
  found, held_out = load_folder_dataset(root), load_folder_dataset(root, "test")
  assert found.class_names == held_out.class_names == ("a", "b")
  assert np.bincount(found.labels).tolist() == [3, 2]
  assert np.bincount(held_out.labels).tolist() == [2, 4]
  assert found.notes == (
    f"part {train} of {train}/{test}",
    "2 files beside the class folders are left out",
  )
  assert len(load_folder_dataset(root, "all")) == 11


@pytest.mark.parametrize(
  "paths",
  [
    ("car/* x2", "train/* x2", "plane/* x2"),
    ("car/* x2", "train/* x3", "train/steam/*", "plane/* x2"),
    ("car/suv/* x2", "train/steam/*", "train/diesel/* x2", "plane/jet/* x2"),
    ("photos/car/* x2", "photos/train/* x2", "photos/plane/* x2"),
    *[
      tuple(
        f"{part}/{name}/* x2" for part in parts for name in ("car", "plane", "train")
      )
      for parts in (("train", "test"), ("train",), ("Training_Set", "dev"))
    ],
  ],
)
def test_a_class_called_train_is_a_class(tree, paths):
  assert classes_of(tree(*paths)) == ("car", "plane", "train")


def test_what_is_taken_for_a_class_is_said(tree):
  root = tree("car/* x2", "train/* x2")
  assert load_folder_dataset(root).notes == ("train taken for a class, not a part",)


@pytest.mark.parametrize(
  "beside", [(), ("unlabelled/* x5",), ("masks/a/* x2",), ("empty/notes.txt",)]
)
def test_a_part_alone_is_a_part(tree, beside):
  root = tree("train/a/* x2", "train/b/* x2", "train/stray.png", *beside)
  found = load_folder_dataset(root)
  assert found.class_names == ("a", "b")
  assert len(found.skipped) == bool(beside)


def test_a_test_part_without_classes_is_named(tree):
  root = tree("train/a/* x2", "train/b/* x2", "test/* x9")
  found = load_folder_dataset(root)
  assert found.class_names == ("a", "b")
  (skipped,) = found.skipped
  assert (skipped.files, os.path.basename(skipped.path)) == (9, "test")


@pytest.mark.parametrize("paths", [("train/* x2", "test/* x2"), ("train/* x4",)])
def test_parts_without_class_folders_are_refused(tree, paths):
  with pytest.raises(
    InputError, match=r"'train' hold.*no class folders.*/CLASS"
  ) as error:
    load_folder_dataset(tree(*paths))
  assert "\n" not in str(error.value)


@pytest.mark.parametrize(
  ("wrapper", "note"),
  [
    ("photos", "class folders in photos/"),
    ("a-download/photos", "class folders in a-download/photos/"),
  ],
)
def test_a_wrapper_is_no_class(tree, wrapper, note):
  junk = ("__MACOSX/photos/a/* x3", ".ipynb_checkpoints/* x2", ".DS_Store", "README.md")
  root = tree(f"{wrapper}/a/* x2", f"{wrapper}/b/* x2", *junk)
  found = load_folder_dataset(root)
  assert found.class_names == ("a", "b")
  assert found.notes[0] == note
  assert found.names[0] == f"{wrapper}/a/0.png"


def test_a_wrapper_may_hold_parts(tree):
  names = ("train/a", "train/b", "test/a", "test/b")
  root = tree(*(f"photos/{name}/* x2" for name in names))
  found = load_folder_dataset(root, "test")
  assert found.notes == ("part test of train/test, class folders in photos/",)
  assert all("/test/" in name for name in found.names)


@pytest.mark.parametrize(
  ("train", "test"),
  [
    ("seg_train", "seg_test"),
    ("train2017", "val2017"),
    ("Train (1)", "Test (1)"),
    ("01_train", "02_test"),
    ("train", "my test"),
    ("trainval", "test"),
    ("train_val", "test"),
    ("seg_train/seg_train", "seg_test/seg_test"),
    ("train/images", "test/images"),
    ("data/train", "data/test"),
  ],
)
def test_parts_by_a_word_in_their_names(tree, train, test):
  root = tree(
    *(f"{train}/a/* x3", f"{train}/b/* x2", f"{test}/a/* x2", f"{test}/b/* x4"),
    *("docs/screenshot.png", "seg_pred/* x2"),
  )
  found, held_out = load_folder_dataset(root), load_folder_dataset(root, "test")
  assert found.class_names == held_out.class_names == ("a", "b")
  assert np.bincount(found.labels).tolist() == [3, 2]
  assert np.bincount(held_out.labels).tolist() == [2, 4]
  assert " of " in found.notes[0]


def test_more_of_a_part_is_left_out_and_said(tree):
  parts = ("train", "train_extra", "test")
  root = tree(*(f"{part}/{name}/* x2" for part in parts for name in "ab"))
  found = load_folder_dataset(root)
  assert len(found) == 4
  assert any("train_extra" in entry.path for entry in found.skipped)


@pytest.mark.parametrize(
  "paths",
  [("test tube/* x2", "train station/* x2", "car/* x2"), ("tests/* x2", "a/* x2")],
)
def test_classes_whose_names_hold_such_a_word(tree, paths):
  assert len(classes_of(tree(*paths))) == len(paths)


@pytest.mark.parametrize(
  "names",
  [
    ("fold1", "fold2"),
    ("tr", "te"),
    ("amazon", "webcam", "other"),
    ("steam_train", "bullet_train", "car"),
    ("dev_board", "test_board", "main_board"),
    ("train_a", "test_a", "other"),
  ],
)
def test_folders_that_hold_the_same_folders_are_no_classes(tree, names):
  root = tree(*(f"{name}/{inner}/* x2" for name in names for inner in ("cat", "dog")))
  with pytest.raises(
    InputError, match=r"hold the same folders \('cat', 'dog'\): if they"
  ):
    load_folder_dataset(root)


def test_classes_with_one_inner_folder_each(tree):
  assert classes_of(tree("n01/images/* x2", "n02/images/* x2")) == ("n01", "n02")


@pytest.mark.parametrize("stray", ["", "rose/0.png", "tulip/0.png"])
def test_a_class_without_test_images_does_not_undo_the_parts(tree, stray):
  names = ("rose/train x3", "rose/test x2", "tulip/train x2", "tulip/test x4")
  root = tree(
    *(name.replace(" ", "/* ") for name in (*names, "eel/train x2")),
    *([stray] if stray else []),
  )
  found = load_folder_dataset(root)
  assert found.class_names == ("eel", "rose", "tulip")
  assert np.bincount(found.labels).tolist() == [2, 3, 2]


def test_classes_that_are_divided_and_others_that_are_not_are_refused(tree):
  root = tree("rose/train/* x3", "rose/test/* x2", "tulip/* x4")
  with pytest.raises(InputError, match="class 'tulip' is not: divide all"):
    load_folder_dataset(root)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_stay_apart(tree):
  root = tree("dog/* x2")
  for name in (b"caf\xe9", b"caf\xe8"):
    folder = os.fsencode(root) + b"/" + name
    os.makedirs(folder, exist_ok=True)
    for i in range(2):
      path = os.path.join(folder, b"%d.png" % i)
      Image.new("RGB", (4, 4), (i, name[-1], 0)).save(os.fsdecode(path))
  found = load_folder_dataset(root)
  assert found.class_names == (r"caf\xe8", r"caf\xe9", "dog")
  assert np.bincount(found.labels).tolist() == [2, 2, 2]


def test_parts_inside_the_class_folders(tree):
  names = ("rose/train x3", "rose/test x2", "tulip/train x2", "tulip/test x4")
  root = tree(*(name.replace(" ", "/* ") for name in names))
  assert np.bincount(load_folder_dataset(root).labels).tolist() == [3, 2]
  assert np.bincount(load_folder_dataset(root, "test").labels).tolist() == [2, 4]
  assert classes_of(root) == ("rose", "tulip")


def test_two_spellings_of_one_name_are_one_class(tree):
  composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
  root = tree(f"{composed}/* x2", f"{apart}/* x3", "bar/* x2")
  found = load_folder_dataset(root)
  assert found.class_names == ("bar", composed)
  assert np.bincount(found.labels).tolist() == [2, 5]


def test_names_that_differ_in_capitals_are_two_classes(tree):
  root = tree("Cat/* x2", "cat/* x2")
  if len(os.listdir(root)) == 1:
    pytest.skip("this disk does not tell capitals apart")
  assert classes_of(root) == ("Cat", "cat")


def test_nested_folders_count_for_the_class_above_them(tree):
  root = tree("animals/cat/* x2", "animals/dog/* x3", "plants/rose/2020/may/* x2")
  found = load_folder_dataset(root)
  assert np.bincount(found.labels).tolist() == [5, 2]
  assert found.notes == ("images in sub-folders count for animals, plants",)


def test_a_linked_class_is_read_and_a_linked_pool_ends(tree):
  root = tree("pool/a/* x2", "pool/b/* x2")
  made = root.parent / "made"
  made.mkdir()
  for name in "ab":
    (made / name).symlink_to(root / "pool" / name)
    (root / "pool" / name / "all").symlink_to(root / "pool")
  found = load_folder_dataset(made)
  assert found.class_names == ("a", "b")
  assert {entry.reason for entry in found.skipped} == {"link to a folder above it"}


def test_deep_folders_end(tree):
  root = tree("a/* x2", "b/* x2", "b/" + "x/" * 90 + "1.png")
  found = load_folder_dataset(root)
  assert len(found) == 4
  assert any("folders deep" in entry.reason for entry in found.skipped)


def test_images_of_a_part_are_counted_by_the_same_rule(tree):
  root = tree(
    "val/a/*", "val/b/no_extension", "val/b/notes.txt", "train/a/*", "val/x.png"
  )
  assert count_folder_images(root, "test") == 2
  assert count_folder_images(root / "val", "test") == 0
  assert count_folder_images(root / "nowhere", "test") == 0


FOLDERS = st.sampled_from(
  [
    "",
    "a",
    "b",
    "a/x",
    "train",
    "train/a",
    "train/b",
    "test",
    "test/a",
    "test/b",
    "masks",
  ]
  + [".git", "train/.cache", "__MACOSX/a", "photos", "photos/a", "dev/a", "a/train"]
)
NAMES = st.sampled_from(
  ["1.png", "2.png", "3.jpg", "none", "notes.txt", ".hidden", "Thumbs.db", "bad.png"]
)


@hypothesis.settings(
  max_examples=150,
  deadline=None,
  derandomize=True,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
  files=st.sets(st.tuples(FOLDERS, NAMES), min_size=4, max_size=30),
  split=st.sampled_from(["train", "test", "all"]),
)
def test_every_file_is_accounted_for(files, split, png_bytes, tmp_path_factory):
  root = tmp_path_factory.mktemp("odd")
  for i, (folder, name) in enumerate(sorted(files)):
    (root / folder).mkdir(parents=True, exist_ok=True)
    content = png_bytes(i) if name in ("1.png", "2.png", "3.jpg", "none") else b"text"
    (root / folder / name).write_bytes(content)
  try:
    data = load_folder_dataset(root, split, threads=1)
  except InputError:
    return
  there = sum(len(names) for _, _, names in os.walk(root))
  entries = (*data.skipped, *data.left_out)
  assert len(data) + sum(entry.files for entry in entries) == there
  assert all(os.path.exists(entry.path) or not entry.files for entry in entries)
  assert not set(data.class_names) & {".git", "__MACOSX", ".cache"}


def test_a_class_of_unreadable_files_is_said(tree):
  root = tree("a/* x2", "b/* x2", "c/1.txt", "c/2.xml", "c/3.txt")
  found = load_folder_dataset(root)
  assert found.class_names == ("a", "b")
  assert found.notes == (
    "3 files are no images: 2 .txt, 1 .xml",
    "without a readable image, and no class: c",
  )
  remark = found.skipped[-1]
  assert (remark.path, remark.files) == ("c", 0)
  assert remark.reason == "class folder without a readable image"


def test_images_of_every_name_and_kind_are_read(tmp_path):
  rng = np.random.default_rng(0)
  kinds = {
    **dict.fromkeys((".jpg", ".jfif", ".jpe", ".JPEG", "", ".dat", ".png"), "JPEG"),
    ".pgm": "PPM",
    ".pnm": "PPM",
    ".mpo": "MPO",
    ".avif": "AVIF",
    ".jp2": "JPEG2000",
    ".tga": "TGA",
    ".x": "TGA",
    ".dds": "DDS",
    ".ico": "ICO",
    ".qoi": "QOI",
    ".pcx": "PCX",
    ".sgi": "SGI",
    ".bmp": "BMP",
    ".dib": "DIB",
  }
  for name in "ab":
    (tmp_path / name).mkdir()
    for end, kind in kinds.items():
      pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
      with open(tmp_path / name / f"image{end}", "wb") as file:
        Image.fromarray(pixels).save(file, kind)
  found = load_folder_dataset(tmp_path)
  assert [entry.path for entry in found.skipped] == []
  assert len(found) == 2 * len(kinds)
