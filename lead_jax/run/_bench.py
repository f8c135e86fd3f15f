"""One model of a run, opened: its facts, its features, and what metrics see of it.

Features are kept under keys made of their content, so that an interrupted run goes on
where it was and a further model, or metric, costs only its own pass.
"""

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from lead_jax.backbones import Backbone, ModelSpec, ReadyFeatures
from lead_jax.checks import InputError, encode_labels
from lead_jax.data import Dataset, ResizedCache, prepared_images
from lead_jax.dynamics import Network
from lead_jax.features import (
  Extracted,
  FeatureStore,
  extract,
  extraction_key,
  flops_per_image,
)
from lead_jax.metrics import Metric, Problem
from lead_jax.results import READY_FEATURES, ModelRow
from lead_jax.statistics import softmax
from lead_jax.system import Claims, Stages, content_key


class Progress(Protocol):
  """What the bench tells of its progress."""

  def waiting(self, model: str, owner: str) -> None: ...

  def fetching(self, done: int, total: int) -> None: ...

  def extracting(self, done: int, total: int) -> None: ...

  def scoring(self, metric: str) -> None: ...

  def resampling(self, done: int, total: int) -> None: ...


def labels_hash(dataset: Dataset) -> str:
  """Returns the identity of a data set's labels, part of the keys of scores."""
  digest = hashlib.sha256(np.ascontiguousarray(dataset.labels, np.int32).tobytes())
  digest.update("\0".join(dataset.class_names).encode())
  return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Bench:
  """What all models of a run share.

  Attributes:
    dataset: What is scored.
    store: Of features and scores.
    progress: Told of progress.
    seed: Seed of every random draw.
    batch_size: Batch size in images.
    resized: Images that networks of one input size share.
    reference: A loaded model whose features of the data set some metrics compare with.
    source_data: Images of what the models were pre-trained on, for metrics that use the
      statistics of their features there.
    identities: By metric, its identity where it is known already; see `Metric.identity`.
    claims: Of processes that share the store; nobody else extracts the same if None.
    extracted: Keys of outputs that the store has.
  """

  dataset: Dataset
  store: FeatureStore
  progress: Progress
  seed: int = 0
  batch_size: int = 64
  resized: ResizedCache = dataclasses.field(default_factory=ResizedCache)
  reference: Backbone | ReadyFeatures | None = None
  source_data: Dataset | None = None
  identities: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
  claims: Claims | None = None
  extracted: set[str] = dataclasses.field(default_factory=set)

  @functools.cached_property
  def labels(self) -> str:
    """Identity of the labels, hashed once for all scores."""
    return labels_hash(self.dataset)

  @functools.cached_property
  def reference_key(self) -> str:
    """Identity of the reference's outputs, hashed once; empty without a reference."""
    return "" if self.reference is None else outputs_key(self.reference, self.dataset)

  def open(self, spec: ModelSpec) -> "Opened":
    """Fetches and loads a model; whatever is wrong with it is raised."""
    stages = Stages()
    with stages.stage("load"):
      if spec.fetch is not None:
        spec.fetch(self.progress.fetching)
      loaded = spec.load()
    return Opened(self, spec.name, loaded, stages)

  def extract(self, loaded: Backbone, dataset: Dataset) -> Extracted:
    """Returns a network's outputs on a data set, from the store where it has them.

    Another process that is at the same, such as the reference of all models, is waited
    for; then the store has it.
    """
    key = extraction_key(loaded, dataset)
    alone: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if self.claims is not None and key not in self.extracted:
      claims = self.claims
      told = lambda: self.progress.waiting(loaded.name, claims.owner(key))
      alone = claims.awaited(key, told)
    with alone:
      found = extract(
        loaded,
        dataset,
        batch_size=self.batch_size,
        store=self.store,
        resized=self.resized,
        progress=self.progress.extracting,
      )
    self.extracted.add(key)
    return found

  def features(self, loaded: Backbone | ReadyFeatures) -> np.ndarray:
    """Returns a model's features of the data set that is scored."""
    if isinstance(loaded, ReadyFeatures):
      return loaded.features
    return self.extract(loaded, self.dataset).features


