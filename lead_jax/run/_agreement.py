"""How rankings agree with the accuracies after fine-tuning, where these are known."""

from collections.abc import Mapping
from typing import Any

from lead_jax import evaluation
from lead_jax.results import Report

# By data set, by model.
Truth = Mapping[str, Mapping[str, float]]

# Rankings that never look at the target.
STATIC = ("parameters", "source accuracy", "mean rank on other data sets")


def agreement_of(report: Report) -> dict[str, dict[str, Any]]:
  """Returns, by metric, how its ranks agree with the ground truth of the report."""
  truth = report.ground_truth
  found = {}
  for metric in report.metrics:
    rows = [r for r in report.scores if r.metric == metric and r.rank is not None]
    if (one := _agreement({row.model: row.score for row in rows}, truth)) is not None:
      found[metric] = one
  return found


def static_agreement_of(report: Report) -> dict[str, dict[str, Any]]:
  """Returns the same of rankings that never look at the target."""
  truth = report.plan.ground_truth
  found = {}
  for name, known in static_scores(report, truth).items():
    if (one := _agreement(known, report.ground_truth)) is not None:
      found[name] = one
  return found


def static_scores(report: Report, truth: Truth) -> dict[str, dict[str, float]]:
  """Scores models without looking at the target: how far does one get with that?

  Args:
    report: Of any run; its models' facts are used.
    truth: True accuracies on all data sets that are known.

  Returns:
    By ranking, by model, a score, larger is better; models of which it knows nothing are
    missing.
  """
  models, dataset = report.models, str(report.dataset["name"])
  rankers: list[Mapping[str, Any]] = [
    {row.model: row.num_params for row in models},
    {row.model: row.source_accuracy for row in models},
    evaluation.mean_rank_elsewhere(truth, dataset),
  ]
  return {
    name: {model: value for model, value in facts.items() if value is not None}
    for name, facts in zip(STATIC, rankers, strict=True)
  }


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
