"""Several reports of one data set as one."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax.checks import InputError, check_arguments
from lead_jax.metrics import Metric
from lead_jax.results import (
  FAILED,
  PENDING,
  ModelRow,
  Plan,
  Report,
  ScoreRow,
  json_values,
)
from lead_jax.run._conclude import concluded, metrics_of

_SAME = ("seed", "precision", "x64", "versions", "reference", "source_data")
_SAME_DATA = ("name", "split", "samples", "fingerprint", "labels")


@check_arguments()
def merge(reports: Sequence[Report]) -> Report:
  """Merges runs of the same images: other models, other metrics, or parts of a plan.

  Args:
    reports: At least one. Where two have the same model under the same metric, a score
      takes the place of none.

  Returns:
    A report of all models and metrics, ranked anew; a pair that no run has is not done
    yet. There are intervals where all runs were ranked by the same metric with the same
    number of random parts.

  Raises:
    InputError: If the runs are of different data or settings, or two of them have
      different scores for one model under one metric.
  """
  if not reports:
    raise InputError("there is nothing to merge: give at least one report")
  first = reports[0]
  for other in reports[1:]:
    _refuse_differences(first.plan, other.plan)
  metrics = dict[str, Metric]()
  for report in reports:
    for name, metric in metrics_of(report.plan).items():
      if metrics.setdefault(name, metric) != metric:
        raise InputError(f"two metrics are called {name!r}: rename one of them")
  plan = _merged_plan([report.plan for report in reports], metrics)
  models = _merged_models(reports)
  rows = _merged_scores(reports)
  scores = [
    rows.get((model, metric)) or _missing(models[model], metric)
    for model in plan.models
    for metric in plan.metrics
  ]
  lines = dict.fromkeys(line for report in reports for line in report.warnings)
  report = Report(
    plan,
    [models[name] for name in plan.models],
    scores,
    environment=first.environment,
    warnings=list(lines),
  )
  return concluded(report, metrics)


def _refuse_differences(a: Plan, b: Plan) -> None:
  pairs = [(name, getattr(a, name), getattr(b, name)) for name in _SAME]
  pairs += [
    (f"{name} of the data set", a.dataset.get(name), b.dataset.get(name))
    for name in _SAME_DATA
  ]
  for metric in a.metrics:
    if metric in b.metrics:
      of = lambda plan, metric=metric: json_values(plan.options.get(metric, {}))
      pairs.append((f"options of {metric}", of(a), of(b)))
      version = lambda plan, metric=metric: plan.metric_facts[metric].get("identity")
      pairs.append((f"version of {metric}", version(a), version(b)))
  for what, one, other in pairs:
    if json_values(one) != json_values(other):
      raise InputError(
        f"these runs cannot be merged: the {what} is {one!r} in one and {other!r} in "
        "another"
      )


def _merged_plan(plans: Sequence[Plan], metrics: Mapping[str, Metric]) -> Plan:
  """A plan of everything that the plans ask for."""
  first = plans[0]
  alike = all(
    (plan.metrics[0], plan.resamples) == (first.metrics[0], first.resamples)
    for plan in plans
  )
  truth: dict[str, dict[str, float]] = {}
  for plan in plans:
    for dataset, known in plan.ground_truth.items():
      truth.setdefault(dataset, {}).update(known)
  return dataclasses.replace(
    first,
    models=list(dict.fromkeys(name for plan in plans for name in plan.models)),
    metrics=list(metrics),
    metric_facts={n: f for plan in plans for n, f in plan.metric_facts.items()},
    options={n: o for plan in plans for n, o in plan.options.items()},
    files={p: h for plan in plans for p, h in plan.files.items()},
    ground_truth=truth,
    resamples=first.resamples if alike else 0,
    not_resampled=first.not_resampled
    if alike
    else "the merged runs were resampled in different ways",
    request=_merged_request(plans),
    live=None,
  )


def _merged_request(plans: Sequence[Plan]) -> dict[str, Any]:
  """How the runs were asked for together: their models have no common address."""
  objects = {name for plan in plans for name in plan.request.get("objects", ())}
  asked = [ref for plan in plans for ref in plan.request.get("metrics") or plan.metrics]
  return {
    **plans[0].request,
    "models": None,
    "metrics": list(dict.fromkeys(asked)),
    "objects": sorted({*objects, "models"}),
    "command": "",
  }


def _merged_models(reports: Sequence[Report]) -> dict[str, ModelRow]:
  """By name, the row that says most."""
  found: dict[str, ModelRow] = {}
  for report in reports:
    for row in report.models:
      there = found.setdefault(row.model, row)
      if row.status == there.status == "ok" and row.weights_hash != there.weights_hash:
        raise InputError(
          f"these runs cannot be merged: {row.model} has other weights in one than in "
          "another"
        )
      if _worth(row) > _worth(there):
        found[row.model] = row
  return found


def _merged_scores(reports: Sequence[Report]) -> dict[tuple[str, str], ScoreRow]:
  """By model and metric, the row that says most."""
  found: dict[tuple[str, str], ScoreRow] = {}
  for row in (row for report in reports for row in report.scores):
    there = found.setdefault((row.model, row.metric), row)
    if _worth(row) > _worth(there):
      found[row.model, row.metric] = row
    elif _differ(row, there):
      raise InputError(
        f"these runs cannot be merged: {row.model} under {row.metric} is "
        f"{there.score!r} in one and {row.score!r} in another"
      )
  return found


def _differ(a: ScoreRow, b: ScoreRow) -> bool:
  """Whether two runs found different things of one model on its own."""
  if math.isnan(a.score) or math.isnan(b.score):
    return False
  if a.parts is not None:  # the score depends on the other models of the run
    return a.parts != b.parts
  return a.score != b.score


def _worth(row: ModelRow | ScoreRow) -> int:
  """A score is worth more than a reason why there is none, and that than nothing yet."""
  found = row.status == "ok" if isinstance(row, ModelRow) else not math.isnan(row.score)
  if found:
    return 2
  return 0 if row.status == PENDING else 1


def _missing(model: ModelRow, metric: str) -> ScoreRow:
  status = model.status if model.status.startswith(FAILED) else PENDING
  return ScoreRow(model.model, metric, math.nan, None, status)
