"""From a store to a report; needs no image and no network, and can be run at any time."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from lead_jax.checks import check_arguments
from lead_jax.features import FeatureStore
from lead_jax.metrics import Metric
from lead_jax.results import ModelRow, Plan, Report, ScoreRow
from lead_jax.run._agreement import agreement_of, static_agreement_of
from lead_jax.run._copies_of_run import says_copies, what_copies_changed
from lead_jax.run._placing import ranked, says_tied
from lead_jax.run._preflight import chosen_metrics, planned_metrics
from lead_jax.run._records import Records
from lead_jax.run._sources import Sources
from lead_jax.run.certainty import with_certainty
from lead_jax.system import environment


@check_arguments()
def conclude(
  plan: Plan,
  store: FeatureStore,
  *,
  warn: Callable[[str], object] = lambda line: None,
) -> Report:
  """Says what the store holds of a plan: scores, ranks, intervals, agreement.

  Args:
    plan: A plan, worked off or not.
    store: That the work went to.
    warn: Told, in one line, of what the comparison of the models shows.

  Returns:
    The report. What is not done yet has a row that says so, and `complete` is False.
  """
  records = Records(plan, store)
  found = [records.of(name) for name in plan.models]
  noticed = [line for one in found for line in one.warnings]
  where = [one.environment for one in found if one.environment]
  report = Report(
    plan,
    [one.row for one in found],
    [row for one in found for row in one.scores],
    environment=where[0] if where else environment(),
    warnings=list(dict.fromkeys([*plan.warnings, *noticed, *store.said])),
  )
  return concluded(report, metrics_of(plan), warn)


def concluded(
  report: Report,
  metrics: Mapping[str, Metric],
  warn: Callable[[str], object] = lambda line: None,
) -> Report:
  """Adds what all rows say together: ranks, ties, agreement with the truth, intervals.

  Args:
    report: With the rows that each model has on its own, or concluded before.
    metrics: By name, the metrics of the rows.
    warn: Told, in one line, of what the comparison shows.
  """
  said: list[str] = []
  scores = ranked(report.scores, metrics, said.append)
  if changed := what_copies_changed(dataclasses.replace(report, scores=scores)):
    said.append(changed)
  for line in said:
    warn(line)
  known = [w for w in report.warnings if not says_tied(w) and not says_copies(w)]
  warnings = list(dict.fromkeys([*known, *said]))
  report = dataclasses.replace(report, scores=scores, warnings=warnings)
  report = dataclasses.replace(
    report,
    agreement=agreement_of(report),
    static_agreement=static_agreement_of(report),
    certainty=None,
  )
  return with_certainty(report, metrics[report.metrics[0]])


def conclude_rows(
  models: Sequence[ModelRow],
  scores: Sequence[ScoreRow],
  *,
  dataset: str,
  metrics: Sequence[str | Metric],
) -> Report:
  """Compares rows that were made without a plan.

  Args:
    models: One row per model.
    scores: One row per model and metric.
    dataset: Name of the data set.
    metrics: Whose scores they are.
  """
  chosen = chosen_metrics(metrics, reference="any")
  plan = Plan({"name": dataset}, [row.model for row in models], list(chosen))
  return concluded(Report(plan, models, scores), chosen)


def metrics_of(plan: Plan) -> Mapping[str, Metric]:
  """Returns the metrics of a plan, by name.

  Raises:
    InputError: If one cannot be found in this process.
  """
  if isinstance(plan.live, Sources):
    return plan.live.metrics
  return planned_metrics(plan)
