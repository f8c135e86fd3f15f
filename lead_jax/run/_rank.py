"""The main job: data set and models in, ranked table out.

Plan (everything that can be known to be wrong is said before any work), score one model
after the other (`scoring`), conclude from all of them (`conclusion`).
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lead_jax.backbones import (
  Backbone,
  ModelSpec,
  ReadyFeatures,
  resolve_models,
  with_precision,
)
from lead_jax.backbones.catalogue import WeightSources
from lead_jax.checks import InputError
from lead_jax.data import Dataset, ResizedCache, load_dataset, load_digits_dataset
from lead_jax.features import EXTRACTION_VERSION, FeatureStore
from lead_jax.metrics import METRICS
from lead_jax.results import ModelRow, Report, ScoreRow, json_values
from lead_jax.run import _preflight as preflight
from lead_jax.run._conclude import conclude, with_certainty
from lead_jax.run._scoring import SCORING_VERSION, Scorer, check_rows, labels_hash
from lead_jax.run.certainty._halves import Halves, stratified_halves
from lead_jax.system import default_cache_dir, environment, forget_if_many


@dataclasses.dataclass(frozen=True)
class Plan:
  """What a run will do, known before it does it."""

  dataset: Dataset
  models: Sequence[ModelSpec]
  metrics: Sequence[str]
  cache_dir: pathlib.Path
  out: pathlib.Path | None


class Listener:
  """Told of a run's progress; does nothing of its own accord."""

  def reading(self, dataset: str) -> None:
    """The data set is being read, which takes a while for many images."""

  def planned(self, plan: Plan) -> None:
    """Before the first model."""

  def started(self, index: int, model: str) -> None:
    """Model number `index` (from 0) is being loaded."""

  def fetching(self, done: int, total: int) -> None:
    """Bytes of the current model's weights so far, of how many (0: not known)."""

  def extracting(self, done: int, total: int) -> None:
    """Images through the current model so far."""

  def scoring(self, metric: str) -> None:
    """A metric of the current model is being computed."""

  def resampling(self, done: int, total: int) -> None:
    """Parts of the images scored for the current model so far."""

  def finished(self, row: ModelRow, scores: Sequence[ScoreRow]) -> None:
    """The current model is done, or has failed; ranks are not yet known."""

  def warned(self, message: str) -> None:
    """Something that the user should know, in one line."""


