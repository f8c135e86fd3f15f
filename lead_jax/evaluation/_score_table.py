"""Scores of several methods for M models on D data sets, beside the true accuracies.

The rule for scores that are missing: a model on which a method failed (NaN) ranks last,
and all such models tie. How many there were is part of every answer. Where fewer than two
different scores remain, the method ranks nothing, and its value is NaN with a reason; so
is its mean over data sets, since a mean over fewer of them is not comparable.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.evaluation._many_rankings import (
  RANK_MEASURES,
  RankMeasure,
  many_regret_at_k,
)


@dataclasses.dataclass(frozen=True)
class ScoreTable:
  """Scores and accuracies as arrays; larger is better in both.

  Attributes:
    methods: [R] names.
    datasets: [D] names.
    models: [M] names.
    scores: [R, D, M]; NaN where a method failed. Infinities are scores.
    truth: [D, M] true accuracies; NaN where a data set has none for a model, which then
      takes no part there.
  """

  methods: Sequence[str]
  datasets: Sequence[str]
  models: Sequence[str]
  scores: np.ndarray
  truth: np.ndarray

  def __post_init__(self) -> None:
    shape = (len(self.methods), len(self.datasets), len(self.models))
    scores = np.array(self.scores, np.float64)
    truth = np.array(self.truth, np.float64)
    if scores.shape != shape or truth.shape != shape[1:]:
      raise ValueError(
        f"scores must be {shape} and truth {shape[1:]} by the names of methods, data"
        f" sets and models, got {scores.shape} and {truth.shape}"
      )
    if 0 in shape:
      raise ValueError(f"a table needs methods, data sets and models, got {shape}")
    for what in ("methods", "datasets", "models"):
      names = list(getattr(self, what))
      if len(set(names)) < len(names):
        raise ValueError(f"{what} has the name {_twice(names)!r} twice")
    if np.isinf(truth).any():
      d, m = np.argwhere(np.isinf(truth))[0]
      raise ValueError(
        f"truth of model {self.models[m]!r} on {self.datasets[d]!r} is {truth[d, m]}"
      )
    # The table owns its arrays: no caller can change them below it.
    object.__setattr__(self, "scores", scores)
    object.__setattr__(self, "truth", truth)

  @property
  def present(self) -> np.ndarray:
    """Returns [D, M]: where a model has a true accuracy."""
    present: np.ndarray = ~np.isnan(self.truth)
    return present

  @property
  def filled_truth(self) -> np.ndarray:
    """Returns [D, M]: the truth, with a number where there is none (and count 0)."""
    return np.where(self.present, self.truth, 0.0)

  @property
  def orders(self) -> np.ndarray:
    """Returns [R, D, M]: places of the scores from below; 0 where a method failed."""
    orders = np.zeros(self.scores.shape)
    for index in np.ndindex(*self.scores.shape[:2]):
      there = self.present[index[1]] & ~np.isnan(self.scores[index])
      values = self.scores[index][there]
      orders[index][there] = 1 + np.unique(values, return_inverse=True)[1]
    return orders

  @property
  def failures(self) -> np.ndarray:
    """Returns [R, D]: on how many models of the data set a method failed."""
    failures: np.ndarray = (np.isnan(self.scores) & self.present).sum(-1)
    return failures


def _twice(names: Sequence[str]) -> str:
  return next(name for i, name in enumerate(names) if name in names[:i])


@check_arguments()
def score_table(
  scores: Mapping[str, Mapping[str, Mapping[str, float]]],
  truth: Mapping[str, Mapping[str, float]],
) -> ScoreTable:
  """Builds a table from mappings; what has no score failed.

  Args:
    scores: By method, by data set, by model. Models and data sets without a true accuracy
      are left out.
    truth: By data set, by model, as `ground_truth_table` reads it.

  Returns:
    The table; methods, data sets and models as they first come.
  """
  models = list(dict.fromkeys(model for column in truth.values() for model in column))
  table = np.full((len(scores), len(truth), len(models)), np.nan)
  accuracies = np.full((len(truth), len(models)), np.nan)
  for d, (dataset, column) in enumerate(truth.items()):
    for m, model in enumerate(models):
      accuracies[d, m] = column.get(model, np.nan)
      for r, by_dataset in enumerate(scores.values()):
        table[r, d, m] = by_dataset.get(dataset, {}).get(model, np.nan)
  return ScoreTable(list(scores), list(truth), models, table, accuracies)


def measure_named(measure: str | RankMeasure) -> RankMeasure:
  """Returns a function of `RANK_MEASURES` by its name, or the function itself.

  Raises:
    ValueError: If there is no such name.
  """
  if not isinstance(measure, str):
    return measure
  if measure not in RANK_MEASURES:
    raise ValueError(
      f"measure must be one of {', '.join(RANK_MEASURES)}, got {measure!r}"
    )
  return RANK_MEASURES[measure]


def smaller_is_better(measure: str | RankMeasure) -> bool:
  """Returns whether a measure counts a loss: the regret, of any k, alone does."""
  function = measure_named(measure)
  return getattr(function, "func", function) is many_regret_at_k


@dataclasses.dataclass(frozen=True)
class MeasuredTable:
  """A measure of every method on every data set.

  Attributes:
    values: [R, D]; NaN where there is a reason.
    means: [R] over data sets; NaN where one of them is.
    failures: [R, D] models on which the method failed; they rank last, tied.
    reasons: Why a value is NaN, by method and data set.
  """

  values: np.ndarray
  means: np.ndarray
  failures: np.ndarray
  reasons: dict[tuple[str, str], str]


@check_arguments()
def measure_table(
  table: ScoreTable, *, measure: str | RankMeasure = "weighted_kendall"
) -> MeasuredTable:
  """Computes a rank measure of every method on every data set.

  Args:
    table: Scores and accuracies.
    measure: A name of `RANK_MEASURES` or a function like those.

  Returns:
    Values with reasons where there is none; never an exception for one bad cell.

  Raises:
    ValueError: If the measure's name is unknown.
  """
  function = measure_named(measure)
  counts = table.present.astype(np.int64)
  orders, truth = table.orders, table.filled_truth
  values = np.stack([function(order, truth, counts) for order in orders])
  reasons = {}
  for (r, d), value in np.ndenumerate(values):
    if reason := _reason(table, orders[r, d], d, float(value)):
      reasons[table.methods[r], table.datasets[d]] = reason
      values[r, d] = np.nan
  return MeasuredTable(values, values.mean(1), table.failures, reasons)


def _reason(table: ScoreTable, order: np.ndarray, d: int, value: float) -> str:
  there = table.present[d]
  if there.sum() < 2:
    return f"the data set has {there.sum()} models"
  if len(np.unique(table.truth[d, there])) < 2:
    return "all true accuracies are tied"
  scored = order[there & (order > 0)]
  if not len(scored):
    return "no model has a score"
  if len(np.unique(scored)) < 2:
    return f"all scores are tied ({len(scored)} of {there.sum()} models have one)"
  return "" if np.isfinite(value) else f"the measure is {value}"
