"""One model's rows: load, extract, score, with whatever is stored taken from the store.

Features and scores are kept under keys made of their content, so that an interrupted run
goes on where it was and a further model, or metric, costs only its own pass. A model that
fails is a row with its reason; so is a metric that cannot score a model.
"""

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from lead_jax import metrics as metrics_room
from lead_jax.backbones import Backbone, ModelSpec, ReadyFeatures
from lead_jax.checks import InputError, encode_labels
from lead_jax.data import Dataset, ResizedCache, prepared_images
from lead_jax.dynamics import Network
from lead_jax.features import (
  Extracted,
  FeatureStore,
  content_key,
  extract,
  extraction_key,
  flops_per_image,
)
from lead_jax.metrics import OK, Problem
from lead_jax.results import ModelRow, ScoreRow
from lead_jax.run.certainty._halves import Halves
from lead_jax.system import Stages

# To be raised whenever a metric gives another number for the same features.
SCORING_VERSION = 3

# Parts of the images that are scored between two looks at the store.
_DRAWS_AT_ONCE = 10

# Stands before the reason that a score is not there and never could be, with this model
# and these flags: not a failure.
NEEDS = "needs "


class Progress(Protocol):
  """What scoring tells of its progress."""

  def fetching(self, done: int, total: int) -> None: ...

  def extracting(self, done: int, total: int) -> None: ...

  def scoring(self, metric: str) -> None: ...

  def resampling(self, done: int, total: int) -> None: ...


