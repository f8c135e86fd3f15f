"""Runs a table: weights fetched, data sets read, every network ranked on each of them."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import lead_jax
from experiments.reproduction.supply import Supply, own_folder
from experiments.reproduction.tables import TRUTH, Table
from lead_jax import ranking
from lead_jax.backbones.base import InputSpec, ModelSpec
from lead_jax.backbones.catalogue import (
  Card,
  WeightSources,
  catalogue_model,
  fetch_weights,
)
from lead_jax.data import Dataset, load_dataset
from lead_jax.data.papers import count_warning
from lead_jax.errors import InputError
from lead_jax.evaluation import published
from lead_jax.results import Report, write_text

# By data set, by model: names of the papers and of the catalogue.
Truth = dict[str, dict[str, float]]


class Ready(NamedTuple):
  """What could be had, and why the rest could not.

  Attributes:
    cards: Of the models.
    specs: The models.
    datasets: By the papers' names.
    missing: By name of a model or data set, a line.
    unlike: Lines on what is not the published thing.
  """

  cards: list[Card]
  specs: list[ModelSpec]
  datasets: dict[str, Dataset]
  missing: dict[str, str]
  unlike: list[str]


def make_ready(
  found: Supply,
  *,
  sources: WeightSources,
  input_spec: InputSpec | None,
  split: str,
  data_dir: pathlib.Path | None,
  download: bool,
  listener: ranking.Listener,
) -> Ready:
  """Fetches and reads; what cannot be had is left out with its reason.

  Args:
    found: Of `supply`.
    sources: Where weights are looked for.
    input_spec: How images are prepared for all networks; as each was evaluated if None.
    split: Of the data sets.
    data_dir: Where they are; a folder there called as the papers call a data set, with
      one folder a class, stands for it.
    download: Whether they may be fetched.
    listener: Told of progress.

  Raises:
    InputError: If fewer than two models or no data set can be had.
  """
  cards, specs, datasets = [], [], {}
  missing: dict[str, str] = {}
  unlike = []
  for card, _, _ in found.models:
    try:
      place = fetch_weights(card, sources, listener.fetching)
    except InputError as error:
      missing[card.name] = str(error)
      listener.warned(str(error))
      continue
    cards.append(card)
    specs.append(catalogue_model(card, sources, input_spec=input_spec))
    if not place.published:
      unlike.append(f"{card.name}: weights of {place.path}, which nothing verifies")
  if len(specs) < 2:
    raise InputError(
      f"weights of {len(specs)} of the {len(found.models)} models are here, two are "
      f"needed; {next(iter(missing.values()))}"
    )
  for paper, _ in found.datasets:
    listener.reading(paper.spec)
    try:
      dataset = load_dataset(
        own_folder(paper, data_dir) or paper.spec,
        split=split,
        data_dir=data_dir,
        download=download,
      )
    except InputError as error:
      missing[paper.name] = str(error)
      listener.warned(str(error))
      continue
    datasets[paper.name] = dataclasses.replace(dataset, name=paper.name)
    if line := count_warning(paper, dataset):
      unlike.append(line)
  if not datasets:
    raise InputError(next(iter(missing.values())))
  return Ready(cards, specs, datasets, missing, unlike)


def truth_of(cards: Sequence[Card]) -> Truth:
  """Returns the published accuracies after fine-tuning, by our names of the models."""
  truth: Truth = {}
  for zoo, number in TRUTH.items():
    names = {card.paper_name: card.name for card in cards if card.zoo == zoo}
    for dataset, column in published.published_ground_truth(number).items():
      truth.setdefault(dataset, {}).update(
        {names[model]: value for model, value in column.items() if model in names}
      )
  return truth


def rank_everywhere(
  table: Table,
  ready: Ready,
  *,
  out: pathlib.Path,
  seed: int,
  cache_dir: pathlib.Path,
  overwrite: bool,
  listener: ranking.Listener,
) -> dict[str, Report]:
  """Ranks the models on every data set; what is in the store is not computed again.

  Args:
    table: Its metrics are run.
    ready: Of `make_ready`.
    out: Each data set's `scores.csv` and `report.json` go to a folder below.
    seed: Of everything random.
    cache_dir: Of features and scores.
    overwrite: Whether results of another run may be replaced.
    listener: Told of progress.

  Returns:
    By data set.
  """
  path = out / "ground_truth.csv"
  write_text(path, _as_csv(truth_of(ready.cards)))
  return {
    name: lead_jax.rank(
      dataset,
      ready.specs,
      table.metrics,
      seed=seed,
      cache_dir=cache_dir,
      out=out / name,
      overwrite=overwrite,
      ground_truth=path,
      listener=listener,
    )
    for name, dataset in ready.datasets.items()
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
  """Mean wall time of a metric over the models, as measured when it was computed."""
  rows = [r for r in report.scores if r.metric == metric and r.rank is not None]
  if not rows:
    return Cell(None, 0, "no score")
  return Cell(sum(row.seconds for row in rows) / len(rows), len(rows))
