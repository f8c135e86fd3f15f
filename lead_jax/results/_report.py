"""The whole of a run, as data: made by `run`, shown by `report`, read back from JSON."""

import dataclasses
import json
import math
import os
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax.checks import InputError, one_line, shown
from lead_jax.readers import read_json
from lead_jax.results._certainty import Certainty, ModelCertainty
from lead_jax.results._json import fits, json_values, number_from_json
from lead_jax.results._plan import Plan, plan_from_dict
from lead_jax.results._rows import PENDING, ModelRow, ScoreRow
from lead_jax.system import user_path

Row = typing.TypeVar("Row", ModelRow, ScoreRow, ModelCertainty, Certainty)


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
  """What a run found; it shows nothing by itself (see `lead_jax.report`).

  Attributes:
    plan: What was asked for, and of what.
    models: One row per model, in the order asked for.
    scores: One row per model and metric.
    environment: Versions, device, platform and time of the work.
    warnings: One line each.
    agreement: By metric, how its ranking agrees with the ground truth.
    static_agreement: The same of rankings that never look at the target: parameters,
      source accuracy, mean rank on the other data sets of the ground truth.
    certainty: What resampling the images says; None where that was not asked for.
  """

  plan: Plan
  models: Sequence[ModelRow]
  scores: Sequence[ScoreRow]
  environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  warnings: Sequence[str] = ()
  agreement: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
  static_agreement: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  certainty: Certainty | None = None

  @property
  def dataset(self) -> Mapping[str, Any]:
    """Facts of the data set; see `Plan.dataset`."""
    return self.plan.dataset

  @property
  def metrics(self) -> Sequence[str]:
    """Names, in the order asked for; the first one orders the table."""
    return self.plan.metrics

  @property
  def ground_truth(self) -> Mapping[str, float]:
    """Accuracy after fine-tuning by model of the run, where it is known."""
    here = self.plan.ground_truth.get(str(self.dataset.get("name")), {})
    return {row.model: here[row.model] for row in self.models if row.model in here}

  @property
  def complete(self) -> bool:
    """Whether everything was done, or tried, that the plan asks for."""
    statuses = [row.status for row in self.models] + [row.status for row in self.scores]
    return PENDING not in statuses

  def score_of(self, model: str, metric: str) -> ScoreRow:
    """Returns the row of a model under a metric; KeyError if there is none."""
    for row in self.scores:
      if row.model == model and row.metric == metric:
        return row
    raise KeyError((model, metric))

  def ranking(self, metric: str | None = None) -> list[str]:
    """Returns the models that have a score, best first.

    Args:
      metric: The report's first metric where None.
    """
    metric = self.metrics[0] if metric is None else metric
    rows = [r for r in self.scores if r.metric == metric and r.rank is not None]
    return [row.model for row in sorted(rows, key=lambda row: (row.rank, row.model))]

  def to_dict(self) -> dict[str, Any]:
    """Returns JSON values; scores that do not exist are None."""
    content = {
      field.name: _plain(getattr(self, field.name))
      for field in dataclasses.fields(self)
    }
    return {**json_values(content), "complete": self.complete}

  def __eq__(self, other: object) -> bool:
    """Whether both hold the same; a score that is missing equals one that is missing."""
    return isinstance(other, Report) and self.to_dict() == other.to_dict()

  __hash__ = None  # type: ignore[assignment]