def labels_hash(dataset: Dataset) -> str:
  """The identity of a data set's labels, part of the keys of scores."""
  digest = hashlib.sha256(np.ascontiguousarray(dataset.labels, np.int32).tobytes())
  digest.update("\0".join(dataset.class_names).encode())
  return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Scorer:
  """What all models of a run share.

  Attributes:
    dataset: What is scored.
    metrics: Names.
    options: By metric.
    seed: Of everything random.
    batch_size: Images a batch.
    store: Of features and scores.
    resized: Images that networks of one input size share.
    progress: Told of progress.
    reference: A loaded model whose features of the data set some metrics compare with.
    source_data: Images of what the models were pre-trained on, for metrics that use the
      statistics of their features there.
    resamples: How many parts of the images the first metric scores beside all of them.
    halves: Which parts; None for none.
  """

  dataset: Dataset
  metrics: Sequence[str]
  options: Mapping[str, Mapping[str, Any]]
  seed: int
  batch_size: int
  store: FeatureStore
  resized: ResizedCache
  progress: Progress
  reference: Backbone | ReadyFeatures | None = None
  source_data: Dataset | None = None
  resamples: int = 0
  halves: Halves | None = None

  def model(self, spec: ModelSpec) -> tuple[ModelRow, list[ScoreRow]]:
    """Does one model; never raises but for an interrupt."""
    stages = Stages()
    row = ModelRow(spec.name, OK)
    scores: list[ScoreRow] = []
    try:
      with stages.stage("load"):
        if spec.fetch is not None:
          spec.fetch(self.progress.fetching)
        loaded = spec.load()
      row = dataclasses.replace(row, **_facts(loaded))
      source = _Source(self, loaded, stages)
      scores = [self.score(spec.name, name, source) for name in self.metrics]
      scores[0] = self.resample(scores[0], source)
      row = dataclasses.replace(
        row, feature_dim=source.feature_dim, features_cached=source.cached
      )
      if isinstance(loaded, Backbone):
        with stages.stage("count"):
          flops = flops_per_image(loaded, self.store)
        row = dataclasses.replace(row, flops=flops)
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

  def under_options(
    self, spec: ModelSpec, wanted: Sequence[tuple[str, Mapping[str, Any]]]
  ) -> list[ScoreRow]:
    """Scores one model by metrics under several options, sharing what these share.

    Args:
      spec: The model; what is wrong with it is raised.
      wanted: Metrics, each with its options; a metric may stand there many times.

    Returns:
      In the order of `wanted`, kept under the same keys as `model` keeps them.
    """
    source = _Source(self, spec.load(), Stages())  # which reads no options
    return [
      dataclasses.replace(self, options={metric: options}).score(
        spec.name, metric, source
      )
      for metric, options in wanted
    ]

  def score(self, model: str, metric: str, source: "_Source") -> ScoreRow:
    """Computes one score, or takes it from the store."""
    options = self.options.get(metric, {})
    key = content_key(**self._key_parts(metric, source))
    if (kept := self.store.get_json(key)) is not None:
      source.feature_dim = kept.pop("feature_dim")
      return ScoreRow(model, metric, rank=None, cached=True, **kept)
    source.problem()  # without features there is no model: not this metric's trouble
    timed = Stages()
    try:
      problem = source.problem(metric)
      if missing := metrics_room.missing(metric, problem):
        return ScoreRow(model, metric, math.nan, None, f"{NEEDS}{missing}")
      self.progress.scoring(metric)
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
      "std": None if value.spread is None else value.spread.std,
      "draws": "" if value.spread is None else value.spread.draws,
      "parts": None if value.parts is None else dict(value.parts),
    }
    self.store.keep_json(key, {**kept, "feature_dim": source.feature_dim})
    return ScoreRow(model, metric, rank=None, **kept)

  def resample(self, row: ScoreRow, source: "_Source") -> ScoreRow:
    """Adds the scores of random parts of the images, or takes them from the store.

    A part that cannot be scored leaves the row as it is, with the reason among its
    details: intervals are not worth the model.
    """
    if self.halves is None or math.isnan(row.score):
      return row
    scores: list[float] = []
    parts: list[Mapping[str, float]] = []
    try:
      with source.stages.stage("resample"):
        for start in range(0, self.resamples, _DRAWS_AT_ONCE):
          draws = range(start, min(start + _DRAWS_AT_ONCE, self.resamples))
          for score, part in self._parts(row.metric, draws, self.halves, source):
            scores.append(score)
            parts += [] if part is None else [part]
          self.progress.resampling(len(scores), self.resamples)
    except Exception as error:
      details = {**row.details, "not_resampled": _one_line(error)}
      return dataclasses.replace(row, details=details)
    return dataclasses.replace(row, resampled=scores, resampled_parts=parts)

  def _parts(
    self, metric: str, draws: range, halves: Halves, source: "_Source"
  ) -> list[tuple[float, Mapping[str, float] | None]]:
    key = content_key(
      **self._key_parts(metric, source),
      draws=[draws.start, draws.stop],
      sizes=halves.sizes.tolist(),
      draws_seed=halves.seed,
    )
    if (kept := self.store.get_json(key)) is not None:
      return [(score, part) for score, part in kept]
    found: list[tuple[float, Mapping[str, float] | None]] = []
    for draw in draws:
      problem = source.problem(metric).subset(halves.rows(draw))
      value = metrics_room.evaluate_metric(
        metric, problem, **self.options.get(metric, {})
      )
      if not math.isfinite(value.score):
        raise InputError(f"a part of the images has the score {value.score}")
      found.append((value.score, None if value.parts is None else dict(value.parts)))
    self.store.keep_json(key, found)
    return found

  def _key_parts(self, metric: str, source: "_Source") -> dict[str, Any]:
    """Everything that a score depends on."""
    return {
      **metrics_room.find_metric(metric).identity(),
      "features": source.key,
      "companions": source.companion_keys(metric),
      "labels": labels_hash(self.dataset),
      "metric": metric,
      "options": dict(self.options.get(metric, {})),
      "seed": self.seed,
      "x64": bool(jnp.result_type(float) == jnp.float64),
    }

  def extract(self, loaded: Backbone, dataset: Dataset) -> Extracted:
    """A network's outputs on a data set, from the store where it has them."""
    return extract(
      loaded,
      dataset,
      batch_size=self.batch_size,
      store=self.store,
      resized=self.resized,
      progress=self.progress.extracting,
    )

  def features(self, loaded: Backbone | ReadyFeatures) -> np.ndarray:
    """A model's features of the data set that is scored."""
    if isinstance(loaded, ReadyFeatures):
      return loaded.features
    return self.extract(loaded, self.dataset).features


