"""The main job: data set and models in, ranked table out.

Plan (everything that can be known to be wrong is said before any work), then for each
model: load, extract, score. A model that fails is a row with its reason. Features and
scores are stored under keys made of their content, so an interrupted run goes on where it
was, and a further model costs only its own pass.
"""

import dataclasses
import hashlib
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lead_jax import metrics as metrics_room
from lead_jax import preflight
from lead_jax.backbones.base import Backbone, ModelSpec, ReadyFeatures
from lead_jax.backbones.resolve import resolve_models
from lead_jax.conclusion import conclude
from lead_jax.data import Dataset, load_dataset, load_digits_dataset
from lead_jax.data.preprocess import ResizedCache, prepared_images
from lead_jax.errors import InputError
from lead_jax.features import FeatureStore, content_key, extract, extraction_key
from lead_jax.features.extract import EXTRACTION_VERSION
from lead_jax.labels import encode_labels
from lead_jax.lead import Network
from lead_jax.measure import Stages, environment
from lead_jax.metrics.base import OK, Problem
from lead_jax.results import ModelRow, Report, ScoreRow, json_values

# To be raised whenever a metric gives another number for the same features.
SCORING_VERSION = 1


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

  def extracting(self, done: int, total: int) -> None:
    """Images through the current model so far."""

  def scoring(self, metric: str) -> None:
    """A metric of the current model is being computed."""

  def finished(self, row: ModelRow, scores: Sequence[ScoreRow]) -> None:
    """The current model is done, or has failed; ranks are not yet known."""

  def warned(self, message: str) -> None:
    """Something that the user should know, in one line."""


def default_cache_dir() -> pathlib.Path:
  """Returns `$LEAD_JAX_CACHE`, or `lead_jax` under the user's cache folder."""
  if named := os.environ.get("LEAD_JAX_CACHE"):
    return pathlib.Path(named).expanduser()
  base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  return pathlib.Path(base).expanduser() / "lead_jax"


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
  data_dir: str | os.PathLike | None = None,
  listener: Listener | None = None,
) -> Report:
  """Ranks pre-trained models by how well they promise to fine-tune on a data set.

  Args:
    dataset: A folder with one sub-folder a class, `digits`, `tfds:NAME`, `npz:FILE`, or a
      `Dataset`.
    models: Names (see `backbones.resolve_models`) or specifications; all of the zoo file
      where None, or the bundled digits zoo where there is none.
    metrics: Names of `METRICS`; the first one orders the table. `DEFAULT_METRICS` where
      None.
    zoo: A zoo file (`zoo.json`) that lists models.
    split: `train`, `test` or `all`: which samples are scored. Recorded in the report.
    seed: Of everything random.
    options: By metric, its options: `{"lead": {"classifier": "lda"}}`.
    batch_size: Images a batch; features do not depend on it.
    cache_dir: Where features and scores are kept; `default_cache_dir()` where None.
    out: Folder for `scores.csv` and `report.json`, written anew after every model;
      nothing is written where None.
    overwrite: Whether `out` may hold the results of another run.
    ground_truth: CSV of true accuracies (see `evaluation.parse_ground_truth`) to compare
      the ranking with; the bundled zoo on `digits` brings its own.
    data_dir: Where prepared tfds data sets are.
    listener: Told of progress.

  Returns:
    The report: one row a model and metric.

  Raises:
    InputError: (a ValueError) If the data set, a name, an option or a folder is wrong. A
      model that fails is no error but a row.
  """
  listener = listener or Listener()
  names = list(preflight.metrics_or_default(metrics))
  options = preflight.check_options(names, options or {})
  preflight.check_numbers(seed, batch_size)
  specs = resolve_models(models, zoo)
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
  truth = preflight.read_truth(
    ground_truth,
    dataset.name,
    [spec.name for spec in specs],
    bundled=_is_bundled(dataset),
  )
  config = {
    "dataset": dataset.name,
    "fingerprint": dataset.fingerprint,
    "labels": _labels_hash(dataset),
    "split": dataset.split,
    "models": [spec.name for spec in specs],
    "metrics": names,
    "options": json_values(options),
    "seed": seed,
    "x64": bool(jnp.result_type(float) == jnp.float64),
    "versions": [EXTRACTION_VERSION, SCORING_VERSION],
    "files": {
      str(path): preflight.file_hash(path)
      for path in (zoo, ground_truth, *_feature_files(specs))
      if path is not None
    },
  }
  if out is not None:
    preflight.keep_other_results(out, config, overwrite)
  cache = default_cache_dir() if cache_dir is None else pathlib.Path(cache_dir)
  warnings: list[str] = []

  def warn(message: str) -> None:
    warnings.append(message)
    listener.warned(message)

  run = _Run(
    dataset=dataset,
    metrics=names,
    options=options,
    seed=seed,
    batch_size=batch_size,
    store=FeatureStore(cache.expanduser() / "features", warn=warn),
    resized=ResizedCache(),
    listener=listener,
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
    complete=False,
  )
  for index, spec in enumerate(specs):
    listener.started(index, spec.name)
    row, scores = run.model(spec)
    listener.finished(row, scores)
    report = dataclasses.replace(
      report,
      models=[*report.models, row],
      scores=[*report.scores, *scores],
      complete=index + 1 == len(specs),
    )
    if out is not None and not report.complete:
      _save(conclude(report, warnings, lambda _: None), out)
  report = conclude(report, warnings, warn)
  if out is not None:
    _save(report, out)
  return report


