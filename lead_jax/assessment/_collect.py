"""Ranks one zoo on several data sets, and puts the scores beside the true accuracies."""

import itertools
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from lead_jax import run
from lead_jax.assessment import _costs as costs
from lead_jax.assessment._noise import COLUMNS, Columns, check_columns
from lead_jax.assessment._remarks import Remarks, remarks
from lead_jax.checks import InputError
from lead_jax.data import count_folder_images, load_dataset
from lead_jax.evaluation import (
  ScoreTable,
  ground_truth_column,
  ground_truth_table,
  score_table,
)
from lead_jax.readers import read_text
from lead_jax.report import PAGES
from lead_jax.results import Listener, Report
from lead_jax.run import open_store, plan, rank, static_scores, work
from lead_jax.system import Worked, make_writable, part_of, user_path

# What `write_evaluation` writes beside the figures.
EVALUATION_FILES = ("evaluation.csv", "evaluation.json", "evaluation.txt")
# Scores have intervals over models and data sets here, none over parts of the images.
_RESAMPLES = 0
# Names that are too long for a column.
_SHORT = {"mean rank on other data sets": "mean rank elsewhere"}
STATIC = tuple(_SHORT.get(name, name) for name in run.STATIC)


class Truth(NamedTuple):
  """A ground-truth file.

  Attributes:
    accuracies: By data set, by model.
    columns: What else it says of them that matters here.
  """

  accuracies: dict[str, dict[str, float]]
  columns: Columns = MappingProxyType({})


class Collected(NamedTuple):
  """Scores of all methods, and what they cost.

  Attributes:
    table: Metrics first, then the rankings that never look at the data.
    metrics: Names of the metrics among the methods.
    costs: Of scoring and extraction.
    architecture: By model, in words; empty where unknown.
    pretraining: By model, in words; empty where unknown.
    samples: By data set, how many images were scored, and of how many classes.
    columns: Further columns of the ground truth.
    images: By data set, images of its test part.
    unscored: By method, why its first model without a score has none.
    remarks: What stands on the rows of the scores.
    notes: What a reader should know of models and data sets that are missing.
  """

  table: ScoreTable
  metrics: list[str]
  costs: costs.Costs
  architecture: dict[str, str]
  pretraining: dict[str, str]
  samples: dict[str, tuple[int, int]]
  columns: Columns
  images: dict[str, int]
  unscored: dict[str, str]
  remarks: Remarks
  notes: list[str]


def read_ground_truth(path: str | os.PathLike) -> Truth:
  """Reads a ground-truth file.

  Raises:
    InputError: If it cannot be read or is none.
  """
  try:
    text = read_text(user_path(path))
    accuracies = ground_truth_table(text)
    columns = {name: ground_truth_column(text, name) for name in COLUMNS}
    check_columns(columns)
    return Truth(accuracies, columns)
  except ValueError as error:
    where = "" if str(path) in str(error) else f"{path}: "
    raise InputError(f"{where}{error}") from None


def data_folders(
  root: str | os.PathLike, truth: Mapping[str, object], named: Sequence[str]
) -> tuple[list[pathlib.Path], list[str]]:
  """Finds the data sets of which the true accuracies are known.

  Args:
    root: A folder with one folder per data set.
    truth: By name of the data set.
    named: Those wanted; all that are known where empty.

  Returns:
    The folders, and a line on those that are missing, if any are.

  Raises:
    InputError: If there is none, or one that was named is not in the ground truth.
  """
  root = user_path(root)
  if not os.path.isdir(root):
    raise InputError(f"{root}: there is no such folder")
  for name in named:
    if name not in truth:
      raise InputError(f"the ground truth has no data set {name!r}: {', '.join(truth)}")
  wanted = list(dict.fromkeys(named or truth))
  found = [root / name for name in wanted if _is_folder(root, name)]
  missing = [name for name in wanted if not _is_folder(root, name)]
  if not found:
    raise InputError(
      f"{root} has no folder named as a data set of the ground truth: {', '.join(wanted)}"
    )
  notes = []
  if missing:
    notes.append(f"left out, {root} has no such folder: {_some(missing)}")
  return found, notes


