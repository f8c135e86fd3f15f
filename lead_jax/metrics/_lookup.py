"""The ways to look a metric up, and to apply it."""

import difflib
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax.checks import InputError
from lead_jax.metrics._metric import Metric, Problem, Value, join
from lead_jax.metrics._table import METRICS
from lead_jax.typing import ArrayLike

# What to do about an array that a metric needs and that is not there.
NEEDS = {
  "source_probs": (
    "the network's probabilities over its source classes; a network without a "
    "classifier has none"
  ),
  "reference_features": "another network's features of the same samples, to compare with",
}


def find_metric(name: str) -> Metric:
  """Returns a metric of the table.

  Raises:
    InputError: If there is none of that name; the message lists the nearest.
  """
  if isinstance(name, Metric):
    return name
  if not isinstance(name, str):
    raise InputError(f"a metric is named by text, got {name!r}")
  if name in METRICS:
    return METRICS[name]
  near = difflib.get_close_matches(name.lower(), METRICS, n=3)
  hint = f"did you mean {' or '.join(near)}? " if near else ""
  raise InputError(f"there is no metric {name!r}: {hint}known are {', '.join(METRICS)}")


def evaluate_metric(name: str, problem: Problem, **options) -> Value:
  """Applies a metric, after checking the names of its options.

  Raises:
    InputError: If the metric or an option is wrong, or something that the metric needs is
      not there.
    ValueError: If the problem cannot be scored by it.
  """
  check_options(name, options)
  metric = find_metric(name)
  if lack := missing(name, problem):
    raise InputError(f"{name} needs {lack}")
  value = metric.function(problem, **options)
  if not math.isfinite(value.score):
    raise ValueError(
      f"{name} is {value.score} on these features: bring them to unit scale, or compute "
      "in float64 (jax.enable_x64)"
    )
  return value._replace(status=join(value.status, _doubts(metric, problem)))


def missing(name: str, problem: Problem) -> str:
  """Returns what a metric needs and the problem has not, and what to do; empty if none."""
  for need in find_metric(name).needs:
    names = need.split("|")
    if all(getattr(problem, name) is None for name in names):
      return f"{' or '.join(names)}: {NEEDS[names[0]]}"
  return ""


def _doubts(metric: Metric, problem: Problem) -> str:
  """What to say where the data are such that the score means little."""
  count, dim = problem.features.shape
  name, size = problem.smallest_class()
  notes = []
  if problem.is_constant():
    notes.append("every sample has the same features")
  if size < metric.least_per_class:
    notes.append(
      f"class {name!r} has {size} of the {metric.least_per_class} samples needed"
    )
  if count < metric.least_ratio * dim:
    notes.append(f"N/D is {count / dim:.2g}, below {metric.least_ratio:g}")
  return "; ".join(notes)


def check_options(name: str, options: Mapping[str, Any]) -> None:
  """Checks names and values of a metric's options, before any work.

  Raises:
    InputError: If there is no such metric or option, or a value is out of its bounds.
  """
  metric = find_metric(name)
  for option in options:
    if option not in metric.options:
      known = ", ".join(metric.options) or "none"
      raise InputError(f"metric {name!r} has no option {option!r}; it has: {known}")
  parameters = inspect.signature(metric.check).parameters
  for option, value in options.items():
    if option in parameters:
      _check_kind(f"metric {name!r}: {option}", value, parameters[option])
  try:
    metric.check(**options)
  except (TypeError, ValueError) as error:
    raise InputError(f"metric {name!r}: {error}") from error


def _check_kind(what: str, value: Any, parameter: inspect.Parameter) -> None:
  """Refuses a value of another kind than the option's default."""
  default = parameter.default
  if value is None and (default is None or "None" in str(parameter.annotation)):
    return
  if isinstance(default, bool):
    wanted, fits = "true or false", isinstance(value, bool)
  elif default is None or isinstance(default, int):
    wanted = "a whole number"
    fits = isinstance(value, int) and not isinstance(value, bool)
  elif isinstance(default, float):
    wanted = "a finite number"
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    fits = fits and math.isfinite(value)
  else:
    return  # texts are compared with those that are known
  if not fits:
    raise InputError(f"{what} must be {wanted}, got {value!r}")