def _is_bundled(dataset: Dataset) -> bool:
  """Whether this really is the bundled data, not something else of that name."""
  if dataset.name != "digits":
    return False
  parts = (load_digits_dataset(part) for part in ("train", "test", "all"))
  return dataset.fingerprint in {part.fingerprint for part in parts}


def _feature_files(specs: Sequence[ModelSpec]) -> list[str]:
  prefix = "features:"
  return [s.name.removeprefix(prefix) for s in specs if s.name.startswith(prefix)]


def _labels_hash(dataset: Dataset) -> str:
  digest = hashlib.sha256(np.ascontiguousarray(dataset.labels, np.int32).tobytes())
  digest.update("\0".join(dataset.class_names).encode())
  return digest.hexdigest()


def _save(report: Report, out: pathlib.Path) -> None:
  report.to_csv(out / "scores.csv")
  report.to_json(out / "report.json")


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


def _one_line(error: BaseException) -> str:
  text = " ".join(str(error).split())
  if isinstance(error, InputError):
    return text
  return f"{type(error).__name__}: {text}" if text else type(error).__name__


@dataclasses.dataclass(frozen=True)
class _Run:
  """What all models of a run share."""

  dataset: Dataset
  metrics: Sequence[str]
  options: Mapping[str, Mapping[str, Any]]
  seed: int
  batch_size: int
  store: FeatureStore
  resized: ResizedCache
  listener: Listener

  def model(self, spec: ModelSpec) -> tuple[ModelRow, list[ScoreRow]]:
    """Does one model; never raises but for an interrupt."""
    stages = Stages()
    row = ModelRow(spec.name, OK)
    scores: list[ScoreRow] = []
    try:
      with stages.stage("load"):
        loaded = spec.load()
      row = dataclasses.replace(row, **_facts(loaded))
      source = _Source(self, loaded, stages)
      scores = [self.score(spec.name, name, source) for name in self.metrics]
      row = dataclasses.replace(
        row, feature_dim=source.feature_dim, features_cached=source.cached
      )
    except Exception as error:
      # Whatever is wrong with one model must not cost the others their scores.
      row = dataclasses.replace(row, status=f"failed: {_one_line(error)}")
      scores = [
        ScoreRow(spec.name, name, math.nan, None, row.status) for name in self.metrics
      ]
    row = dataclasses.replace(
      row,
      seconds={k: round(v, 4) for k, v in stages.seconds.items()},
      peak_memory_mib=stages.peak_memory_mib,
    )
    return row, scores

  def score(self, model: str, metric: str, source: "_Source") -> ScoreRow:
    """Computes one score, or takes it from the store."""
    options = self.options.get(metric, {})
    key = content_key(
      scoring=SCORING_VERSION,
      features=source.key,
      labels=_labels_hash(self.dataset),
      metric=metric,
      options=dict(options),
      seed=self.seed,
      x64=bool(jnp.result_type(float) == jnp.float64),
    )
    if (kept := self.store.get_json(key)) is not None:
      source.feature_dim = kept.pop("feature_dim")
      return ScoreRow(model, metric, rank=None, cached=True, **kept)
    problem = source.problem()
    self.listener.scoring(metric)
    timed = Stages()
    try:
      with source.stages.stage("score"), timed.stage("score"):
        value = metrics_room.evaluate_metric(metric, problem, **options)
    except Exception as error:
      # A metric that cannot score these features says so; the others go on.
      return ScoreRow(model, metric, math.nan, None, f"failed: {_one_line(error)}")
    kept = {
      "score": value.score,
      "status": value.status,
      "details": dict(value.details),
      "seconds": round(timed.seconds["score"], 4),
    }
    try:
      self.store.put_json(key, {**kept, "feature_dim": source.feature_dim})
    except InputError as error:
      self.store.warn(str(error))
    return ScoreRow(model, metric, rank=None, **kept)


