"""Ranks one zoo on several data sets, and puts the scores beside the true accuracies."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import lead_jax
from experiments.evaluation.memory_maps import WatchMaps
from lead_jax import conclusion
from lead_jax.errors import InputError
from lead_jax.evaluation import ScoreTable, ground_truth_table, score_table
from lead_jax.ranking import Listener
from lead_jax.results import Report


class Collected(NamedTuple):
  """Scores of all methods, and what they cost.

  Attributes:
    table: Metrics first, then the rankings that never look at the data.
    metrics: Names of the metrics among the methods.
    score_seconds: By metric, wall time of the scoring, summed over models and data sets.
    extract_seconds: Wall time of the extraction of all features, when it was done.
    peak_mib: Largest resident memory of any stage.
  """

  table: ScoreTable
  metrics: list[str]
  score_seconds: dict[str, float]
  extract_seconds: float
  peak_mib: float


def read_truth(path: str | os.PathLike) -> dict[str, dict[str, float]]:
  """Reads a ground-truth file.

  Raises:
    InputError: If it cannot be read or is none.
  """
  try:
    return ground_truth_table(pathlib.Path(path).read_text(encoding="utf-8"))
  except OSError as error:
    raise InputError(f"{path}: {error.strerror or error}") from None
  except ValueError as error:
    raise InputError(f"{path}: {error}") from None


def data_folders(
  root: str | os.PathLike, truth: Mapping[str, object], named: Sequence[str]
) -> list[pathlib.Path]:
  """Finds the data sets of which the true accuracies are known.

  Args:
    root: A folder with one folder a data set.
    truth: By name of the data set.
    named: Those wanted; all that are known where empty.

  Raises:
    InputError: If there is none, or one that was named is not there or not known.
  """
  root = pathlib.Path(root).expanduser()
  if not root.is_dir():
    raise InputError(f"{root}: there is no such folder")
  for name in named:
    if name not in truth:
      raise InputError(f"the ground truth has no data set {name!r}: {', '.join(truth)}")
    if not (root / name).is_dir():
      raise InputError(f"{root / name}: there is no such folder")
  found = [root / name for name in named or truth if (root / name).is_dir()]
  if not found:
    raise InputError(
      f"{root} has no folder named as a data set of the ground truth: {', '.join(truth)}"
    )
  return found


def collect(
  folders: Sequence[pathlib.Path],
  truth: Mapping[str, Mapping[str, float]],
  *,
  zoo: str | os.PathLike,
  metrics: Sequence[str],
  out: pathlib.Path,
  models: Sequence[str] | None = None,
  seed: int = 0,
  cache_dir: str | os.PathLike | None = None,
  listener: Listener | None = None,
) -> Collected:
  """Ranks the zoo on every data set; what is in the store is not computed again.

  Args:
    folders: Of the data sets, each named as in `truth`.
    truth: By data set, by model, the true accuracy.
    zoo: As `lead_jax.rank`.
    metrics: As `lead_jax.rank`.
    out: Each data set's `scores.csv` and `report.json` go to a folder below.
    models: As `lead_jax.rank`.
    seed: As `lead_jax.rank`.
    cache_dir: As `lead_jax.rank`.
    listener: Told of progress.
  """
  reports = {
    folder.name: lead_jax.rank(
      folder,
      models,
      metrics,
      zoo=zoo,
      seed=seed,
      cache_dir=cache_dir,
      out=out / folder.name,
      listener=WatchMaps(listener or Listener()),
    )
    for folder in folders
  }
  return of_reports(reports, truth)


def of_reports(
  reports: Mapping[str, Report], truth: Mapping[str, Mapping[str, float]]
) -> Collected:
  """Puts the scores of finished runs beside the true accuracies.

  Args:
    reports: By data set.
    truth: By data set, by model; the mean rank on other data sets uses those too that
      were not run.

  Raises:
    InputError: If a data set has fewer than two models of known accuracy.
  """
  first = next(iter(reports.values()))
  scores: dict[str, dict[str, dict[str, float]]] = {m: {} for m in first.metrics}
  known: dict[str, dict[str, float]] = {}
  seconds = dict.fromkeys(first.metrics, 0.0)
  for dataset, report in reports.items():
    names = [row.model for row in report.models]
    known[dataset] = {m: truth[dataset][m] for m in names if m in truth[dataset]}
    if len(known[dataset]) < 2:
      raise InputError(
        f"the ground truth knows {len(known[dataset])} of the {len(names)} models on "
        f"{dataset}: at least 2 are needed"
      )
    for row in report.scores:
      scores[row.metric].setdefault(dataset, {})[row.model] = row.score
      seconds[row.metric] += row.seconds
    for name, values in conclusion.static_scores(report, truth).items():
      scores.setdefault(name, {})[dataset] = values
  rows = [row for report in reports.values() for row in report.models]
  return Collected(
    score_table(scores, known),
    list(first.metrics),
    seconds,
    sum(row.seconds.get("extract", 0.0) for row in rows),
    max((peak for row in rows for peak in row.peak_memory_mib.values()), default=0.0),
  )