def report_json(report: Report) -> str:
  """Returns the text of `report.json`; `read_report` reads it back."""
  text = json.dumps(report.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
  return text + "\n"


def read_report(path: str | os.PathLike[str]) -> Report:
  """Reads a report from its JSON file.

  Args:
    path: `report.json`, or the folder that it lies in.

  Returns:
    A report equal to the one that was written.

  Raises:
    InputError: If there is no such file, or it is no report.
  """
  file = user_path(path)
  try:
    if file.is_dir():
      file = file / "report.json"
    content = read_json(file)
  except OSError as error:
    raise InputError(f"{str(file)!r} cannot be read ({one_line(error)})") from None
  try:
    return report_from_dict(content)
  except InputError as error:
    raise InputError(f"{str(file)!r}: {error}") from None


def report_from_dict(content: Any) -> Report:
  """Reads a report from JSON values, those of `Report.to_dict`.

  Raises:
    InputError: If they are not those of a report.
  """
  if not isinstance(content, Mapping) or not {"plan", "models", "scores"} <= set(
    content
  ):
    raise InputError(
      "this is not a report of lead_jax, or one of an older version: run lead-rank again"
    )
  plan = plan_from_dict(content["plan"])
  try:
    certainty = content.get("certainty")
    report = Report(
      plan=plan,
      models=[checked_row(ModelRow(**row)) for row in content["models"]],
      scores=[score_row_from_dict(row) for row in content["scores"]],
      environment=_environment(content.get("environment", {})),
      warnings=[str(line) for line in content.get("warnings", [])],
      agreement=_agreement(content.get("agreement", {})),
      static_agreement=_agreement(content.get("static_agreement", {})),
      certainty=None if certainty is None else _certainty(certainty),
    )
    if not _sound(report):
      raise ValueError("its rows do not belong to its plan")
  except (TypeError, ValueError, KeyError, AttributeError) as error:
    raise InputError(f"this report is damaged ({one_line(error)})") from None
  return report


def score_row_from_dict(row: Mapping[str, Any]) -> ScoreRow:
  """Reads a row from JSON values.

  Raises:
    TypeError: If a field is missing or unknown.
    ValueError: If the score is no number.
  """
  values = {**row, "score": number_from_json(row["score"])}
  for name in ("std",):
    if values.get(name) is not None:
      values[name] = number_from_json(values[name])
  values["resampled"] = [number_from_json(v) for v in values.get("resampled", ())]
  return checked_row(ScoreRow(**values))


def checked_row(row: Row) -> Row:
  """Returns a row of a report that was read; raises ValueError for a wrong type."""
  for name, hint in typing.get_type_hints(type(row)).items():
    if not fits(getattr(row, name), hint):
      raise ValueError(f"{name} is {shown(getattr(row, name), most=40)}")
  return row


def _environment(content: Any) -> dict[str, Any]:
  versions = content.get("versions", {})
  if not fits(versions, Mapping[str, str]):
    raise ValueError("its versions are no versions")
  return dict(content)


def _agreement(content: Any) -> dict[str, Mapping[str, Any]]:
  if not fits(content, Mapping[str, Mapping[str, int | float | str | None]]):
    raise ValueError("its agreement with the ground truth is no number")
  return dict(content)


def _certainty(content: Mapping[str, Any]) -> Certainty:
  rows = [
    checked_row(
      ModelCertainty(
        **{
          **row,
          **{
            n: number_from_json(row[n]) for n in ("score_low", "score_high", "p_best")
          },
        }
      )
    )
    for row in content["models"]
  ]
  return checked_row(Certainty(**{**content, "models": rows}))


def _sound(report: Report) -> bool:
  """Whether the rows are one per model, and one per model and metric, as the plan says."""
  models, metrics = list(report.plan.models), list(report.plan.metrics)
  pairs = {(row.model, row.metric) for row in report.scores}
  texts = all(
    isinstance(value, str)
    for rows in (report.models, report.scores)
    for row in rows
    for value in (row.model, row.status)
  )
  return (
    texts
    and [row.model for row in report.models] == models
    and len(report.scores) == len(pairs)
    and pairs == {(model, metric) for model in models for metric in metrics}
    and not any(math.isnan(row.score) and row.rank is not None for row in report.scores)
  )


def _plain(value: Any) -> Any:
  """Rows as mappings, the plan as its own JSON values."""
  if isinstance(value, Plan):
    return value.to_dict()
  if dataclasses.is_dataclass(value) and not isinstance(value, type):
    return dataclasses.asdict(value)
  if isinstance(value, list | tuple):
    return [_plain(item) for item in value]
  return value