class _Source:
  """One model's features, extracted when the first metric asks for them."""

  def __init__(self, run: Scorer, loaded: Backbone | ReadyFeatures, stages: Stages):
    self.stages = stages
    self.cached = True
    self.feature_dim: int | None = None
    self._run = run
    self._loaded = loaded
    self._problem: Problem | None = None
    self._source_probs: np.ndarray | None = None
    if isinstance(loaded, Backbone):
      if not loaded.weights_hash:
        raise InputError(
          f"{loaded.name}: weights_hash is empty; stored features need it"
        )
    else:
      check_rows(loaded, run.dataset)
    self.key = _outputs_key(loaded, run.dataset)

  def companion_keys(self, metric: str) -> dict[str, str]:
    """Keys of whatever a metric looks at beside the model's outputs on the data set."""
    uses, run = metrics_room.find_metric(metric).arrays, self._run
    keys = {}
    if "reference_features" in uses and run.reference is not None:
      keys["reference"] = _outputs_key(run.reference, run.dataset)
    if "source_features" in uses and (images := self._source_images()) is not None:
      keys["source_data"] = extraction_key(*images)
    return keys

  def problem(self, metric: str | None = None) -> Problem:
    """Returns the features with the labels and what the metric uses beside them."""
    dataset = self._run.dataset
    if self._problem is None:
      features, self._source_probs = self._outputs()
      with self.stages.stage("check"):
        self._problem = Problem(
          features,
          dataset.labels,
          seed=self._run.seed,
          network=self._network(),
          class_names=dataset.class_names,
        )
      self.feature_dim = int(features.shape[1])
    uses = () if metric is None else metrics_room.find_metric(metric).arrays
    lacks = lambda name: name in uses and getattr(self._problem, name) is None
    if lacks("source_probs") and self._source_probs is not None:
      self._problem.provide("source_probs", self._source_probs)
    if lacks("reference_features") and self._run.reference is not None:
      reference = self._run.features(self._run.reference)
      self._problem.provide("reference_features", reference)
    if lacks("source_features") and (source := self._source_features()) is not None:
      self._problem.provide("source_features", source)
    return self._problem

  def _source_features(self) -> np.ndarray | None:
    """The model's features of what it was pre-trained on, where they can be had."""
    if isinstance(self._loaded, ReadyFeatures):
      return self._loaded.source_features
    if (images := self._source_images()) is None:
      return None
    with self.stages.stage("extract_source"):
      return self._run.extract(*images).features

  def _source_images(self) -> tuple[Backbone, Dataset] | None:
    if isinstance(self._loaded, Backbone) and self._run.source_data is not None:
      return self._loaded, self._run.source_data
    return None

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

  def _outputs(self) -> tuple[np.ndarray, np.ndarray | None]:
    """Features, and probabilities over the source classes where there are any."""
    if isinstance(self._loaded, ReadyFeatures):
      return self._loaded.features, self._loaded.source_probs
    with self.stages.stage("extract"):
      extracted = self._run.extract(self._loaded, self._run.dataset)
    self.cached = extracted.cached
    self.stages.seconds.update(extracted.seconds)
    logits = extracted.source_logits
    return extracted.features, None if logits is None else softmax(logits)


def softmax(logits: np.ndarray) -> np.ndarray:
  """Probabilities float32[N, Z] over the source classes, from a classifier's outputs."""
  exponent = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
  return (exponent / exponent.sum(axis=1, keepdims=True)).astype(np.float32)


def _outputs_key(loaded: Backbone | ReadyFeatures, dataset: Dataset) -> str:
  """The identity of a model's outputs on a data set."""
  if isinstance(loaded, Backbone):
    return extraction_key(loaded, dataset)
  # By content: a hash that a caller gives may say less than it should.
  held = {}
  for name in ("features", "source_probs", "source_features"):
    if (array := getattr(loaded, name)) is not None:
      array = np.ascontiguousarray(array)
      digest = hashlib.sha256(array.tobytes()).hexdigest()
      held[name] = [digest, list(array.shape), str(array.dtype)]
  return content_key(ready=held)


def _one_line(error: BaseException) -> str:
  text = " ".join(str(error).split())
  if isinstance(error, InputError):
    return text
  return f"{type(error).__name__}: {text}" if text else type(error).__name__


def check_rows(ready: ReadyFeatures, dataset: Dataset) -> None:
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
    "source_accuracy": loaded.source_accuracy,
  }
