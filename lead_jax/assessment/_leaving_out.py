"""What a ranking of methods hangs on: one model, one family, one data set?"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lead_jax import evaluation
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._families import families_of
from lead_jax.evaluation import MeasuredTable


class Without(NamedTuple):
  """Every method when something is left out.

  Attributes:
    left: What is left out.
    models: How many models that takes away, of any data set.
    means: By method, mean weighted tau of what stays; NaN without one.
    places: By method, its place among the methods.
  """

  left: str
  models: int
  means: dict[str, float]
  places: dict[str, float]


class Worst(NamedTuple):
  """The smallest mean of one method over what may be left out.

  Attributes:
    left: What is left out then.
    mean: That mean; NaN if there is none.
    place: Of the method then.
    place_low: Its best place whatever is left out.
    place_high: Its worst.
  """

  left: str
  mean: float
  place: float
  place_low: float
  place_high: float


# By kind: `model`, `architecture`, `pretraining` (or `family`) and `dataset`.
Stability = dict[str, list[Without]]


def leave_each_out(
  collected: Collected, families: Mapping[str, str] | None = None
) -> Stability:
  """Leaves out each model, family and data set in turn.

  Args:
    collected: Scores and accuracies. Scores stay as they are; those that compare the
      models of a run with each other (ETran, NCTI) are not made anew.
    families: By model, its family; of architectures and pre-training data where None.

  Returns:
    By kind. Families are not left out where one holds all models, or each a single one;
    with one data set there is no kind `dataset`.
  """
  table = collected.table
  models = list(table.models)
  kinds = {"model": {model: model for model in models}}
  if families is not None:
    kinds["family"] = dict(families)
  else:
    described = {
      "architecture": collected.architecture,
      "pretraining": collected.pretraining,
    }
    for kind, words in described.items():
      kinds[kind] = families_of(models, words, kind)
  found: Stability = {}
  for kind, members in kinds.items():
    sizes = {f: sum(members[m] == f for m in models) for f in members.values()}
    alone = kind != "model" and len(sizes) == len(models)
    if len(sizes) > 1 and not alone:
      without = evaluation.leave_one_family(table, members)
      found[kind] = [
        _without(collected, name, sizes[name], rest) for name, rest in without.items()
      ]
  if len(table.datasets) > 1:
    found["dataset"] = [
      _without(collected, name, 0, rest)
      for name, rest in evaluation.leave_one_dataset(table).items()
    ]
  return found


def _without(
  collected: Collected, left: str, models: int, rest: MeasuredTable
) -> Without:
  methods = collected.table.methods
  places = evaluation.place_methods(rest.means)
  return Without(
    left,
    models,
    dict(zip(methods, map(float, rest.means), strict=True)),
    dict(zip(methods, map(float, places), strict=True)),
  )


def worst(found: list[Without], method: str) -> Worst:
  """Returns what a method suffers most from, of one kind of things left out."""
  nan = float("nan")
  valid = [one for one in found if not np.isnan(one.means[method])]
  if not valid:
    return Worst("", nan, nan, nan, nan)
  least = min(valid, key=lambda one: one.means[method])
  places = [one.places[method] for one in valid]
  return Worst(
    least.left, least.means[method], least.places[method], min(places), max(places)
  )
