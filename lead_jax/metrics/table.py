"""The table of metrics, and the two ways to look one up and apply it."""

import difflib
import math
from collections.abc import Mapping
from typing import Any

from lead_jax.errors import InputError
from lead_jax.lead_config import lead_config
from lead_jax.metrics import anchors, lead
from lead_jax.metrics.base import Metric, Problem, Value
from lead_jax.typing import ArrayLike

METRICS: dict[str, Metric] = {
  "lead": Metric(
    lead.lead,
    "LEAD, the published form: logits evolved by the class-aware NTK",
    "minus cross-entropy",
    lead_config,
    ("variant", *lead.LEAD_OPTIONS),
    random=True,
  ),
  "lead_normalised": Metric(
    lead.lead_normalised,
    "LEAD on features of unit scale, in relative time: for zoos of mixed origin",
    "minus cross-entropy",
    lead.check_normalised,
    lead.LEAD_OPTIONS,
    random=True,
  ),
  "log_init": Metric(
    lead.log_init,
    "control: LEAD at t = 0, the initial logits alone",
    "minus cross-entropy",
    lead_config,
    lead.INITIAL_OPTIONS,
  ),
  "lambda": Metric(
    lead.mean_rate,
    "control: LEAD's mean rate alone",
    "squared gradient norm",
    lead_config,
    lead.RATE_OPTIONS,
    random=True,
  ),
  "feature_norm": Metric(
    lead.feature_norm,
    "control: mean squared feature norm, what the rates amount to",
    "squared feature units",
    dict,  # it has no options
  ),
  "constant": Metric(
    lead.constant,
    "control: LEAD with one constant step for every sample",
    "minus cross-entropy",
    lead.check_constant,
    ("coefficient", *lead.INITIAL_OPTIONS),
  ),
  "knn": Metric(
    anchors.knn,
    "leave-one-out k-nearest-neighbour accuracy (cosine, k = 1)",
    "accuracy",
    anchors.check_knn,
    ("k", "distance"),
  ),
  "linear_probe": Metric(
    anchors.probe,
    "cross-validated accuracy of a linear classifier",
    "accuracy",
    anchors.check_probe,
    ("folds", "l2"),
    random=True,
  ),
}

DEFAULT_METRICS = ("lead", "lead_normalised", "knn", "linear_probe")


def find_metric(name: str) -> Metric:
  """Returns a metric of the table.

  Raises:
    InputError: If there is none of that name; the message lists the nearest.
  """
  if name in METRICS:
    return METRICS[name]
  near = difflib.get_close_matches(name.lower(), METRICS, n=3)
  hint = f"did you mean {' or '.join(near)}? " if near else ""
  raise InputError(f"there is no metric {name!r}: {hint}known are {', '.join(METRICS)}")


def evaluate_metric(name: str, problem: Problem, **options) -> Value:
  """Applies a metric, after checking the names of its options.

  Raises:
    InputError: If the metric or an option is wrong.
    ValueError: If the problem cannot be scored by it.
  """
  check_options(name, options)
  value = find_metric(name).function(problem, **options)
  if not math.isfinite(value.score):
    raise ValueError(f"{name} is {value.score} on these features")
  return value


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
  try:
    metric.check(**options)
  except ValueError as error:
    raise InputError(f"metric {name!r}: {error}") from error


def score(
  metric: str, features: ArrayLike, labels: ArrayLike, *, seed: int = 0, **options
) -> float:
  """Scores one model's features by one metric.

  Args:
    metric: A name of `METRICS`.
    features: float[N, D] backbone outputs, 16, 32 or 64 bits, finite.
    labels: [N] any integers or strings.
    seed: Of everything random.
    **options: The metric's own; see `METRICS[metric].options`.

  Returns:
    The score; larger is better.

  Raises:
    ValueError: If the metric or an option is unknown, or the features and labels cannot
      be scored; the message names the thing.
  """
  return evaluate_metric(metric, Problem(features, labels, seed=seed), **options).score
