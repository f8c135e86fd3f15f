"""Runs a table: weights fetched, data sets read, every network ranked on each of them."""

import csv
import dataclasses
import io
import math
import pathlib
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import lead_jax
from experiments.reproduction.supply import Supply, own_folder
from experiments.reproduction.tables import TRUTH, Table
from lead_jax import literature
from lead_jax.backbones import ModelSpec
from lead_jax.backbones.catalogue import (
  Card,
  WeightSources,
  catalogue_model,
  fetch_weights,
  papers_input,
)
from lead_jax.checks import InputError
from lead_jax.data import Dataset, PaperDataset, count_warning, load_dataset
from lead_jax.results import Listener, Report
from lead_jax.system import write_text

# By data set, by model: names of the papers and of the catalogue.
Truth = dict[str, dict[str, float]]


@dataclasses.dataclass
class Ready:
  """What could be had, and why the rest could not; it grows as data sets are read.

  Attributes:
    cards: Of the models.
    specs: The models.
    papers: Data sets that are asked for.
    missing: By name of a model or data set, a line.
    unlike: Lines on what is not the published thing.
    unverified: Models whose published files have no published digest.
    read: Data sets that could be read, so far.
  """

  cards: list[Card]
  specs: list[ModelSpec]
  papers: list[PaperDataset]
  missing: dict[str, str] = dataclasses.field(default_factory=dict)
  unlike: list[str] = dataclasses.field(default_factory=list)
  unverified: list[str] = dataclasses.field(default_factory=list)
  read: list[str] = dataclasses.field(default_factory=list)


def make_ready(
  found: Supply,
  *,
  sources: WeightSources,
  papers: bool,
  listener: Listener,
) -> Ready:
  """Finds or fetches all weights; what cannot be had is left out with its reason.

  Args:
    found: Of `supply`.
    sources: Where weights are looked for.
    papers: Whether all networks see their images as in the papers' code.
    listener: Told of progress.

  Raises:
    InputError: If fewer than two models can be had.
  """
  ready = Ready([], [], [data.paper for data in found.datasets])
  for card, path, _ in found.models:
    if path is None and sources.download:
      listener.reading(f"weights of {card.name}")
    try:
      place = fetch_weights(card, sources, listener.fetching)
    except InputError as error:
      ready.missing[card.name] = str(error)
      listener.warned(str(error))
      continue
    ready.cards.append(card)
    spec = papers_input(card) if papers else None
    ready.specs.append(catalogue_model(card, sources, input_spec=spec))
    if place.origin == "own":
      ready.unlike.append(f"{card.name}: weights are those of {place.path}")
    elif place.origin == "unverified":
      ready.unverified.append(card.name)
  if len(ready.specs) < 2:
    raise InputError(
      f"weights of {len(ready.specs)} of the {len(found.models)} models are here, two are "
      f"needed; {next(iter(ready.missing.values()), 'name more models')}"
    )
  return ready


def datasets_of(
  ready: Ready,
  *,
  split: str,
  data_dir: pathlib.Path | None,
  download: bool,
  listener: Listener,
) -> Iterator[Dataset]:
  """Reads one data set after the other, so that one is in memory at a time.

  Args:
    ready: Of `make_ready`; told what could not be read, or is not the papers'.
    split: Which images.
    data_dir: Where they are; a folder there called as the papers call a data set, with
      one folder per class, stands for it.
    download: Whether they may be fetched.
    listener: Told of progress.

  Yields:
    Data sets by the papers' names.
  """
  for paper in ready.papers:
    listener.reading(paper.spec)
    try:
      dataset = load_dataset(
        own_folder(paper, data_dir) or paper.spec,
        split=split,
        data_dir=data_dir,
        download=download,
      )
    except InputError as error:
      if paper.name not in ready.missing:
        listener.warned(str(error))
      ready.missing[paper.name] = str(error)
      continue
    if paper.name not in ready.read:
      ready.read.append(paper.name)
      if line := count_warning(paper, dataset):
        ready.unlike.append(line)
    yield dataclasses.replace(dataset, name=paper.name)


def truth_of(cards: Sequence[Card]) -> Truth:
  """Returns the published accuracies after fine-tuning, by our names of the models."""
  truth: Truth = {}
  for zoo, number in TRUTH.items():
    names = {card.paper_name: card.name for card in cards if card.zoo == zoo}
    for dataset, column in literature.published_ground_truth(number).items():
      truth.setdefault(dataset, {}).update(
        {names[model]: value for model, value in column.items() if model in names}
      )
  return truth


def rank_everywhere(
  table: Table,
  ready: Ready,
  datasets: Iterable[Dataset],
  *,
  out: pathlib.Path,
  seed: int,
  cache_dir: pathlib.Path,
  overwrite: bool,
  listener: Listener,
) -> dict[str, Report]:
  """Ranks the models on every data set; what is in the store is not computed again.

  Args:
    table: Its metrics are run.
    ready: Of `make_ready`.
    datasets: Of `datasets_of`.
    out: The files of each data set's run go to a folder below.
    seed: Seed of every random draw.
    cache_dir: Of features and scores.
    overwrite: Whether results of another run may be replaced.
    listener: Told of progress.

  Returns:
    By data set.
  """
  path = out / "ground_truth.csv"
  write_text(path, _as_csv(truth_of(ready.cards)))
  return {
    dataset.name: lead_jax.rank(
      dataset,
      ready.specs,
      table.metrics,
      seed=seed,
      cache_dir=cache_dir,
      resamples=0,
      out=out / dataset.name,
      overwrite=overwrite,
      ground_truth=path,
      listener=listener,
    )
    for dataset in datasets
  }


def _as_csv(truth: Mapping[str, Mapping[str, float]]) -> str:
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(("model", "dataset", "accuracy"))
  for dataset, column in truth.items():
    writer.writerows((model, dataset, value) for model, value in column.items())
  return text.getvalue()


class Cell(NamedTuple):
  """One of our figures.

  Attributes:
    value: Of a measure, or seconds; None where there is none.
    models: How many it is of.
    reason: Why there is none.
  """

  value: float | None
  models: int
  reason: str = ""


def measured(
  report: Report,
  truth: Mapping[str, float],
  metric: str,
  measure: Callable[[Sequence[float], Sequence[float]], float],
) -> Cell:
  """Measures a metric's ranking of the models that have a score and an accuracy."""
  rows = [
    row
    for row in report.scores
    if row.metric == metric and row.rank is not None and row.model in truth
  ]
  if len(rows) < 2:
    reasons = [row.status for row in report.scores if row.metric == metric]
    return Cell(None, len(rows), reasons[0] if reasons else "not run")
  try:
    value = measure([row.score for row in rows], [truth[row.model] for row in rows])
  except ValueError as error:
    return Cell(None, len(rows), str(error))
  return Cell(value, len(rows))


def seconds_of(report: Report, metric: str) -> Cell:
  """Median wall time of a metric over the models, as measured when it was computed.

  The median, since the first network of a width pays for compilation.
  """
  rows = [row for row in report.scores if row.metric == metric]
  seconds = [row.seconds for row in rows if not math.isnan(row.score)]
  if not seconds:
    return Cell(None, 0, rows[0].status if rows else "not run")
  return Cell(statistics.median(seconds), len(seconds))
