"""Intervals of a report, from the scores of random parts that its rows carry."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lead_jax.checks import InputError
from lead_jax.metrics import Metric
from lead_jax.results import Certainty, Plan, Report, ScoreRow
from lead_jax.run._placing import pool_scores
from lead_jax.run.certainty._halves import Halves, stratified_halves
from lead_jax.run.certainty._intervals import certainty_of


def with_certainty(report: Report, metric: Metric) -> Report:
  """Adds what the scores of random parts of the images say about the ranking.

  Args:
    report: Ranked; the first metric's rows have the scores of the parts.
    metric: That first one.

  Returns:
    The report; with the reason where there can be no intervals, and unchanged where none
    were asked for.
  """
  plan = report.plan
  if not plan.resamples and not plan.not_resampled:
    return report
  rows = [
    row for row in report.scores if row.metric == metric.name and row.rank is not None
  ]
  if reason := _why_not(plan, rows):
    return dataclasses.replace(report, certainty=Certainty(metric.name, reason=reason))
  try:
    rows = _pooled_parts(rows, metric)
  except InputError as error:
    return dataclasses.replace(
      report, certainty=Certainty(metric.name, reason=str(error))
    )
  certainty = certainty_of(
    metric.name,
    {row.model: row.score for row in rows},
    {row.model: row.resampled for row in rows},
    halves_of(plan),
  )
  found = {row.model: row for row in rows}
  scores = [
    found[row.model] if row.metric == metric.name and row.model in found else row
    for row in report.scores
  ]
  return dataclasses.replace(report, scores=scores, certainty=certainty)


def halves_of(plan: Plan) -> Halves:
  """Returns the parts of a plan's images, as far as their sizes say it."""
  sizes = plan.dataset["class_sizes"]
  labels = np.repeat(np.arange(len(sizes)), sizes)
  return stratified_halves(labels, plan.dataset["class_names"], seed=plan.seed)


def _why_not(plan: Plan, rows: Sequence[ScoreRow]) -> str:
  """Why there are no intervals; empty where there are some."""
  if plan.not_resampled:
    return plan.not_resampled
  if len(rows) < 2:
    return "fewer than two models have a rank"
  # A rank among fewer models than there are would be another rank.
  for row in rows:
    if not row.resampled:
      why = row.details.get("not_resampled", "no part was scored")
      return f"{row.model} has no score on a part of the images ({why})"
  return ""


def _pooled_parts(rows: list[ScoreRow], metric: Metric) -> list[ScoreRow]:
  """The rows with pool-relative scores of each part of the images."""
  if metric.pool is None:
    return rows
  draws = zip(*(row.resampled_parts for row in rows), strict=True)
  of_draws = [pool_scores(metric, parts) for parts in draws]
  return [
    dataclasses.replace(row, resampled=list(scores))
    for row, scores in zip(rows, zip(*of_draws, strict=True), strict=True)
  ]
