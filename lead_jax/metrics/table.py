"""The table of metrics, and the two ways to look one up and apply it."""

import difflib

from lead_jax.errors import InputError
from lead_jax.metrics import anchors, lead
from lead_jax.metrics.base import Metric, Problem, Value
from lead_jax.typing import ArrayLike

METRICS: dict[str, Metric] = {
  "lead": Metric(
    lead.lead,
    "LEAD, the published form: logits evolved by the class-aware NTK",
    "minus cross-entropy",
    ("variant", *lead.LEAD_OPTIONS),
    random=True,
  ),
  "lead_normalised": Metric(
    lead.lead_normalised,
    "LEAD on features of unit scale, in relative time: for zoos of mixed origin",
    "minus cross-entropy",
    lead.LEAD_OPTIONS,
    random=True,
  ),
  "log_init": Metric(
    lead.log_init,
    "control: LEAD at t = 0, the initial logits alone",
    "minus cross-entropy",
    lead.INITIAL_OPTIONS,
  ),
  "lambda": Metric(
    lead.mean_rate,
    "control: LEAD's mean rate alone",
    "squared gradient norm",
    lead.LEAD_OPTIONS,
    random=True,
  ),
  "feature_norm": Metric(
    lead.feature_norm,
    "control: mean squared feature norm, what the rates amount to",
    "squared feature units",
  ),
  "constant": Metric(
    lead.constant,
    "control: LEAD with one constant step for every sample",
    "minus cross-entropy",
    ("coefficient", *lead.INITIAL_OPTIONS),
  ),
  "knn": Metric(
    anchors.knn,
    "leave-one-out k-nearest-neighbour accuracy (cosine, k = 1)",
    "accuracy",
    ("k", "distance"),
  ),
  "linear_probe": Metric(
    anchors.probe,
    "cross-validated accuracy of a linear classifier",
    "accuracy",
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
    InputError: If the metric or an option is unknown.
    ValueError: If the problem cannot be scored by it.
  """
  metric = find_metric(name)
  for option in options:
    if option not in metric.options:
      known = ", ".join(metric.options) or "none"
      raise InputError(f"metric {name!r} has no option {option!r}; it has: {known}")
  return metric.function(problem, **options)


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