def rank(
  dataset: str | os.PathLike | Dataset = "digits",
  models: Sequence[str | ModelSpec] | None = None,
  metrics: Sequence[str] | None = None,
  *,
  zoo: str | os.PathLike | None = None,
  split: str = "train",
  seed: int = 0,
  options: Mapping[str, Mapping[str, Any]] | None = None,
  batch_size: int = 64,
  cache_dir: str | os.PathLike | None = None,
  out: str | os.PathLike | None = None,
  overwrite: bool = False,
  ground_truth: str | os.PathLike | None = None,
  reference: str | ModelSpec | None = None,
  source_data: str | os.PathLike | Dataset | None = None,
  data_dir: str | os.PathLike | None = None,
  weights_dir: str | os.PathLike | None = None,
  download: bool = True,
  check_weights: bool = True,
  precision: str = "float32",
  resamples: int | None = None,
  command: str = "",
  listener: Listener | None = None,
) -> Report:
  """Ranks pre-trained models by how well they promise to fine-tune on a data set.

  Args:
    dataset: A folder with one sub-folder a class, `digits`, `tfds:NAME`, `npz:FILE`, or a
      `Dataset`.
    models: Names (see `backbones.resolve_models`) or specifications; all of the zoo file
      where None, or the bundled digits zoo where there is none.
    metrics: Names of `METRICS`, or `all`; the first one orders the table.
      `DEFAULT_METRICS` where None.
    zoo: A zoo file (`zoo.json`) that lists models.
    split: `train`, `test` or `all`: which samples are scored. Recorded in the report.
    seed: Of everything random.
    options: By metric, its options: `{"lead": {"classifier": "lda"}}`.
    batch_size: Images a batch; features do not depend on it.
    cache_dir: Where features and scores are kept; `default_cache_dir()` where None.
    out: Folder for `scores.csv` and `report.json`, written anew after every model, and at
      the end, or when interrupted, `report.html`, `report.md` and `report.tex`; nothing is
      written where None.
    overwrite: Whether `out` may hold the results of another run.
    ground_truth: CSV of true accuracies (see `evaluation.ground_truth_table`) to compare
      the ranking with; the bundled zoo on `digits` brings its own.
    reference: A model whose features of the data set `rsa` and `dds` compare with.
    source_data: Images of what the models were pre-trained on, as `dataset`; for metrics
      that use the statistics of their features there (PED). All of its samples are used.
    data_dir: Where prepared tfds data sets are.
    weights_dir: Where weights of published networks are looked for first.
    download: Whether weights that are not on this machine are downloaded.
    check_weights: Whether weights under a published file name must have the published
      digest, where there is one.
    precision: `float32`, or `bfloat16` for the products of the networks, which is faster
      on accelerators; scores differ a little, and are kept apart.
    resamples: Random parts of the images that the first metric scores beside all of them,
      for intervals of ranks; 0 for none, None for as many as the metric's entry in
      `METRICS` says.
    command: That starts this run, for the report.
    listener: Told of progress.

  Returns:
    The report: one row a model and metric.

  Raises:
    InputError: (a ValueError) If the data set, a name, an option or a folder is wrong. A
      model that fails is no error but a row.
  """
  listener = listener or Listener()
  names = preflight.metrics_or_default(metrics, reference=reference)
  options = preflight.check_options(names, options or {})
  preflight.check_numbers(seed, batch_size)
  resamples = preflight.resamples_or_default(resamples, names[0])
  cache = default_cache_dir() if cache_dir is None else pathlib.Path(cache_dir)
  warnings: list[str] = []

  def warn(message: str) -> None:
    warnings.append(message)
    listener.warned(message)

  sources = WeightSources(weights_dir, cache, download, check_weights, warn)
  specs = [
    with_precision(spec, precision) for spec in resolve_models(models, zoo, sources)
  ]
  out = None if out is None else pathlib.Path(out).expanduser()
  if out is not None:
    preflight.make_writable(out)
  if not isinstance(dataset, Dataset):
    listener.reading(os.fspath(dataset))
    dataset = load_dataset(dataset, split=split, data_dir=data_dir)
  if dataset.features is not None and models is None and zoo is None:
    # A data set that brings its features is ranked against nothing, but scored.
    ready = ReadyFeatures(dataset.name, dataset.features, None, dataset.fingerprint)
    specs = [ModelSpec(dataset.name, lambda: ready)]
  true_everywhere = preflight.read_truth(
    ground_truth, dataset.name, bundled=_is_bundled(dataset)
  )
  here = true_everywhere.get(dataset.name, {})
  truth = {spec.name: here[spec.name] for spec in specs if spec.name in here}
  compared = _load_reference(reference, zoo, dataset, sources, precision)
  if source_data is not None and not isinstance(source_data, Dataset):
    listener.reading(os.fspath(source_data))
    source_data = load_dataset(source_data, split="all", data_dir=data_dir)
  config = {
    "dataset": dataset.name,
    "fingerprint": dataset.fingerprint,
    "labels": labels_hash(dataset),
    "split": dataset.split,
    "models": [spec.name for spec in specs],
    "metrics": names,
    "options": json_values(options),
    "reference": None if compared is None else compared.name,
    "source_data": None if source_data is None else source_data.fingerprint,
    "seed": seed,
    "precision": precision,
    "resamples": resamples,
    "x64": bool(jnp.result_type(float) == jnp.float64),
    "versions": [EXTRACTION_VERSION, SCORING_VERSION],
    "files": {
      str(path): preflight.file_hash(path)
      for path in (zoo, ground_truth, *_feature_files(specs, compared))
      if path is not None
    },
  }
  if out is not None:
    preflight.keep_other_results(out, config, overwrite)
  halves, no_halves = _halves(dataset, specs, seed) if resamples else (None, "")
  scorer = Scorer(
    dataset=dataset,
    metrics=names,
    options=options,
    seed=seed,
    batch_size=batch_size,
    store=FeatureStore(cache.expanduser() / "features", warn=warn),
    resized=ResizedCache(),
    progress=listener,
    reference=compared,
    source_data=source_data,
    resamples=resamples,
    halves=halves,
  )
  listener.planned(Plan(dataset, specs, names, cache, out))
  if dataset.skipped:
    warn(_skipped_line(dataset))
  if models is None and zoo is None and dataset.features is None:
    if not _is_bundled(dataset):
      warn(
        "the bundled networks were made for 8x8 digits and say little about other "
        "images: list your own in a zoo file and give it by --zoo"
      )
  elif ground_truth is not None and len(truth) < 2:
    warn("the ground truth has fewer than two of these models: no agreement is shown")
  report = Report(
    dataset=_describe(dataset),
    config=config,
    environment=environment(),
    metrics=names,
    models=[],
    scores=[],
    ground_truth=truth,
    metric_facts={name: _metric_facts(name) for name in names},
    complete=False,
    command=command,
  )
  if out is not None:
    _remove_pages(out)
  try:
    for index, spec in enumerate(specs):
      forget_if_many()
      listener.started(index, spec.name)
      row, scores = scorer.model(spec)
      listener.finished(row, scores)
      report = dataclasses.replace(
        report,
        models=[*report.models, row],
        scores=[*report.scores, *scores],
        complete=index + 1 == len(specs),
      )
      if out is not None and not report.complete:
        _save(conclude(report, true_everywhere, warnings, lambda _: None), out)
  except KeyboardInterrupt:
    if out is not None and report.models:
      _save_pages(conclude(report, true_everywhere, warnings, lambda _: None), out)
    raise
  report = conclude(report, true_everywhere, warnings, warn)
  if resamples:
    report = with_certainty(report, halves, no_halves)
  if out is not None:
    _save(report, out)
    _save_pages(report, out)
  return report


