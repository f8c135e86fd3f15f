"""The papers' data sets: held against the papers' tables, tfds's own files and the page."""

import csv
import dataclasses
import io
import pathlib

import numpy as np
import pytest

from lead_jax.data._dataset import Dataset, SkippedEntry
from lead_jax.data._papers import (
  PAPER_DATASETS,
  count_warning,
  how_to_prepare,
)
from lead_jax.literature import published_ground_truth_csv

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEASURES = {
  "top-1 %": "top1",
  "mean per-class accuracy %": "per_class",
  "mAP %": "map11",
}
OF_TFDS = [one for one in PAPER_DATASETS.values() if one.spec.startswith("tfds:")]


def test_names_and_measures_are_those_of_the_published_tables():
  published = {}
  for table in ("6", "7", "ped2"):
    for row in csv.DictReader(io.StringIO(published_ground_truth_csv(table))):
      published.setdefault(row["dataset"], set()).add(MEASURES[row["measure"]])
  assert published == {one.name: {one.measure} for one in PAPER_DATASETS.values()}


@pytest.mark.parametrize("paper", OF_TFDS, ids=lambda one: one.name)
def test_what_is_said_of_tfds_is_what_tfds_says(paper, tmp_path):
  tfds = pytest.importorskip("tensorflow_datasets", reason="tfds is not here")
  builder = tfds.builder(paper.spec.removeprefix("tfds:"), data_dir=tmp_path)
  assert str(builder.version) == paper.version
  assert builder.info.homepage == paper.homepage
  features = builder.info.features
  labels = features["label"] if "label" in features else features["labels"].feature
  assert labels.num_classes == paper.classes
  for archive in paper.archives:
    stated = builder.url_infos[archive.url]
    assert (stated.size, stated.checksum) == (archive.size, archive.sha256)
  assert all(f"{count}" in _described(builder) for count in SAID.get(paper.name, ()))


# Numbers of images that tfds's descriptions give.
SAID = {
  "Food": (101_000,),
  "Flowers": (1_020, 6_149),
  "Cars": (16_185, 8_144, 8_041),
  "CIFAR10": (60_000, 50_000, 10_000),
  "VOC2007": (9_963,),
}


def _described(builder) -> str:
  text = f"{builder.info.description} {builder.info.config_description}"
  return text.replace("'", "").replace(",", "")


def test_the_images_that_tfds_speaks_of_are_those_of_the_table():
  for name, counts in SAID.items():
    paper = PAPER_DATASETS[name]
    assert set(counts) <= {paper.images, *paper.parts.values()}


def test_parts():
  voc = PAPER_DATASETS["VOC2007"]
  assert voc.images == voc.images_in("all") == 9_963
  assert (voc.images_in("train"), voc.images_in("test")) == (2_501, 4_952)
  food = PAPER_DATASETS["Food"]
  assert (food.images_in("train"), food.images_in("test")) == (75_750, 25_250)
  assert PAPER_DATASETS["Cars"].download_bytes == 1_957_136_468


def dataset_of(images: int, classes: int) -> Dataset:
  labels = np.zeros(images, np.int32)
  return Dataset("d", "test", labels, tuple(map(str, range(classes))), "f")


def test_counts():
  pets = PAPER_DATASETS["Pets"]
  assert count_warning(pets, dataset_of(3_669, 37)) is None
  found = count_warning(pets, dataset_of(3_660, 36))
  assert found == (
    "Pets: the test part has 3,660 images of 36 classes; the papers' has 3,669 of 37"
  )
  skipped = (SkippedEntry("a", "damaged"),)
  damaged = dataclasses.replace(dataset_of(3_668, 37), skipped=skipped)
  assert "37 classes, 1 more cannot be used; " in count_warning(pets, damaged)


MEASURE_NAMES = {
  "top1": "top-1",
  "per_class": "mean per-class accuracy",
  "map11": "mAP, 11 points",
}


def size_of(count: int | None) -> str:
  return "not stated" if count is None else f"{count / 1e9:.2f} GB"


def rows_of(paper) -> list[str]:
  """The lines of `docs/datasets.md` about a data set."""
  parts = ", ".join(f"{part} {count:,}" for part, count in paper.parts.items())
  first = (paper.name, f"`{paper.spec}`", paper.classes, parts, f"{paper.images:,}")
  sizes = size_of(paper.download_bytes), size_of(paper.prepared_bytes)
  home = paper.version, f"<{paper.homepage}>", paper.licence or "not stated"
  rows = [
    (*first, MEASURE_NAMES[paper.measure], *sizes),
    (paper.name, *home, paper.note or "-"),
  ]
  for archive in paper.archives:
    digest = f"`{archive.sha256}`" if archive.sha256 else "not published"
    rows.append((paper.name, f"<{archive.url}>", f"{archive.size:,}", digest))
  return [f"| {' | '.join(map(str, row))} |" for row in rows]


def test_the_page_says_what_the_table_says():
  page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
  names = tuple(f"| {name} |" for name in PAPER_DATASETS)
  lines = [line for line in page.splitlines() if line.startswith(names)]
  rows = [row for paper in PAPER_DATASETS.values() for row in rows_of(paper)]
  assert sorted(lines) == sorted(rows)
  for paper in OF_TFDS:
    assert f"tfds build {paper.spec.removeprefix('tfds:')} --data_dir=DATA" in page


def test_how_to_prepare():
  cars = how_to_prepare("cars196:2.1.0")
  assert cars.startswith("1.96 GB to download; its pages at Stanford are gone")
  assert "39.10 GB" in how_to_prepare("sun397/standard-part1-120k")
  assert how_to_prepare("sun397/tfds") == ""
  assert how_to_prepare("cifar10") == "0.17 GB to download"
  assert how_to_prepare("mnist") == ""
  assert all("\n" not in one.note for one in PAPER_DATASETS.values())
