"""What a table needs and what of it is there: weights, data sets, room and time."""

import math
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from experiments.reproduction.tables import Table
from lead_jax.backbones.catalogue import (
  CATALOGUE,
  Card,
  WeightSources,
  locate_weights,
  papers_input,
)
from lead_jax.checks import InputError
from lead_jax.data import PAPER_DATASETS, PaperDataset

HERE, TO_FETCH = "here", "to fetch"


class Model(NamedTuple):
  """A network of a table.

  Attributes:
    card: What is known of it.
    path: Of its weights on this machine, if they are there.
    origin: `verified`, `unverified` or `own`; "" where there are no weights.
  """

  card: Card
  path: pathlib.Path | None
  origin: str


class Data(NamedTuple):
  """A data set of a table, and whether it is prepared on this machine."""

  paper: PaperDataset
  prepared: bool


class Supply(NamedTuple):
  """Everything that a table needs."""

  models: list[Model]
  datasets: list[Data]


def supply(
  table: Table,
  *,
  models: Sequence[str],
  datasets: Sequence[str],
  sources: WeightSources,
  data_dir: str | os.PathLike | None,
) -> Supply:
  """Looks what is there; reads and fetches nothing.

  Args:
    table: Of the paper.
    models: Names of the catalogue to keep; all of the table's zoos where empty.
    datasets: The papers' names to keep; all of the table where empty.
    sources: Where weights are looked for.
    data_dir: Where data sets are looked for; tfds's own place where None.

  Raises:
    InputError: If a name is not of the table.
  """
  cards = {c.name: c for c in CATALOGUE.values() if c.zoo in table.zoos}
  for kind, names, known in (
    ("models", models, list(cards)),
    ("datasets", datasets, list(table.datasets)),
  ):
    for name in names:
      if name not in known:
        raise InputError(
          f"--{kind}={name}: table {table.number} has {', '.join(known)}"
        )
  found = []
  for name in dict.fromkeys(models or cards):
    place = locate_weights(cards[name], sources)
    model = Model(cards[name], None, "")
    if place is not None:
      model = Model(cards[name], place.path, place.origin)
    found.append(model)
  return Supply(
    found,
    [
      Data(PAPER_DATASETS[name], is_prepared(PAPER_DATASETS[name], data_dir))
      for name in dict.fromkeys(datasets or table.datasets)
    ],
  )


def data_root(data_dir: str | os.PathLike | None) -> pathlib.Path:
  """Where prepared data sets lie: as named, or tfds's own place."""
  named = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
  return pathlib.Path(named).expanduser()


def own_folder(
  paper: PaperDataset, data_dir: str | os.PathLike | None
) -> pathlib.Path | None:
  """A folder of images called as the papers call the data set, if there is one."""
  folder = data_root(data_dir) / paper.name
  return folder if folder.is_dir() else None


def is_prepared(paper: PaperDataset, data_dir: str | os.PathLike | None) -> bool:
  """Whether there are records of any version (or the folder); they are not read."""
  if own_folder(paper, data_dir) is not None:
    return True
  kind, _, rest = paper.spec.partition(":")
  if kind == "aircraft":
    return (data_root(data_dir) / rest).is_dir() or pathlib.Path(rest).is_dir()
  return any((data_root(data_dir) / rest).glob("*/dataset_info.json"))


# Of features and logits, on disk.
_BYTES = 4
_LOGITS = 1000