def _halves(
  dataset: Dataset, models: Sequence[ModelSpec], seed: int
) -> tuple[Halves | None, str]:
  """Which parts of the images are scored, or why none are."""
  if len(models) < 2:
    return None, "there is one model"
  try:
    return stratified_halves(dataset.labels, dataset.class_names, seed=seed), ""
  except InputError as error:
    return None, str(error)


def _is_bundled(dataset: Dataset) -> bool:
  """Whether this really is the bundled data, not something else of that name."""
  if dataset.name != "digits":
    return False
  parts = (load_digits_dataset(part) for part in ("train", "test", "all"))
  return dataset.fingerprint in {part.fingerprint for part in parts}


def _load_reference(
  reference: str | ModelSpec | None,
  zoo: str | os.PathLike | None,
  dataset: Dataset,
  sources: WeightSources,
  precision: str,
) -> Backbone | ReadyFeatures | None:
  """The model to compare with; whatever is wrong with it is said before any work."""
  if reference is None:
    return None
  specs = resolve_models([reference], zoo, sources)
  if len(specs) != 1:
    raise InputError(f"the reference is one model, {reference!r} names {len(specs)}")
  loaded = with_precision(specs[0], precision).load()
  if isinstance(loaded, ReadyFeatures):
    check_rows(loaded, dataset)
  return loaded


def _feature_files(
  specs: Sequence[ModelSpec], reference: Backbone | ReadyFeatures | None
) -> list[str]:
  prefix = "features:"
  names = [spec.name for spec in specs]
  names += [] if reference is None else [reference.name]
  return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _metric_facts(name: str) -> dict[str, Any]:
  metric = METRICS[name]
  return {
    "description": metric.description,
    "unit": metric.unit,
    "larger_is_better": True,
    "random": metric.random,
    "relative_to_the_pool": metric.pool is not None,
    "needs": list(metric.needs),
    "uses": list(metric.uses),
    "least_per_class": metric.least_per_class,
    "least_ratio": metric.least_ratio,
    "cost": metric.cost,
  }


def _save(report: Report, out: pathlib.Path) -> None:
  report.to_csv(out / "scores.csv")
  report.to_json(out / "report.json")


def _save_pages(report: Report, out: pathlib.Path) -> None:
  report.to_html(out / "report.html")
  report.to_markdown(out / "report.md")
  report.to_latex(out / "report.tex")


def _remove_pages(out: pathlib.Path) -> None:
  """Takes away what an earlier run said, which would stand beside other scores."""
  for page in ("report.html", "report.md", "report.tex"):
    (out / page).unlink(missing_ok=True)


def _describe(dataset: Dataset) -> dict[str, Any]:
  counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
  return {
    "name": dataset.name,
    "split": dataset.split,
    "samples": len(dataset),
    "classes": len(dataset.class_names),
    "class_names": list(dataset.class_names),
    "class_sizes": [int(n) for n in counts],
    "fingerprint": dataset.fingerprint,
    "skipped": [dataclasses.asdict(item) for item in dataset.skipped],
  }


def _skipped_line(dataset: Dataset) -> str:
  first = dataset.skipped[0]
  count = len(dataset.skipped)
  more = f" and {count - 1} more (all in report.json)" if count > 1 else ""
  plural = "image was" if count == 1 else "images were"
  return f"{count} {plural} left out: {first.path} ({first.reason}){more}"
