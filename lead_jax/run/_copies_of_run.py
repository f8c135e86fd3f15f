"""Exact copies of images in a run: ready features follow, and what they changed is said."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lead_jax.backbones import Backbone, ModelSpec, ReadyFeatures
from lead_jax.checks import equal_rows_line, reason
from lead_jax.data import Copies
from lead_jax.metrics import Metric, evaluate_metric
from lead_jax.results import Report, ScoreRow
from lead_jax.run._bench import Opened
from lead_jax.run._score import key_parts
from lead_jax.system import content_key

# Name of the detail of a row that holds the score with copies.
WITH_COPIES = "score_with_copies"
_BEGINS = "With the copies of one class"
# Models whose other places are named.
_MOST_MOVED = 3


def with_rows(
  spec: ModelSpec, copies: Copies, say: Callable[[str], object]
) -> ModelSpec:
  """Returns a model whose ready features are those of the samples that are left.

  Args:
    spec: Any model; a network stays as it is.
    copies: What was left out of the data set.
    say: Told, in one line, of equal rows that are left.
  """

  def load() -> Backbone | ReadyFeatures:
    loaded = spec.load()
    if not isinstance(loaded, ReadyFeatures):
      return loaded
    if copies.dropped and len(loaded.features) == copies.total:
      loaded = _rows_of(loaded, copies.kept)
    if line := equal_rows_line(spec.name, loaded.features):
      say(line)
    return loaded

  return dataclasses.replace(spec, load=load)


def _rows_of(ready: ReadyFeatures, rows: np.ndarray) -> ReadyFeatures:
  """Ready features of some samples."""
  labels, probs = ready.labels, ready.source_probs
  return dataclasses.replace(
    ready,
    features=ready.features[rows],
    labels=labels
    if labels is None or len(labels) != len(ready.features)
    else labels[rows],
    source_probs=None if probs is None else probs[rows],
  )


def score_with_copies(
  opened: Opened,
  metric: Metric,
  options: Mapping[str, Any],
  row: ScoreRow,
  copies: Copies,
) -> ScoreRow:
  """Adds to a row what its score would be if copies within a class counted.

  Args:
    opened: The model.
    metric: Of the row.
    options: The metric's own.
    row: With a score.
    copies: Of the data set.

  Returns:
    The row; as it is where nothing was left out within a class, or the score of a model
    says nothing without those of others.
  """
  rows = copies.with_copies()
  if len(rows) == len(copies.kept) or not copies.dropped or metric.pool is not None:
    return row
  store = opened.bench.store
  key = content_key(**key_parts(opened, metric, options), with_copies=rows.tolist())
  found: Any = store.get_json(key)
  if found is None:
    try:
      problem = opened.problem(metric).subset(rows)
      found = evaluate_metric(metric, problem, **options).score
      store.keep_json(key, found)
    except (Exception, SystemExit) as error:
      # The score itself is not in question.
      found = reason(error, f"metric {metric.name!r} with copies")
  return dataclasses.replace(row, details={**row.details, WITH_COPIES: found})


def says_copies(line: str) -> bool:
  """Returns whether a warning is what `what_copies_changed` says."""
  return line.startswith(_BEGINS)


def what_copies_changed(report: Report) -> str:
  """Says what scores and order would be with copies; "" where there are none.

  Args:
    report: With ranks.
  """
  metric = report.metrics[0]
  rows = {row.model: row for row in report.scores if row.metric == metric}
  order = [name for name in report.ranking(metric) if WITH_COPIES in rows[name].details]
  known = {name: rows[name].details[WITH_COPIES] for name in order}
  if not order or not all(isinstance(score, int | float) for score in known.values()):
    return ""
  best = order[0]
  said = (
    f"{_BEGINS}, {metric} of {best} would be {known[best]:.4g} and not "
    f"{rows[best].score:.4g}"
  )
  # By score alone, so that models in a tie change places in neither.
  other = sorted(order, key=lambda name: (-known[name], -rows[name].score, name))
  if len(order) < 2:
    return said
  if other == order:
    return f"{said}; the order of the models would be the same"
  moved = [name for name, before in zip(other, order, strict=True) if name != before]
  places = [f"{name} {other.index(name) + 1}" for name in moved[:_MOST_MOVED]]
  more = len(moved) - len(places)
  others = f" and {more} more" if more else ""
  return f"{said}; other places would be had by {', '.join(places)}{others}"
