"""What a task of a plan leaves in the store, and how the rest of the run reads it.

A record is kept under the plan's key and says what was found for one model, or for one
model under one metric, in this plan. Features and scores themselves lie under keys of
their own content, which all plans share.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from lead_jax.features import FeatureStore
from lead_jax.results import (
  FAILED,
  PENDING,
  ModelRow,
  Plan,
  ScoreRow,
  score_row_from_dict,
)
from lead_jax.run._score import Resampled
from lead_jax.system import content_key

# To be raised whenever rows get other fields.
_FORM = 1


class ModelRecord(NamedTuple):
  """What a plan's tasks left of one model.

  Attributes:
    row: The model's row.
    scores: A row per metric, in the order of the plan.
    environment: Versions and machine of the work; empty where it is not done yet.
    warnings: What was noticed while it was worked on.
  """

  row: ModelRow
  scores: list[ScoreRow]
  environment: Mapping[str, Any]
  warnings: list[str]


@dataclasses.dataclass(frozen=True)
class Records:
  """Records of a plan.

  Attributes:
    plan: Whose.
    store: Where they lie.
  """

  plan: Plan
  store: FeatureStore

  def begin_model(self, name: str, features: str) -> None:
    """Says that a model is worked on; what is known of other features counts no more.

    Args:
      name: Of the model.
      features: Identity of its outputs on the data set.
    """
    before = self._get("model", name)
    if before is None or before["features"] != features:
      content = {
        "features": features,
        "row": dataclasses.asdict(ModelRow(name, PENDING)),
      }
      self._keep(content, "model", name)

  def keep_model(
    self,
    row: ModelRow,
    features: str,
    environment: Mapping[str, Any],
    warnings: list[str],
  ) -> None:
    """Keeps a model's row: it is done, or has failed.

    Seconds and memory of what came from the store stay those of when it was computed. A
    model that was done and cannot be loaded any more stays done, with a warning: its
    scores are those of the weights that the plan names.

    Args:
      row: The row.
      features: Identity of its outputs on the data set; empty where it failed.
      environment: Versions and machine; empty where nothing was computed.
      warnings: What was noticed while it was worked on.
    """
    before = self._get("model", row.model)
    if before is not None and before["row"]["status"] == "ok" and not features:
      failed = row.status.removeprefix(FAILED)
      self._keep({**before, "failed_since": failed}, "model", row.model)
      return
    if before is not None and before["features"] == features:
      row = dataclasses.replace(
        row,
        seconds=_largest(before["row"]["seconds"], row.seconds),
        peak_memory_mib=_largest(before["row"]["peak_memory_mib"], row.peak_memory_mib),
      )
      environment = environment or before.get("environment", {})
      warnings = list(dict.fromkeys([*before.get("warnings", ()), *warnings]))
    content = {
      "features": features,
      "row": dataclasses.asdict(row),
      "environment": dict(environment),
      "warnings": warnings,
    }
    self._keep(content, "model", row.model)

  def keep_score(self, row: ScoreRow, features: str) -> None:
    """Keeps a model's row under a metric, of the features named."""
    content = {"features": features, "row": dataclasses.asdict(row)}
    self._keep(content, "score", row.model, row.metric)

  def keep_resampled(self, model: str, found: Resampled, features: str) -> None:
    """Keeps a model's scores of random parts of the images."""
    content = {"features": features, "found": dataclasses.asdict(found)}
    self._keep(content, "resampled", model)

  def of(self, name: str) -> ModelRecord:
    """Returns all that is there of a model; rows say so where something is not done yet."""
    found = self._get("model", name) or {}
    row = ModelRow(**found["row"]) if found else ModelRow(name, PENDING)
    warnings = list(found.get("warnings", ()))
    if failed := found.get("failed_since"):
      warnings.append(
        f"{name} failed when it was loaded again ({failed}): its scores are those of an "
        "earlier run"
      )
    features = found.get("features", "")
    scores = [self._score(row, metric, features) for metric in self.plan.metrics]
    return ModelRecord(row, scores, found.get("environment", {}), warnings)

  def status(self, name: str) -> str:
    """Returns the status of a model's row alone: `ok`, why it failed, or not done yet."""
    found = self._get("model", name)
    return PENDING if found is None else str(found["row"]["status"])

  def has_score(self, name: str, metric: str, features: str) -> bool:
    """Returns whether a model has a score under a metric, of the features named."""
    found = self._get("score", name, metric)
    if found is None or found["features"] != features:
      return False
    return not math.isnan(score_row_from_dict(found["row"]).score)

  def _score(self, model: ModelRow, metric: str, features: str) -> ScoreRow:
    """A model's row under a metric, with the scores of parts of the images."""
    if model.status.startswith(FAILED):
      return ScoreRow(model.model, metric, math.nan, None, model.status)
    found = self._get("score", model.model, metric)
    if found is None or found["features"] != features:
      return ScoreRow(model.model, metric, math.nan, None, PENDING)
    row = score_row_from_dict(found["row"])
    if metric != self.plan.metrics[0] or not self.plan.resamples:
      return row
    parts = self._get("resampled", model.model)
    if parts is None or parts["features"] != features:
      return row
    found = parts["found"]
    if found["reason"]:
      details = {**row.details, "not_resampled": found["reason"]}
      return dataclasses.replace(row, details=details)
    return dataclasses.replace(
      row, resampled=found["scores"], resampled_parts=found["parts"]
    )

  def _key(self, *what: str) -> str:
    return content_key(plan=self.plan.key, record=what, form=_FORM)

  def _get(self, *what: str) -> Any:
    return self.store.get_json(self._key(*what))

  def _keep(self, content: Any, *what: str) -> None:
    self.store.keep_json(self._key(*what), content)


def _largest(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
  """The larger of two figures by stage: reading what is known costs next to nothing."""
  return {stage: max(a.get(stage, 0.0), b.get(stage, 0.0)) for stage in {**a, **b}}
