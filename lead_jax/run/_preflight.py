"""What can be known to be wrong before any work is done, said before any work is done."""

import importlib.resources
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lead_jax import evaluation, metrics
from lead_jax.checks import InputError, parameter
from lead_jax.metrics import Metric
from lead_jax.readers import read_json, read_text
from lead_jax.results import Plan, plan_from_dict
from lead_jax.system import file_digest, user_path


def metrics_or_default(
  names: str | Metric | Sequence[str | Metric] | None, *, reference: object = None
) -> list[str]:
  """Returns the names of the metrics asked for; see `chosen_metrics`."""
  return list(chosen_metrics(names, reference=reference))


def chosen_metrics(
  asked: str | Metric | Sequence[str | Metric] | None, *, reference: object = None
) -> dict[str, Metric]:
  """Finds the metrics asked for; the default ones where None, each once.

  Args:
    asked: Metrics, or their names; see `metrics.find_metric`. `all` stands for all that
      are not named, the recommended one first.
    reference: The model to compare with, where there is one. A metric that needs it is
      refused without; among `all` it is left to say so in its rows.

  Returns:
    By name, in the order asked for.

  Raises:
    InputError: If there is no such metric, or two have one name.
  """
  if asked is None:
    asked = metrics.DEFAULT_METRICS
  if isinstance(asked, str | Metric):
    asked = [asked]
  if not asked:
    raise InputError(
      f"no metrics were given: known are all, {', '.join(metrics.METRICS)}"
    )
  if not isinstance(asked, Iterable):
    raise InputError(f"metrics must be a list of metrics or names, got {asked!r}")
  found: dict[str, Metric] = {}
  for one in asked:
    if isinstance(one, str) and one == "all":
      for name in (metrics.RECOMMENDED, *metrics.METRICS):
        found.setdefault(name, metrics.METRICS[name])
      continue
    metric = metrics.find_metric(one)
    if "reference_features" in metric.needs and reference is None:
      raise InputError(
        f"metric {metric.name!r} compares with another network's features: name it by "
        f"{parameter('reference')}"
      )
    if found.setdefault(metric.name, metric) != metric:
      raise InputError(f"two metrics are called {metric.name!r}: rename one of them")
  return found


def planned_metrics(plan: Plan) -> dict[str, Metric]:
  """Finds the metrics of a plan that comes from another process.

  Raises:
    InputError: If one was given as an object there, or is not to be found here.
  """
  asked = [ref for ref in plan.request.get("metrics") or () if isinstance(ref, str)]
  modules = [metrics.find_metric(ref) for ref in asked if ":" in ref]
  found = {metric.name: metric for metric in modules}
  objects = "metrics" in plan.request.get("objects", ())
  for name in plan.metrics:
    try:
      found[name] = found.get(name) or metrics.find_metric(name)
    except InputError as error:
      if not objects:
        raise
      raise InputError(
        f"metric {name!r} was given as an object, not by its name: offer it as "
        "module:NAME or as a plug-in to use it in another process"
      ) from error
  return {name: found[name] for name in plan.metrics}


def checked_options(
  chosen: Mapping[str, Metric], options: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
  """Checks all options, and returns them as JSON values.

  Raises:
    InputError: If one is for a metric that is not asked for, unknown or out of bounds.
  """
  plain: dict[str, dict[str, Any]] = {}
  if not isinstance(options, Mapping) or not all(
    isinstance(values, Mapping) for values in options.values()
  ):
    raise InputError(
      f"options must be like {{'knn': {{'k': 3}}}}, by metric, got {options!r}"
    )
  for name, values in options.items():
    if name not in chosen:
      raise InputError(
        f"options are given for metric {name!r}, which is not asked for: add it to the "
        "metrics or drop them"
      )
    plain[name] = {key: _plain(name, key, value) for key, value in values.items()}
    metrics.check_options(chosen[name], plain[name])
  return plain


def _plain(metric: str, option: str, value: Any) -> Any:
  """NumPy's scalars as Python's; what no file could hold is refused."""
  value = value.item() if isinstance(value, np.generic) else value
  if isinstance(value, list | tuple):
    return tuple(_plain(metric, option, item) for item in value)
  if value is None or isinstance(value, bool | int | float | str):
    return value
  raise InputError(
    f"option {option!r} of metric {metric!r} is a {type(value).__name__}: give a number, "
    "a text or a tuple of them"
  )


def file_hash(path: str | os.PathLike) -> str | None:
  """Returns the SHA-256 of a file that a run depends on; None if it cannot be read."""
  try:
    return file_digest(user_path(path))
  except OSError:
    return None  # whoever reads it will say why it cannot be read


def read_truth(
  path: str | os.PathLike | None, dataset: str, *, bundled: bool
) -> dict[str, dict[str, float]]:
  """True accuracies by data set and model; empty where there are none for this one."""
  if path is None:
    if not bundled:
      return {}
    table = importlib.resources.files("lead_jax.zoo") / "digits_ground_truth.csv"
    text, source = table.read_text(encoding="utf-8"), "the bundled ground truth"
  else:
    source = str(path)
    text = read_text(user_path(path))
  try:
    found = evaluation.ground_truth_table(text)
  except ValueError as error:
    raise InputError(f"{source}: {error}") from error
  if dataset not in found:
    there = ", ".join(sorted(found)) or "none"
    raise InputError(f"{source} has no row for data set {dataset!r}; it has: {there}")
  return found


def refuse_other_run(out: pathlib.Path, plan: Plan) -> None:
  """Refuses to write over the results of another run.

  Raises:
    InputError: If `out` holds results that this plan would not give.
  """
  there = out / "report.json"
  if not there.exists():
    return
  try:
    same = plan_from_dict(read_json(there)["plan"]).key == plan.key
  except (InputError, KeyError, TypeError):
    same = False
  if not same:
    raise InputError(
      f"{str(out)!r} holds the results of another run: give another "
      f"{parameter('out')}, or {parameter('overwrite', True)} to replace them"
    )
