"""What the scores of all models say together: pool-relative scores, ranks, ties."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

from lead_jax.checks import InputError, reason
from lead_jax.metrics import Metric, join
from lead_jax.results import FAILED, ScoreRow

# The end of a line about a metric under which all models have one score.
_NO_RANK = ", no rank"


def says_tied(line: str) -> bool:
  """Returns whether a warning is that all models of a run are tied under a metric."""
  return line.endswith(_NO_RANK)


def ranked(
  rows: Sequence[ScoreRow],
  metrics: Mapping[str, Metric],
  warn: Callable[[str], object],
) -> list[ScoreRow]:
  """Adds pool-relative scores, ranks and ties.

  Args:
    rows: One per model and metric; as each model has them on its own, or ranked before.
    metrics: By name.
    warn: Told, in one line, of a metric that ranks nothing.

  Returns:
    The rows in their order; 1 is the best rank, ties share the better one.
  """
  found = {(row.model, row.metric): row for row in rows}
  for name, metric in metrics.items():
    own = [_own(row) for row in rows if row.metric == name]
    column = _pooled([row for row in own if not math.isnan(row.score)], metric)
    scored = [row for row in column if not math.isnan(row.score)]
    found |= {(row.model, name): row for row in (*own, *column)}
    found |= {(row.model, name): row for row in _placed(scored, warn)}
  return list(found.values())


def _own(row: ScoreRow) -> ScoreRow:
  """A row as its model has it on its own."""
  return dataclasses.replace(
    row, rank=None, status=row.own_status or row.status, own_status=""
  )


def _placed(column: list[ScoreRow], warn: Callable[[str], object]) -> list[ScoreRow]:
  """Rows of one metric with their ranks."""
  values = [row.score for row in column]
  if len(column) > 1 and min(values) == max(values):
    name = column[0].metric
    score = f"{values[0]:.6g}"
    warn(f"{name}: all {len(column)} models have the score {score}{_NO_RANK}")
    return [_noted(row, "all models are tied: no rank") for row in column]
  placed = []
  for row in column:
    better = sum(value > row.score for value in values)
    tied = [r.model for r in column if r.score == row.score and r is not row]
    note = f"tied with {', '.join(tied)}" if tied else ""
    placed.append(dataclasses.replace(_noted(row, note), rank=better + 1))
  return placed


def _noted(row: ScoreRow, note: str) -> ScoreRow:
  """A row with a note beside its own status."""
  if not note:
    return row
  own = row.own_status or row.status
  return dataclasses.replace(row, status=join(row.status, note), own_status=own)


def _pooled(column: list[ScoreRow], metric: Metric) -> list[ScoreRow]:
  """The rows with the scores that they have beside each other."""
  if metric.pool is None or not column:
    return column
  parts = [row.parts or {} for row in column]
  try:
    scores = pool_scores(metric, parts)
  except InputError as error:
    failed = f"{FAILED}{error}"
    return [dataclasses.replace(row, score=math.nan, status=failed) for row in column]
  note = metric.pool_note(parts) if metric.pool_note is not None else ""
  return [
    dataclasses.replace(_noted(row, note), score=score)
    for row, score in zip(column, scores, strict=True)
  ]


def pool_scores(metric: Metric, parts: Sequence[Mapping[str, float]]) -> list[float]:
  """Returns the scores that models have beside each other.

  Args:
    metric: Pool-relative.
    parts: Of each model, what it is compared by.

  Raises:
    InputError: If the metric's rule fails, or does not give a finite score per model.
  """
  assert metric.pool is not None
  try:
    scores = [float(score) for score in metric.pool(parts)]
  except Exception as error:
    raise InputError(reason(error, f"the pool rule of {metric.name}")) from error
  if len(scores) != len(parts) or not all(map(math.isfinite, scores)):
    raise InputError(
      f"the pool rule of {metric.name} gave {scores} for {len(parts)} models: one finite "
      "score per model is needed"
    )
  return scores
