"""Scores of a zoo on a data set and on altered forms of it, each computed once and kept.

Features are extracted once, on the whole data set. An altered form is made of them: some
of the rows, or all of them times a number. Its scores are kept under keys of its content,
like all scores, so that an interrupted run goes on from where it was.
"""

import dataclasses
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, NamedTuple

import numpy as np

from lead_jax import run
from lead_jax.backbones import Backbone, ModelSpec, ReadyFeatures
from lead_jax.checks import InputError
from lead_jax.data import Dataset
from lead_jax.features import FeatureStore
from lead_jax.metrics import OK
from lead_jax.results import ModelRow, Report, ScoreRow
from lead_jax.run import conclude_rows, score_model
from lead_jax.statistics import softmax
from lead_jax.system import content_key


class Variant(NamedTuple):
  """An altered form of a data set.

  Attributes:
    name: Unique among those scored together.
    dataset: Whose labels belong to the altered features.
    alter: From a model's outputs on the whole data set to those on the altered form.
  """

  name: str
  dataset: Dataset
  alter: Callable[[ReadyFeatures], ReadyFeatures]


def rows_of(dataset: Dataset, rows: np.ndarray, name: str) -> Variant:
  """Returns some of the samples as a variant; every class must be among them."""
  key = content_key(of=dataset.fingerprint, rows=np.asarray(rows).tolist())
  part = dataclasses.replace(
    dataset,
    labels=dataset.labels[rows],
    fingerprint=key,
    read_image=None,
    label_sets=None,
  )

  def alter(ready: ReadyFeatures) -> ReadyFeatures:
    probs = ready.source_probs
    return dataclasses.replace(
      ready,
      features=np.asarray(ready.features)[rows],
      labels=None,  # they have been compared with the whole data set's
      source_probs=None if probs is None else probs[rows],
    )

  return Variant(name, part, alter)


def scaled_by(
  dataset: Dataset, factor: Callable[[np.ndarray], float], name: str
) -> Variant:
  """Returns all samples, every feature times one number a model, as a variant."""

  def alter(ready: ReadyFeatures) -> ReadyFeatures:
    features = np.asarray(ready.features)
    scale = features.dtype.type(factor(features))
    return dataclasses.replace(ready, features=features * scale)

  return Variant(name, dataset, alter)


class Lines:
  """Progress, one line at a time; a line now and then while something takes long."""

  def __init__(self, stream: IO[str] | None = None, interval: float = 10.0):
    """Writes to `stream` (stderr where None), at most every `interval` seconds."""
    self._stream = stream or sys.stderr
    self._interval = interval
    self._place = ""
    self._said = 0.0

  def at(self, place: str) -> None:
    """From now on, this is being done."""
    self._place = place
    self._said = time.monotonic()

  def waiting(self, model: str, owner: str) -> None:
    self._now_and_then(f"waiting for {owner}, which extracts {model}")

  def fetching(self, done: int, total: int) -> None:
    self._now_and_then(f"{done / 1e6:.0f} MB of its weights")

  def extracting(self, done: int, total: int) -> None:
    self._now_and_then(f"{done} of {total} images")

  def scoring(self, metric: str) -> None:
    self._now_and_then(f"scoring {metric}")

  def resampling(self, done: int, total: int) -> None:
    self._now_and_then(f"{done} of {total} parts of the images scored")

  def say(self, text: str) -> None:
    """Prints a line at once."""
    print(f"{self._place}: {text}", file=self._stream, flush=True)

  def _now_and_then(self, text: str) -> None:
    if time.monotonic() - self._said >= self._interval:
      self._said = time.monotonic()
      self.say(text)


