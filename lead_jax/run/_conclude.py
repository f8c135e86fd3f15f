"""What all models' scores together say: pool-relative scores, ranks, ties, agreement."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from lead_jax import evaluation
from lead_jax.metrics import METRICS, join
from lead_jax.results import Certainty, Report, ScoreRow
from lead_jax.run.certainty._halves import Halves
from lead_jax.run.certainty._intervals import certainty_of

# By data set, by model.
Truth = Mapping[str, Mapping[str, float]]

# Rankings that never look at the target.
STATIC = ("parameters", "source accuracy", "mean rank on other data sets")


def conclude(
  report: Report, truth: Truth, warnings: list[str], warn: Callable[[str], object]
) -> Report:
  """Adds pool-relative scores, ranks, ties and the agreement with the ground truth.

  Args:
    report: With the rows that each model has on its own.
    truth: True accuracies on all data sets that are known.
    warnings: Lines that the report will hold; `warn` may add to them.
    warn: Told, in one line, of what the user should know.
  """
  scores = {(row.model, row.metric): row for row in report.scores}
  agreement = {}
  for metric in report.metrics:
    rows = [row for row in report.scores if row.metric == metric]
    column = _pooled([row for row in rows if not math.isnan(row.score)])
    scores.update({(row.model, metric): row for row in column})
    values = [row.score for row in column]
    if len(column) > 1 and min(values) == max(values):
      warn(
        f"{metric}: all {len(column)} models have the score {values[0]:.6g}, no rank"
      )
      for row in column:
        status = join(row.status, "all models are tied: no rank")
        scores[row.model, metric] = dataclasses.replace(row, status=status)
      continue
    for row in column:
      better = sum(value > row.score for value in values)
      tied = [r.model for r in column if r.score == row.score and r is not row]
      note = f"tied with {', '.join(tied)}" if tied else ""
      scores[row.model, metric] = dataclasses.replace(
        row, rank=better + 1, status=join(row.status, note)
      )
    predicted = {row.model: row.score for row in column}
    if (found := _agreement(predicted, report.ground_truth)) is not None:
      agreement[metric] = found
  return dataclasses.replace(
    report,
    scores=list(scores.values()),
    agreement=agreement,
    static_agreement=_static_agreement(report, truth),
    warnings=list(warnings),
  )


def _pooled(column: list[ScoreRow]) -> list[ScoreRow]:
  """The rows with the scores that they have beside each other."""
  rule = METRICS[column[0].metric].pool if column else None
  if rule is None:
    return column
  scores = rule([row.parts or {} for row in column])
  return [
    dataclasses.replace(row, score=score)
    for row, score in zip(column, scores, strict=True)
  ]


def _agreement(
  predicted: Mapping[str, float], truth: Mapping[str, float]
) -> dict[str, Any] | None:
  """Compares scores with the true accuracies of the models that have both."""
  models = [model for model in predicted if model in truth]
  if len(models) < 2:
    return None
  scores = [predicted[model] for model in models]
  accuracies = [truth[model] for model in models]
  try:
    return {
      "models": len(models),
      "weighted_kendall": evaluation.weighted_kendall(scores, accuracies),
      "weighted_kendall_paper": evaluation.weighted_kendall_paper(scores, accuracies),
      "kendall": evaluation.kendall(scores, accuracies),
      "regret_at_1": evaluation.regret_at_k(scores, accuracies),
    }
  except ValueError as error:
    return {"models": len(models), "error": str(error)}


def _static_agreement(report: Report, truth: Truth) -> dict[str, Any]:
  found = {}
  for name, known in static_scores(report, truth).items():
    if (agreement := _agreement(known, report.ground_truth)) is not None:
      found[name] = agreement
  return found


def with_certainty(report: Report, halves: Halves | None, reason: str) -> Report:
  """Adds what the scores of random parts of the images say about the ranking.

  Args:
    report: Concluded; the first metric's rows have the scores of the parts.
    halves: Which parts; None where there could be none.
    reason: Why there could be none.
  """
  metric = report.metrics[0]
  rows = [row for row in report.scores if row.metric == metric and row.rank is not None]
  # A rank among fewer models than there are would be another rank.
  without = [row for row in rows if not row.resampled]
  if halves is not None and len(rows) < 2:
    reason = "fewer than two models have a rank"
  elif halves is not None and without:
    why = without[0].details.get("not_resampled", "no part was scored")
    reason = f"{without[0].model} has no score on a part of the images ({why})"
    halves = None
  if halves is None or len(rows) < 2:
    certainty = Certainty(metric, reason=reason)
    return dataclasses.replace(report, certainty=certainty)
  rows = _pooled_parts(rows)
  certainty = certainty_of(
    metric,
    {row.model: row.score for row in rows},
    {row.model: row.resampled for row in rows},
    halves,
  )
  found = {row.model: row for row in rows}
  scores = [
    found[row.model] if row.metric == metric and row.model in found else row
    for row in report.scores
  ]
  return dataclasses.replace(report, scores=scores, certainty=certainty)


def _pooled_parts(rows: list[ScoreRow]) -> list[ScoreRow]:
  """The rows with pool-relative scores of each part of the images."""
  rule = METRICS[rows[0].metric].pool if rows else None
  if rule is None:
    return rows
  draws = zip(*(row.resampled_parts for row in rows), strict=True)
  of_draws = [rule(parts) for parts in draws]
  return [
    dataclasses.replace(row, resampled=list(scores))
    for row, scores in zip(rows, zip(*of_draws, strict=True), strict=True)
  ]


def static_scores(report: Report, truth: Truth) -> dict[str, dict[str, float]]:
  """Scores models without looking at the target: how far does one get with that?

  Args:
    report: Of any run; its models' facts are used.
    truth: True accuracies on all data sets that are known.

  Returns:
    By ranking, by model, a score, larger is better; models of which it knows nothing are
    missing.
  """
  rankers: list[Mapping[str, Any]] = [
    {row.model: row.num_params for row in report.models},
    {row.model: row.source_accuracy for row in report.models},
    evaluation.mean_rank_elsewhere(truth, str(report.dataset["name"])),
  ]
  return {
    name: {model: value for model, value in facts.items() if value is not None}
    for name, facts in zip(STATIC, rankers, strict=True)
  }