def _is_folder(root: pathlib.Path, name: str) -> bool:
  """Whether a folder lies right in another one under this name."""
  own = name not in ("", ".", "..") and os.path.basename(name) == name
  return own and os.path.isdir(root / name)


def collect(
  folders: Sequence[pathlib.Path],
  truth: Truth,
  *,
  zoo: str | os.PathLike | None,
  metrics: Sequence[str] | None,
  out: pathlib.Path,
  models: Sequence[str] | None = None,
  seed: int = 0,
  cache_dir: str | os.PathLike | None = None,
  weights_dir: str | os.PathLike | None = None,
  download: bool = True,
  check_weights: bool = True,
  network_budget: int = 1,
  overwrite: bool = False,
  listener: Listener | None = None,
) -> Collected:
  """Ranks the zoo on every data set; what is in the store is not computed again.

  A data set that cannot be read is left out, with a note.

  Args:
    folders: Of the data sets, each named as in `truth`.
    truth: See `Truth`.
    zoo: As `lead_jax.rank`.
    metrics: As `lead_jax.rank`.
    out: The files of each data set's report go to a folder below.
    models: As `lead_jax.rank`.
    seed: As `lead_jax.rank`.
    cache_dir: As `lead_jax.rank`.
    weights_dir: As `lead_jax.rank`.
    download: As `lead_jax.rank`.
    check_weights: As `lead_jax.rank`.
    network_budget: As `lead_jax.rank`.
    overwrite: As `lead_jax.rank`.
    listener: Told of progress.

  Raises:
    InputError: If no data set can be read, or the zoo or another argument is wrong.
  """
  told = listener or Listener()
  make_writable(out, EVALUATION_FILES)
  for results in (out / folder.name for folder in folders):
    if os.path.lexists(results):
      make_writable(results, (*PAGES, costs.COSTS_FILE))
  reports: dict[str, Report] = {}
  measured: costs.Measured = {}
  notes: list[str] = []
  for folder in folders:
    results = out / folder.name
    costs.keep_earlier(results)
    try:
      report = rank(
        folder,
        models,
        metrics,
        zoo=zoo,
        seed=seed,
        cache_dir=cache_dir,
        weights_dir=weights_dir,
        download=download,
        check_weights=check_weights,
        network_budget=network_budget,
        resamples=_RESAMPLES,
        out=results,
        overwrite=overwrite,
        listener=told,
      )
    except InputError as error:
      if _can_be_read(folder):
        raise
      notes.append(f"left out: {error}")
      told.warned(notes[-1])
      continue
    reports[folder.name] = report
    measured[folder.name] = costs.remember(results, report)
  if not reports:
    raise InputError(notes[0].removeprefix("left out: "))
  images = {folder.name: count_folder_images(folder, "test") for folder in folders}
  found = of_reports(reports, truth, measured=measured, images=images)
  return found._replace(notes=notes + found.notes)


def collect_part(
  folders: Sequence[pathlib.Path],
  *,
  shard: tuple[int, int],
  metrics: Sequence[str] | None,
  models: Sequence[str] | None = None,
  cache_dir: str | os.PathLike | None = None,
  listener: Listener | None = None,
  **options: Any,
) -> Worked:
  """Scores one part of the models on every data set, then what is left and nobody is at.

  Everything goes to the store, where `collect` finds it. The parts are dealt in turn, so
  that no process has the largest model of every data set.

  Args:
    folders: Of the data sets.
    shard: `(i, n)`: the i-th of n parts, from 1.
    metrics, models, cache_dir, listener: As `lead_jax.rank`.
    **options: As `lead_jax.rank`.

  Returns:
    What was done, as `DATASET: MODEL`.

  Raises:
    InputError: If no data set can be read, there is no such part, or the zoo or another
      argument is wrong.
  """
  told = listener or Listener()
  part = part_of(shard)
  found: list[Worked] = []
  for turn, folder in enumerate(folders):
    number = 1 + (part.number - 1 + turn) % part.count
    try:
      planned = plan(
        folder,
        models,
        metrics,
        cache_dir=cache_dir,
        listener=told,
        resamples=_RESAMPLES,
        **options,
      )
    except InputError as error:
      if _can_be_read(folder):
        raise
      told.warned(f"left out: {error}")
      continue
    store = open_store(cache_dir, warn=told.warned)
    worked = work(planned, store, told, shard=(number, part.count))
    named = ([f"{folder.name}: {model}" for model in models] for models in worked)
    found.append(Worked(*named))
  if not found:
    raise InputError(f"none of the {len(folders)} data sets can be read; see above")
  joined = itertools.chain.from_iterable
  return Worked(*(list(joined(models)) for models in zip(*found, strict=True)))