def as_text(
  table: Table,
  found: Supply,
  *,
  split: str,
  papers: bool,
  download: bool,
  megabits: float,
  rate: float,
  cache_dir: pathlib.Path,
  data_dir: str | os.PathLike | None,
) -> str:
  """Returns what a run would fetch, how large it is and how long it takes.

  Args:
    table: Of the paper.
    found: Of `supply`.
    split: Which images are scored.
    papers: Whether all networks see their images as in the papers' code.
    download: Whether a run may fetch what is missing.
    megabits: Of the network, a second.
    rate: Multiply-adds a second that this machine was measured at.
    cache_dir: Where weights, features and scores go.
    data_dir: Where data sets are.
  """
  from lead_jax.backbones.networks import NETWORKS, count_flops

  wide = max(len(file.name) for model in found.models for file in model.card.files)
  lines = [
    f"LEAD, Table {table.number}: {table.title}",
    f"{len(found.models)} models x {len(found.datasets)} data sets "
    f"(split: {split}), metrics {', '.join(table.metrics)}",
    "",
    f"{'model':16} {'paper':14} {'published file':{wide}} {'MB':>7}  weights",
  ]
  for model in found.models:
    card = model.card
    for i, file in enumerate(card.files):
      name, paper = (card.name, card.paper_name) if i == 0 else ("", "")
      state = _where(model, download) if i == 0 else ""
      lines.append(
        f"{name:16} {paper:14} {file.name:{wide}} {_mb(file.size):>7}  {state}"
      )
  lines += [
    "",
    f"{'data set':10} {'source':34} {'images':>8} {'classes':>7} {'download MB':>11} "
    f"{'prepared MB':>11}  records",
  ]
  for data in found.datasets:
    p = data.paper
    state = HERE if data.prepared else (TO_FETCH if download else "missing")
    lines.append(
      f"{p.name:10} {p.spec:34} {p.images_in(split):8,} {p.classes:7} "
      f"{_mb(p.download_bytes):>11} {_mb(p.prepared_bytes):>11}  {state}"
    )
  lines += [
    f"  {data.paper.name}: {data.paper.note}"
    for data in found.datasets
    if data.paper.note and not data.prepared
  ]
  images = sum(data.paper.images_in(split) for data in found.datasets)
  wanted = [m.card for m in found.models if m.path is None]
  unknown = [card.name for card in wanted if card.size is None]
  weights = sum(card.size or 0 for card in wanted)
  missing = [data.paper for data in found.datasets if not data.prepared]
  archives = sum(p.download_bytes for p in missing)
  prepared = sum(p.prepared_bytes or p.download_bytes for p in missing)
  outputs = 0.0
  flops = 0.0
  for model in found.models:
    network = NETWORKS[model.card.network]
    logits = _LOGITS if model.card.zoo == "supervised" else 0
    outputs += images * _BYTES * (network.feature_dim + logits)
    card = model.card
    seen = (papers_input(card) if papers else card.input).height
    at_own_size = seen == network.size
    flops += images * (
      card.flops if at_own_size else count_flops(card.network, seen, logits)
    )
  more = f", and {len(unknown)} files of unpublished size" if unknown else ""
  fetch = (weights + archives) * 8 / (megabits * 1e6)
  lines += [
    "",
    f"to fetch: {_gb(weights)} of weights{more}, {_gb(archives)} of data; "
    f"{_time(fetch)} at {megabits:g} Mbit/s",
    f"on disk: {_gb(2 * weights)} of weights (as published and converted){more}, "
    f"{_gb(archives + prepared)} of data (archives and records, which are counted as "
    f"their archive where no size is stated), {_gb(outputs)} of features",
    f"to compute: {images:,} images x {len(found.models)} models, "
    f"{_time(flops / rate)} at {rate / 1e9:.0f} G multiply-adds a second, as ResNet-34 "
    "was just measured here; scoring comes on top, and what is in the store comes off",
    f"weights, features and scores in {cache_dir}, data in {data_root(data_dir)}",
  ]
  if not download and (wanted or missing):
    lines.append("nothing is fetched without --download: what is missing is left out")
  return "\n".join(lines) + "\n"


def _where(model: Model, download: bool) -> str:
  if model.path is None:
    return TO_FETCH if download else "missing"
  remark = {"unverified": " (not verified)", "own": " (not a published file)"}
  return f"{HERE}: {model.path}{remark.get(model.origin, '')}"


def _mb(size: int | None) -> str:
  return "?" if size is None else f"{size / 1e6:,.1f}"


def _gb(size: float) -> str:
  return f"{size / 1e9:.2f} GB"


def _time(seconds: float) -> str:
  minutes = math.ceil(seconds / 60)
  if minutes < 120:
    return f"{minutes} min"
  hours = minutes / 60
  return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def measured_rate() -> float:
  """Returns multiply-adds a second of ResNet-34 on this machine, weights at random."""
  from experiments.benchmark.extract import images_per_second, random_backbone

  backbone = random_backbone("resnet34", "float32")
  return CATALOGUE["resnet34"].flops * images_per_second(backbone, 64)
