"""Does a result hang on one family of models or one data set?"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.evaluation._many_rankings import RankMeasure
from lead_jax.evaluation._score_table import MeasuredTable, ScoreTable, measure_table


@check_arguments()
def leave_one_family(
  table: ScoreTable,
  families: Mapping[str, str],
  *,
  measure: str | RankMeasure = "weighted_kendall",
) -> dict[str, MeasuredTable]:
  """Computes a measure without each family of models in turn.

  Args:
    table: Scores and accuracies.
    families: The family of every model; models that are not in the table do not matter.
    measure: A name of `RANK_MEASURES` or a function like those.

  Returns:
    By the family that is left out. Where fewer than two models stay, values are NaN with
    a reason.

  Raises:
    ValueError: If a model has no family.
  """
  if missing := [m for m in table.models if m not in families]:
    raise ValueError(f"families has no entry for model {missing[0]!r}")
  of_model = np.array([families[m] for m in table.models], dtype=object)
  found = {}
  for family in dict.fromkeys(of_model):
    truth = np.where(of_model == family, np.nan, table.truth)
    rest = dataclasses.replace(table, truth=truth)
    found[family] = measure_table(rest, measure=measure)
  return found


@check_arguments()
def leave_one_dataset(
  table: ScoreTable, *, measure: str | RankMeasure = "weighted_kendall"
) -> dict[str, MeasuredTable]:
  """Computes a measure without each data set in turn.

  Args:
    table: Scores and accuracies, of at least two data sets.
    measure: A name of `RANK_MEASURES` or a function like those.

  Returns:
    By the data set that is left out.

  Raises:
    ValueError: If there is only one data set.
  """
  if len(table.datasets) < 2:
    raise ValueError("at least 2 data sets are needed to leave one out, got 1")
  found = {}
  for d, dataset in enumerate(table.datasets):
    keep = [i for i in range(len(table.datasets)) if i != d]
    rest = ScoreTable(
      table.methods,
      [table.datasets[i] for i in keep],
      table.models,
      table.scores[:, keep],
      table.truth[keep],
    )
    found[dataset] = measure_table(rest, measure=measure)
  return found
