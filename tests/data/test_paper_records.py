"""Each of the papers' data sets, read from records of its real builder's features."""

import numpy as np
import pytest

from experiments.reproduction.records import prepare
from lead_jax.checks._errors import InputError
from lead_jax.data._load import load_dataset
from lead_jax.data._papers import PAPER_DATASETS, count_warning
from lead_jax.data._tfds import load_tfds_dataset

pytest.importorskip("tensorflow_datasets", reason="tensorflow-datasets is not here")

OF_TFDS = [one for one in PAPER_DATASETS.values() if one.spec.startswith("tfds:")]
PERSON, CHAIR, BIRD, AEROPLANE = 14, 8, 2, 0
# The classes of six images; the fourth has difficult objects only, the last has none.
CLASSES = [[PERSON, CHAIR], [PERSON], [BIRD], [CHAIR, BIRD], [PERSON, BIRD], []]
NOT_DIFFICULT = [[PERSON, CHAIR], [PERSON], [BIRD], [], [PERSON], []]


@pytest.mark.parametrize("paper", OF_TFDS, ids=lambda one: one.name)
def test_every_data_set_is_read(paper, tmp_path):
  lists = None
  if paper.name == "VOC2007":
    lists = {"labels": [[0], [1], [2]] * 2, "labels_no_difficult": [[0], [1], [2]] * 2}
  name = paper.spec.removeprefix("tfds:")
  prepare(name, tmp_path, dict.fromkeys(paper.parts, 6), lists=lists)
  data = load_dataset(paper.spec, split="all", data_dir=tmp_path)
  assert len(data) == 6 * len(paper.parts)
  # Of several class labels (species, coarse labels) it is `label`.
  assert np.bincount(data.labels).tolist() == [2 * len(paper.parts)] * 3
  assert data.read_image(0).shape[2] == 3
  assert (data.label_sets is not None) == (paper.name == "VOC2007")
  for split in ("train", "test"):
    assert len(load_dataset(paper.spec, split=split, data_dir=tmp_path)) == 6
  warning = count_warning(paper, data)
  assert f"has {len(data)} images of 3 classes" in warning
  assert f"has {paper.images:,} of {paper.classes}" in warning


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
  folder = tmp_path_factory.mktemp("voc")
  lists = {"labels": CLASSES * 2, "labels_no_difficult": NOT_DIFFICULT * 2}
  counts = {"train": 12, "validation": 6, "test": 6}
  prepare("voc/2007", folder, counts, lists=lists)
  return folder


def test_of_several_classes_the_first_that_is_not_difficult_is_the_label(voc):
  data = load_tfds_dataset("voc/2007", data_dir=voc)
  assert data.class_names == ("bird", "chair", "person")
  names = [data.class_names[label] for label in data.labels]
  sets = [
    tuple(name for name, has in zip(data.class_names, row, strict=True) if has)
    for row in data.label_sets
  ]
  expected = [
    ("chair", ("chair", "person")),
    ("person", ("person",)),
    ("bird", ("bird",)),
    ("bird", ()),  # All its objects are difficult.
    ("person", ("person",)),
  ]
  assert sorted(zip(names, sets, strict=True)) == sorted(expected * 2)
  assert data.label_sets.dtype == bool


def test_an_image_without_a_class_is_named(voc):
  data = load_tfds_dataset("voc/2007", data_dir=voc)
  assert len(data) == 10
  assert {skipped.reason for skipped in data.skipped} == {"no class label"}
  assert len(data.skipped) == 2


def test_parts_of_voc(voc):
  assert len(load_tfds_dataset("voc/2007", "all", data_dir=voc)) == 20


def test_a_part_without_any_class_is_one_line(tmp_path):
  lists = {"labels": [[]] * 4, "labels_no_difficult": [[]] * 4}
  prepare("voc/2012", tmp_path, {"train": 4, "test": 4}, lists=lists)
  with pytest.raises(InputError, match=r"no image that can be used .*no class label"):
    load_tfds_dataset("voc/2012", "test", data_dir=tmp_path)


def test_what_is_not_prepared_says_how(tmp_path):
  with pytest.raises(
    InputError, match=r"run `tfds build cars196 --data_dir="
  ) as caught:
    load_dataset("tfds:cars196", data_dir=tmp_path)
  assert "1.96 GB to download; its pages at Stanford are gone" in str(caught.value)
  assert "\n" not in str(caught.value)


def test_files_fetched_by_hand_are_what_tfds_takes(tmp_path, monkeypatch):
  """`--manual_dir`, which the table advises for Cars: no download is tried."""
  import tensorflow_datasets as tfds

  cars = PAPER_DATASETS["Cars"]
  builder = tfds.builder("cars196", data_dir=tmp_path)
  for archive in cars.archives:
    (tmp_path / archive.name).write_bytes(b"not it")
    assert builder.url_infos[archive.url].filename == archive.name
  config = tfds.download.DownloadConfig(manual_dir=tmp_path)
  manager = builder._make_download_manager(tmp_path / "downloads", config)
  mismatch = tfds.core.download.download_manager.NonMatchingChecksumError
  with pytest.raises(mismatch, match=r"downloaded to .*/cars_train.tgz, has wrong"):
    manager.download(cars.archives[0].url)
