"""What a task of a plan leaves in the store, and how the rest of the run reads it.

A record is kept under the plan's key and says what was found for one model, or for one
model under one metric, in this plan. Features and scores themselves lie under keys of
their own content, which all plans share.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

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

  def model(self, name: str) -> ModelRow:
    """Returns a model's row; its status says so where it is not done yet."""
    found = self._get("model", name)
    if found is None:
      return ModelRow(name, PENDING)
    return ModelRow(**found["row"])

  def environment(self, name: str) -> dict[str, Any]:
    """Returns versions and machine of a model's work; empty where it is not done yet."""
    return (self._get("model", name) or {}).get("environment", {})

  def warnings(self, name: str) -> list[str]:
    """Returns what was noticed while a model was worked on."""
    found = self._get("model", name) or {}
    lines = list(found.get("warnings", ()))
    if failed := found.get("failed_since"):
      lines.append(
        f"{name} failed when it was loaded again ({failed}): its scores are those of an "
        "earlier run"
      )
    return lines

  def score(self, model: ModelRow, metric: str) -> ScoreRow:
    """Returns a model's row under a metric, with the scores of parts of the images."""
    if model.status.startswith(FAILED):
      return ScoreRow(model.model, metric, math.nan, None, model.status)
    features = (self._get("model", model.model) or {}).get("features")
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