def _can_be_read(folder: pathlib.Path) -> bool:
  try:
    load_dataset(folder)
  except InputError:
    return False
  return True


def of_reports(
  reports: Mapping[str, Report],
  truth: Truth,
  *,
  measured: costs.Measured | None = None,
  images: Mapping[str, int] | None = None,
) -> Collected:
  """Puts the scores of finished runs beside the true accuracies.

  Args:
    reports: By data set.
    truth: See `Truth`; the mean rank on other data sets uses those too that were not run.
    measured: What is known of costs beside; that of the reports where None.
    images: By data set, images of its test part, where known.

  Raises:
    InputError: If no data set has two models of known accuracy.
  """
  if measured is None:
    measured = {
      name: costs.measured_in(report.models) for name, report in reports.items()
    }
  notes: list[str] = []
  known: dict[str, dict[str, float]] = {}
  for dataset, report in reports.items():
    names = [row.model for row in report.models]
    here = truth.accuracies.get(dataset, {})
    common = {model: here[model] for model in names if model in here}
    if len(common) < 2:
      notes.append(
        f"the ground truth knows {len(common)} of the {len(names)} models on {dataset}: "
        "at least 2 are needed"
      )
      continue
    known[dataset] = common
    if unknown := [model for model in names if model not in here]:
      notes.append(f"{dataset}: no true accuracy, not compared: {_some(unknown)}")
    if absent := [model for model in here if model not in names]:
      notes.append(f"{dataset}: in the ground truth but not ranked: {_some(absent)}")
  if not known:
    raise InputError(notes[0])
  used = {name: reports[name] for name in known}
  rows = {row.model: row for report in used.values() for row in report.models}
  return Collected(
    score_table(_scores(used, truth), known),
    list(next(iter(used.values())).metrics),
    costs.costs(used, measured),
    {name: row.architecture for name, row in rows.items()},
    {name: row.pretraining for name, row in rows.items()},
    {
      name: (int(r.dataset.get("samples", 0)), int(r.dataset.get("classes", 0)))
      for name, r in used.items()
    },
    truth.columns,
    dict(images or {}),
    _unscored(used),
    remarks(row for report in used.values() for row in report.scores),
    notes,
  )


def _scores(
  reports: Mapping[str, Report], truth: Truth
) -> dict[str, dict[str, dict[str, float]]]:
  """Scores by method, by data set, by model."""
  scores: dict[str, dict[str, dict[str, float]]] = {}
  for dataset, report in reports.items():
    for row in report.scores:
      scores.setdefault(row.metric, {}).setdefault(dataset, {})[row.model] = row.score
  for dataset, report in reports.items():
    for name, values in static_scores(report, truth.accuracies).items():
      scores.setdefault(_SHORT.get(name, name), {})[dataset] = values
  return scores


def _unscored(reports: Mapping[str, Report]) -> dict[str, str]:
  """By metric, the status of the first model that has no score."""
  reasons: dict[str, str] = {}
  for report in reports.values():
    for row in report.scores:
      if math.isnan(row.score):
        reasons.setdefault(row.metric, row.status)
  return reasons


def _some(names: Sequence[str]) -> str:
  """The first few of many names."""
  more = f" and {len(names) - 5} more" if len(names) > 6 else ""
  return ", ".join(names[:5] if more else names) + more