class Opened:
  """One model on the bench; its features are made when something asks for them.

  Attributes:
    bench: That it lies on.
    name: In the run.
    stages: Seconds and peak memory of what was done for it.
    key: Identity of its outputs on the data set.
    cached: Whether its features were spared, or came from the store.
    computed: Whether anything was computed of it, and not only read.
    feature_dim: D, where known.
  """

  def __init__(
    self, bench: Bench, name: str, loaded: Backbone | ReadyFeatures, stages: Stages
  ):
    self.bench, self.name, self.stages = bench, name, stages
    self.cached = True
    self.computed = False
    self.feature_dim: int | None = None
    self._loaded = loaded
    self._problem: Problem | None = None
    self._source_probs: np.ndarray | None = None
    if isinstance(loaded, ReadyFeatures):
      check_rows(loaded, bench.dataset)
    elif not loaded.weights_hash:
      raise InputError(f"{loaded.name}: weights_hash is empty; stored features need it")
    self.key = outputs_key(loaded, bench.dataset)

  def facts(self) -> ModelRow:
    """Returns what is known of the model and what was spent on it so far."""
    row = ModelRow(self.name, "ok", **_facts(self._loaded))
    flops = None
    if isinstance(self._loaded, Backbone):
      with self.stages.stage("count"):
        flops = flops_per_image(self._loaded, self.bench.store)
    return dataclasses.replace(
      row,
      flops=flops,
      feature_dim=self.feature_dim,
      features_cached=self.cached,
      seconds={k: round(v, 4) for k, v in self.stages.seconds.items()},
      peak_memory_mib=dict(self.stages.peak_memory_mib),
    )

  def companion_keys(self, metric: Metric) -> dict[str, str]:
    """Returns keys of what a metric looks at beside the outputs on the data set."""
    uses, bench = metric.arrays, self.bench
    keys = {}
    if "reference_features" in uses and bench.reference_key:
      keys["reference"] = bench.reference_key
    if "source_features" in uses and (images := self._source_images()) is not None:
      keys["source_data"] = extraction_key(*images)
    return keys

  def problem(self, metric: Metric | None = None) -> Problem:
    """Returns the features with the labels and what the metric uses beside them."""
    dataset = self.bench.dataset
    if self._problem is None:
      features, self._source_probs = self._outputs()
      with self.stages.stage("check"):
        self._problem = Problem(
          features,
          dataset.labels,
          seed=self.bench.seed,
          network=self._network(),
          class_names=dataset.class_names,
        )
      self.feature_dim = int(features.shape[1])
    self._provide(self._problem, () if metric is None else metric.arrays)
    return self._problem

  def _provide(self, problem: Problem, uses: tuple[str, ...]) -> None:
    """Gives a problem the arrays that only some metrics need, where they can be had."""
    lacks = lambda name: name in uses and getattr(problem, name) is None
    if lacks("source_probs") and self._source_probs is not None:
      problem.provide("source_probs", self._source_probs)
    if lacks("reference_features") and self.bench.reference is not None:
      reference = self.bench.features(self.bench.reference)
      problem.provide("reference_features", reference)
    if lacks("source_features") and (source := self._source_features()) is not None:
      problem.provide("source_features", source)

  def _source_features(self) -> np.ndarray | None:
    """The model's features of what it was pre-trained on, where they can be had."""
    if isinstance(self._loaded, ReadyFeatures):
      return self._loaded.source_features
    if (images := self._source_images()) is None:
      return None
    with self.stages.stage("extract_source"):
      return self.bench.extract(*images).features

  def _source_images(self) -> tuple[Backbone, Dataset] | None:
    if isinstance(self._loaded, Backbone) and self.bench.source_data is not None:
      return self._loaded, self.bench.source_data
    return None

  def _network(self) -> Network | None:
    """The backbone as a function of the data set's images, for its gradients."""
    if isinstance(self._loaded, ReadyFeatures):
      return None
    backbone, dataset = self._loaded, self.bench.dataset
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
      extracted = self.bench.extract(self._loaded, self.bench.dataset)
    self.cached = extracted.cached
    self.computed |= not extracted.cached
    self.stages.seconds.update(extracted.seconds)
    logits = extracted.source_logits
    probs = None if logits is None else softmax(logits).astype(np.float32)
    return extracted.features, probs


def outputs_key(loaded: Backbone | ReadyFeatures, dataset: Dataset) -> str:
  """Returns the identity of a model's outputs on a data set."""
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
    return {"weights_hash": loaded.weights_hash, "architecture": READY_FEATURES}
  return {
    "architecture": loaded.architecture,
    "pretraining": loaded.pretraining,
    "source": loaded.source,
    "licence": loaded.licence,
    "weights_hash": loaded.weights_hash,
    "num_params": loaded.num_params,
    "source_accuracy": loaded.source_accuracy,
    "input_range": list(loaded.input.input_range),
  }
