"""Two runs beside each other: what moved, what was added, what is gone."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from lead_jax.checks import check_arguments
from lead_jax.results._report import Report


@dataclasses.dataclass(frozen=True)
class Move:
  """One model under one metric, in both runs.

  Attributes:
    model: Name.
    metric: Name.
    old_rank: 1 is best; None without a score.
    new_rank: Likewise.
    old_score: NaN where there is none.
    new_score: Likewise.
  """

  model: str
  metric: str
  old_rank: int | None
  new_rank: int | None
  old_score: float
  new_score: float

  @property
  def moved(self) -> bool:
    """Whether rank or score differ."""
    both_missing = math.isnan(self.old_score) and math.isnan(self.new_score)
    same_score = both_missing or self.old_score == self.new_score
    return self.old_rank != self.new_rank or not same_score


@dataclasses.dataclass(frozen=True)
class Comparison:
  """What differs between two runs.

  Attributes:
    moves: Models under metrics that both runs have, where rank or score differ; in the
      order of the new run.
    same: How many model-and-metric pairs of both runs are equal.
    added_models: Of the new run alone.
    gone_models: Of the old run alone.
    added_metrics: Of the new run alone.
    gone_metrics: Of the old run alone.
    differences: By what may explain a move (`seed`, `dataset.fingerprint`, `version of
      knn`, `weights of NAME`, ...), the old and the new value, where they differ.
  """

  moves: Sequence[Move]
  same: int
  added_models: Sequence[str]
  gone_models: Sequence[str]
  added_metrics: Sequence[str]
  gone_metrics: Sequence[str]
  differences: Mapping[str, tuple[object, object]]


_SETTINGS = (
  "options",
  "seed",
  "precision",
  "resamples",
  "x64",
  "versions",
  "reference",
  "reference_features",
  "source_data",
)
_FACTS = ("name", "split", "samples", "classes", "fingerprint", "labels")


@check_arguments()
def compare(old: Report, new: Report) -> Comparison:
  """Compares two runs, of one data set or of two.

  Args:
    old: A report.
    new: Another one.

  Returns:
    Rank 1 is best in both; a rank moves too where models were added or are gone.
  """
  theirs = {(row.model, row.metric): row for row in old.scores}
  pairs = [
    Move(row.model, row.metric, before.rank, row.rank, before.score, row.score)
    for row in new.scores
    if (before := theirs.get((row.model, row.metric))) is not None
  ]
  moves = [pair for pair in pairs if pair.moved]
  return Comparison(
    moves=moves,
    same=len(pairs) - len(moves),
    added_models=_without(new.plan.models, old.plan.models),
    gone_models=_without(old.plan.models, new.plan.models),
    added_metrics=_without(new.metrics, old.metrics),
    gone_metrics=_without(old.metrics, new.metrics),
    differences=_differences(old, new),
  )


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
  """Returns the names that are not among others."""
  return [name for name in names if name not in set(others)]


def _differences(old: Report, new: Report) -> dict[str, tuple[object, object]]:
  """What was asked for otherwise."""
  before, after = old.plan.to_dict(), new.plan.to_dict()
  found = {
    name: (before[name], after[name])
    for name in _SETTINGS
    if before[name] != after[name]
  }
  for name in _FACTS:
    a, b = before["dataset"].get(name), after["dataset"].get(name)
    if a != b:
      found[f"dataset.{name}"] = (a, b)
  for metric in before["metric_facts"]:
    if metric in after["metric_facts"]:
      a, b = (x["metric_facts"][metric].get("identity") for x in (before, after))
      if a != b:
        found[f"version of {metric}"] = (a, b)
  weights = {row.model: row.weights_hash for row in old.models}
  for row in new.models:
    if weights.get(row.model, row.weights_hash) != row.weights_hash:
      found[f"weights of {row.model}"] = (weights[row.model], row.weights_hash)
  return found
