"""What all models' scores together say: ranks, ties, agreement with the ground truth."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lead_jax import evaluation
from lead_jax.metrics.base import OK
from lead_jax.results import Report, ScoreRow


def conclude(
  report: Report, warnings: list[str], warn: Callable[[str], object]
) -> Report:
  """Adds ranks, ties and the agreement with the ground truth."""
  scores = {(row.model, row.metric): row for row in report.scores}
  agreement = {}
  for metric in report.metrics:
    column = [
      row for row in report.scores if row.metric == metric and not math.isnan(row.score)
    ]
    values = [row.score for row in column]
    if len(column) > 1 and min(values) == max(values):
      warn(
        f"{metric}: all {len(column)} models have the score {values[0]:.6g}, no rank"
      )
      for row in column:
        status = _add(row.status, "all models are tied: no rank")
        scores[row.model, metric] = dataclasses.replace(row, status=status)
      continue
    for row in column:
      better = sum(value > row.score for value in values)
      tied = [r.model for r in column if r.score == row.score and r is not row]
      status = _add(row.status, f"tied with {', '.join(tied)}") if tied else row.status
      scores[row.model, metric] = dataclasses.replace(
        row, rank=better + 1, status=status
      )
    if (found := _agreement(column, report.ground_truth)) is not None:
      agreement[metric] = found
  return dataclasses.replace(
    report,
    scores=list(scores.values()),
    agreement=agreement,
    warnings=list(warnings),
  )


def _add(status: str, note: str) -> str:
  return note if status == OK else f"{status}; {note}"


def _agreement(
  column: Sequence[ScoreRow], truth: Mapping[str, float]
) -> dict[str, Any] | None:
  """Compares a metric's scores with the true accuracies of the models that have both."""
  both = [row for row in column if row.model in truth]
  if len(both) < 2:
    return None
  scores = [row.score for row in both]
  accuracies = [truth[row.model] for row in both]
  try:
    return {
      "models": len(both),
      "weighted_kendall": evaluation.weighted_kendall(scores, accuracies),
      "regret_at_1": evaluation.regret_at_1(scores, accuracies),
    }
  except ValueError as error:
    return {"models": len(both), "error": str(error)}