class _Source:
  """One model's features, extracted when the first metric asks for them."""

  def __init__(self, run: _Run, loaded: Backbone | ReadyFeatures, stages: Stages):
    self.stages = stages
    self.cached = True
    self.feature_dim: int | None = None
    self._run = run
    self._loaded = loaded
    self._problem: Problem | None = None
    if isinstance(loaded, Backbone):
      if not loaded.weights_hash:
        raise InputError(
          f"{loaded.name}: weights_hash is empty; stored features need it"
        )
      self.key = extraction_key(loaded, run.dataset)
    else:
      _check_rows(loaded, run.dataset)
      # By content: a hash that a caller gives may say less than it should.
      array = np.ascontiguousarray(loaded.features)
      digest = hashlib.sha256(array.tobytes()).hexdigest()
      self.key = content_key(ready=digest, shape=array.shape, dtype=str(array.dtype))

  def problem(self) -> Problem:
    """Returns the features with the labels, extracting at most once."""
    if self._problem is None:
      dataset = self._run.dataset
      features = self._features()
      with self.stages.stage("check"):
        self._problem = Problem(
          features,
          dataset.labels,
          seed=self._run.seed,
          network=self._network(),
          class_names=dataset.class_names,
        )
      self.feature_dim = int(features.shape[1])
    return self._problem

  def _network(self) -> Network | None:
    """The backbone as a function of the data set's images, for its gradients."""
    if isinstance(self._loaded, ReadyFeatures):
      return None
    backbone, dataset = self._loaded, self._run.dataset
    return Network(
      lambda params, x: backbone.apply(params, x)["features"],
      backbone.params,
      lambda rows: prepared_images(dataset, backbone.input, rows),
    )

  def _features(self) -> np.ndarray:
    if isinstance(self._loaded, ReadyFeatures):
      return self._loaded.features
    with self.stages.stage("extract"):
      extracted = extract(
        self._loaded,
        self._run.dataset,
        batch_size=self._run.batch_size,
        store=self._run.store,
        resized=self._run.resized,
        progress=self._run.listener.extracting,
      )
    self.cached = extracted.cached
    self.stages.seconds.update(extracted.seconds)
    return extracted.features


def _check_rows(ready: ReadyFeatures, dataset: Dataset) -> None:
  """Refuses features of other samples than the data set's, as far as can be seen."""
  if np.ndim(ready.features) != 2:
    shape = list(np.shape(ready.features))
    raise InputError(f"{ready.name}: features must have shape [N, D], got {shape}")
  count = len(ready.features)
  if count != len(dataset):
    raise InputError(
      f"{ready.name} has {count} rows but {dataset.name!r} ({dataset.split}) has "
      f"{len(dataset)} samples: extract the features of exactly these, in this order"
    )
  if ready.labels is None:
    return
  ids, names = encode_labels(np.atleast_1d(ready.labels))
  theirs = [names[label] for label in ids]
  ours = [dataset.class_names[label] for label in dataset.labels]
  if len(theirs) != len(ours):
    raise InputError(f"{ready.name} has {count} rows but {len(theirs)} labels")
  for row, (a, b) in enumerate(zip(theirs, ours, strict=True)):
    if a != b:
      raise InputError(
        f"{ready.name} has label {a!r} in row {row} where {dataset.name!r} has {b!r}: "
        "the rows are in another order"
      )


def _facts(loaded: Backbone | ReadyFeatures) -> dict[str, Any]:
  """What a report says of a model."""
  if isinstance(loaded, ReadyFeatures):
    return {"weights_hash": loaded.weights_hash, "architecture": "ready features"}
  return {
    "architecture": loaded.architecture,
    "pretraining": loaded.pretraining,
    "source": loaded.source,
    "licence": loaded.licence,
    "weights_hash": loaded.weights_hash,
    "num_params": loaded.num_params,
  }