@dataclasses.dataclass(frozen=True)
class Bench:
  """What all scores of a run share.

  Attributes:
    models: Loaded when a data set needs them.
    metrics: Names.
    store: Of features and scores.
    seed: Seed of every random draw of the metrics: the same for all variants.
    lines: Told of progress.
  """

  models: Sequence[ModelSpec]
  metrics: Sequence[str]
  store: FeatureStore
  seed: int = 0
  lines: Lines = dataclasses.field(default_factory=Lines)

  def whole(self, dataset: Dataset) -> tuple[Report, list[ReadyFeatures]]:
    """Scores the data set as it is, as `lead-rank` does and under the same keys.

    Returns:
      The report, and every model's outputs, from which variants are made.

    Raises:
      InputError: If a model cannot be read or applied: all are needed.
    """
    scorer = self.scorer(dataset)
    facts, scores, outputs = [], [], []
    for spec in self.models:
      self.lines.at(f"{dataset.name}, {spec.name}")
      try:
        loaded = spec.load()
        outputs.append(outputs_of(scorer, loaded, spec.name))
      except InputError as error:
        raise InputError(f"model {spec.name!r} on {dataset.name}: {error}") from error
      row, found = self.score(scorer, ready_spec(spec.name, loaded))
      if row.status != OK:
        raise InputError(f"model {spec.name!r} on {dataset.name}: {row.status}")
      self.lines.say(_summary(found))
      facts.append(row)
      scores += found
    return self._report(dataset, facts, scores), outputs

  def altered(
    self, outputs: Sequence[ReadyFeatures], variants: Sequence[Variant]
  ) -> dict[str, Report]:
    """Scores variants of a data set; those of one shape should come in one call.

    Args:
      outputs: Of `whole`.
      variants: Forms of that data set.

    Returns:
      By name of the variant.
    """
    scorers = [self.scorer(variant.dataset) for variant in variants]
    facts: dict[str, list[ModelRow]] = {variant.name: [] for variant in variants}
    scores: dict[str, list[ScoreRow]] = {variant.name: [] for variant in variants}
    # Models of one width share what is compiled; then it can be forgotten.
    for ready in sorted(outputs, key=lambda ready: ready.features.shape[1]):
      done: list[ScoreRow] = []
      for variant, scorer in zip(variants, scorers, strict=True):
        self.lines.at(f"{variant.dataset.name}, {variant.name}, {ready.name}")
        row, found = self.score(scorer, ready_spec(ready.name, variant.alter(ready)))
        facts[variant.name].append(row)
        scores[variant.name] += found
        done += found
      self.lines.at(f"{variants[0].dataset.name}, {ready.name}")
      self.lines.say(f"{variants[0].name} ... {variants[-1].name}: {_summary(done)}")
    return {
      v.name: self._report(v.dataset, facts[v.name], scores[v.name]) for v in variants
    }

  def scorer(self, dataset: Dataset) -> run.Bench:
    """Returns what scores models on a data set, and keeps the scores."""
    return run.Bench(
      dataset=dataset, store=self.store, progress=self.lines, seed=self.seed
    )

  def score(
    self, scorer: run.Bench, spec: ModelSpec
  ) -> tuple[ModelRow, list[ScoreRow]]:
    """Scores one model by all metrics at their defaults."""
    return score_model(scorer, spec, [(metric, {}) for metric in self.metrics])

  def _report(
    self, dataset: Dataset, facts: list[ModelRow], scores: list[ScoreRow]
  ) -> Report:
    """Scores beside each other: pool-relative ones are compared here."""
    return conclude_rows(facts, scores, dataset=dataset.name, metrics=self.metrics)


def known_models(
  bench: Bench, dataset: str, truth: Mapping[str, float]
) -> dict[str, float]:
  """Returns the accuracies of the bench's models.

  Args:
    bench: With models.
    dataset: Name, for the message.
    truth: By model, of that data set.

  Raises:
    InputError: If there are fewer than two, or all are equal.
  """
  known = {spec.name: truth[spec.name] for spec in bench.models if spec.name in truth}
  if len(known) < 2:
    raise InputError(
      f"the ground truth knows {len(known)} of the {len(bench.models)} models on "
      f"{dataset}: at least 2 are needed"
    )
  if len(set(known.values())) < 2:
    raise InputError(
      f"all {len(known)} models have the same accuracy on {dataset}: no ranking is true"
    )
  return known


def ready_spec(name: str, loaded: Backbone | ReadyFeatures) -> ModelSpec:
  """Returns what is loaded already as a model."""
  return ModelSpec(name, lambda: loaded)


def outputs_of(
  scorer: run.Bench, loaded: Backbone | ReadyFeatures, name: str
) -> ReadyFeatures:
  """A model's features, and its probabilities over the source classes where it has any."""
  if isinstance(loaded, ReadyFeatures):
    return dataclasses.replace(loaded, name=name)
  found = scorer.extract(loaded, scorer.dataset)
  logits = found.source_logits
  probs = None if logits is None else softmax(logits).astype(np.float32)
  return ReadyFeatures(
    name, found.features, None, loaded.weights_hash, source_probs=probs
  )


def _summary(rows: Sequence[ScoreRow]) -> str:
  kept = sum(row.cached for row in rows)
  seconds = sum(row.seconds for row in rows if not row.cached)
  return f"{len(rows)} scores, {kept} of them from the store, {seconds:.0f} s"