def score(
  metric: str,
  features: ArrayLike,
  labels: ArrayLike,
  *,
  seed: int = 0,
  source_probs: ArrayLike | None = None,
  source_features: ArrayLike | None = None,
  reference_features: ArrayLike | None = None,
  gmm_responsibilities: ArrayLike | None = None,
  **options,
) -> float:
  """Scores one model's features by one metric.

  Args:
    metric: A name of `METRICS`.
    features: float[N, D] backbone outputs, 16, 32 or 64 bits, finite.
    labels: [N] any integers or strings.
    seed: Of everything random.
    source_probs: float[N, Z], the network's probabilities over its source classes.
    source_features: float[M, D], the same network's features of its source data.
    reference_features: float[N, R], another network's features of the same samples.
    gmm_responsibilities: float[N, C], posteriors of a mixture fitted elsewhere.
    **options: The metric's own; see `METRICS[metric].options`.

  Returns:
    The score; larger is better. Of a pool-relative metric (`METRICS[metric].pool`), that
    of this model alone; see `score_pool`.

  Raises:
    ValueError: If the metric or an option is unknown, something that it needs is not
      given, or the features and labels cannot be scored; the message names the thing.
  """
  find_metric(metric)
  problem = Problem(
    features,
    labels,
    seed=seed,
    source_probs=source_probs,
    source_features=source_features,
    reference_features=reference_features,
    gmm_responsibilities=gmm_responsibilities,
  )
  return evaluate_metric(metric, problem, **options).score


def score_pool(
  metric: str,
  pool: Sequence[ArrayLike],
  labels: ArrayLike,
  *,
  seed: int = 0,
  source_probs: Sequence[ArrayLike | None] | None = None,
  source_features: Sequence[ArrayLike | None] | None = None,
  reference_features: ArrayLike | None = None,
  gmm_responsibilities: Sequence[ArrayLike | None] | None = None,
  **options,
) -> list[float]:
  """Scores several models' features together, by a metric that compares them.

  Args:
    metric: A name of `METRICS`; one that is not pool-relative scores each model by itself.
    pool: Of each model, features float[N, D] of the same samples; D may differ.
    labels: [N].
    seed: Of everything random.
    source_probs: Of each model float[N, Z], as in `score`; Z may differ. Here and below,
      None for a model that has none.
    source_features: Of each model float[M, D].
    reference_features: float[N, R], one network's: all models are compared with it.
    gmm_responsibilities: Of each model float[N, C].
    **options: The metric's own.

  Returns:
    Scores in the order of the pool; larger is better.

  Raises:
    ValueError: As `score`; or if the pool is empty, or not every model of it has its entry.
  """
  if not len(pool):
    raise InputError("the pool is empty: give the features of at least one model")
  find_metric(metric)
  own = {
    "source_probs": source_probs,
    "source_features": source_features,
    "gmm_responsibilities": gmm_responsibilities,
  }
  for name, arrays in own.items():
    if arrays is not None and len(arrays) != len(pool):
      raise InputError(
        f"{name} are {len(arrays)} for a pool of {len(pool)} models: give a list with one "
        "array a model, or None for a model that has none"
      )
  values = []
  for index, features in enumerate(pool):
    try:
      problem = Problem(
        features, labels, seed=seed, reference_features=reference_features
      )
      for name, arrays in own.items():
        array = None if arrays is None else arrays[index]
        if array is not None:
          problem.provide(name, array)
      values.append(evaluate_metric(metric, problem, **options))
    except ValueError as error:
      raise InputError(f"model {index} of the pool: {error}") from error
  rule = find_metric(metric).pool
  if rule is None:
    return [value.score for value in values]
  return list(rule([value.parts or {} for value in values]))
