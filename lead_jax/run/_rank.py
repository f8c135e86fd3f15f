"""The main job: plan, work, conclude, write."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from lead_jax.backbones import ModelSpec
from lead_jax.checks import check_arguments
from lead_jax.data import Dataset
from lead_jax.features import FeatureStore
from lead_jax.metrics import Metric
from lead_jax.report import PAGES, write_pages
from lead_jax.results import Listener, Report
from lead_jax.run._conclude import conclude
from lead_jax.run._planning import plan
from lead_jax.run._preflight import refuse_other_run
from lead_jax.run._working import work
from lead_jax.system import (
  UnwrittenError,
  default_cache_dir,
  make_writable,
  user_path,
)


@check_arguments()
def rank(
  dataset: str | os.PathLike | Dataset = "digits",
  models: Sequence[str | ModelSpec] | None = None,
  metrics: str | Metric | Sequence[str | Metric] | None = None,
  *,
  out: str | os.PathLike | None = None,
  overwrite: bool = False,
  cache_dir: str | os.PathLike | None = None,
  listener: Listener | None = None,
  **options: Any,
) -> Report:
  """Ranks pre-trained models by how well they promise to fine-tune on a data set.

  Args:
    dataset: A folder with one sub-folder per class, `digits`, `tfds:NAME`, `npz:FILE`,
      or a `Dataset`.
    models: Names (see `backbones.resolve_models`) or specifications; all of the zoo file
      where None, or the bundled digits zoo where there is none.
    metrics: Metrics or their names, or `all`; the first one orders the table.
      `DEFAULT_METRICS` where None.
    out: Folder for the report's files, written when the run ends or is interrupted;
      nothing is written where None. Where they cannot be written when it ends, `listener`
      is told, the report has a warning, and nothing that was there is touched.
    overwrite: Whether `out` may hold the results of another run.
    cache_dir: Where features and scores are kept; `default_cache_dir()` where None.
    listener: Told of progress.
    **options: `zoo`, `split`, `duplicates`, `seed`, `options` of the metrics,
      `batch_size`, `ground_truth`, `reference`, `source_data`, `data_dir`, `weights_dir`,
      `download`, `check_weights`, `network_budget`, `precision`, `resamples`; see
      `run.Settings`.

  Returns:
    The report: one row per model and metric.

  Raises:
    InputError: (a ValueError) If the data set, a name, an option or a folder is wrong. A
      model that fails is no error but a row.
  """
  listener = listener or Listener()
  folder = None if out is None else user_path(out)
  planned = plan(
    dataset, models, metrics, cache_dir=cache_dir, listener=listener, **options
  )
  if folder is not None:
    make_writable(folder, PAGES)
    if not overwrite:
      refuse_other_run(folder, planned)
  store = open_store(cache_dir, warn=listener.warned)
  try:
    work(planned, store, listener)
    return _written(conclude(planned, store, warn=listener.warned), folder, listener)
  except KeyboardInterrupt:
    # It may have come while the report was made or written: once more, then.
    report = conclude(planned, store)
    if any(row.status == "ok" for row in report.models):
      _written(report, folder, listener)
    raise


def _written(report: Report, folder: pathlib.Path | None, listener: Listener) -> Report:
  """Writes a report; where that fails, it says so and nothing of it is lost."""
  if folder is not None:
    try:
      write_pages(report, folder)
    except UnwrittenError as error:
      listener.unwritten(str(error))
      warnings = [*report.warnings, str(error)]
      return dataclasses.replace(report, warnings=warnings)
  return report


@check_arguments()
def open_store(
  cache_dir: str | os.PathLike | None = None,
  *,
  warn: Callable[[str], object] = lambda line: None,
) -> FeatureStore:
  """Opens the store of features, scores and records, making it if there is nothing.

  Args:
    cache_dir: Folder of the cache; `default_cache_dir()` where None.
    warn: Told, in one line, of what is damaged and computed again.

  Raises:
    InputError: If it is no folder, is something else, or cannot be made.
  """
  root = default_cache_dir() if cache_dir is None else user_path(cache_dir)
  return FeatureStore(root / "features", warn=warn)
