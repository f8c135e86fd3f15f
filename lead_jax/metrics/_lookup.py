"""The ways to look a metric up, and to apply it."""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax.checks import InputError, Rule, check_arguments, shown
from lead_jax.metrics._metric import Metric, Problem, Value, join
from lead_jax.metrics._plain_value import plain_value
from lead_jax.metrics._table import METRICS
from lead_jax.system import load_named, load_plugin, plugins
from lead_jax.typing import ArrayLike

PLUGINS = "lead_jax.metrics"

# Names that no metric can have, as users mean something else by them.
_RESERVED = {
  "all": "every metric of the table",
  "parameters": "the ranking by numbers of parameters",
}

# What to do about an array that a metric needs and that is not there.
NEEDS = {
  "source_probs": (
    "the network's probabilities over its source classes; a network without a "
    "classifier has none"
  ),
  "reference_features": "another network's features of the same samples, to compare with",
  "source_features": "the same network's features of its source data",
  "gmm_responsibilities": "posteriors of a mixture that was fitted elsewhere",
}


def find_metric(ref: str | Metric) -> Metric:
  """Returns a metric.

  Args:
    ref: A name of `METRICS`; a name that an installed distribution offers under the
      entry-point group `lead_jax.metrics`; `module:NAME` of a module on the path of Python
      or in the current folder; or the metric itself.

  Raises:
    InputError: If there is none (the message lists the nearest), it cannot be imported, or
      it has the name of one of the table without being it.
  """
  if isinstance(ref, Metric):
    return _unlike_the_table(ref, "")
  if not isinstance(ref, str):
    raise InputError(f"a metric is a lead_jax.metrics.Metric or its name, got {ref!r}")
  if ref in METRICS:
    return METRICS[ref]
  if ":" in ref:
    return _as_metric(load_named(ref), repr(ref))
  offered = plugins(PLUGINS)
  if ref in offered:
    found = _as_metric(load_plugin(PLUGINS, ref), f"{ref!r} of {offered[ref].source}")
    if found.name != ref:
      raise InputError(
        f"plug-in {ref!r} of {offered[ref].source} is a metric named {found.name!r}: "
        "its entry point must have the same name"
      )
    return found
  known = [*METRICS, *offered]
  near = difflib.get_close_matches(ref.lower(), known, n=3)
  hint = f"did you mean {' or '.join(near)}? " if near else ""
  raise InputError(
    f"there is no metric {shown(ref)!r}: {hint}known are {', '.join(known)}; one of "
    "yours is module:NAME"
  )


def known_metrics() -> dict[str, str]:
  """Returns the names of all metrics, with what offers each.

  Returns:
    By name, `lead_jax` or an installed distribution with its version, in the order of the
    table, plug-ins last. None of these is imported, and none that has the name of a metric
    of the table is among them.
  """
  found = dict.fromkeys(METRICS, "lead_jax")
  for name, plugin in plugins(PLUGINS).items():
    found.setdefault(name, plugin.source)
  return found


def _as_metric(found: Any, what: str) -> Metric:
  if not isinstance(found, Metric):
    raise InputError(
      f"{what} is a {type(found).__name__}, not a lead_jax.metrics.Metric: make one by "
      "Metric(name, compute), or of a function by Metric.of"
    )
  return _unlike_the_table(found, f"{what}: ")


def _unlike_the_table(metric: Metric, where: str) -> Metric:
  """Refuses a metric that takes the name of another, or one that means something else."""
  if metric.name in _RESERVED:
    raise InputError(
      f"{where}{metric.name!r} stands for {_RESERVED[metric.name]}: give your metric "
      "another name"
    )
  if METRICS.get(metric.name, metric) is not metric:
    raise InputError(
      f"{where}lead_jax has a metric {metric.name!r} of its own: give yours another name"
    )
  return metric


@check_arguments()
def evaluate_metric(ref: str | Metric, problem: Problem, /, **options: Any) -> Value:
  """Applies a metric, after checking its options.

  Args:
    ref: As `find_metric`.
    problem: Features, labels and whatever else the metric needs.
    **options: The metric's own.

  Raises:
    InputError: If the metric or an option is wrong, or something that the metric needs is
      not there.
    ValueError: If the problem cannot be scored by it.
  """
  metric = find_metric(ref)
  checked = metric.read_options(options)
  if lack := missing(metric, problem):
    raise InputError(f"{metric.name} needs {lack}")
  value = metric.compute(problem, checked)
  if not isinstance(value, Value):
    raise InputError(
      f"metric {metric.name!r} returned a {type(value).__name__}: return "
      "lead_jax.metrics.Value(score)"
    )
  value = plain_value(metric, value)
  if not math.isfinite(value.score):
    chosen = "".join(f" with {name}={shown(repr(o))}" for name, o in options.items())
    raise ValueError(
      f"{metric.name}{chosen} is {value.score} on these features: bring "
      f"{'options or features' if options else 'them'} to unit scale, or compute in "
      "float64 (jax.enable_x64)"
    )
  return value._replace(status=join(value.status, _doubts(metric, problem)))


@check_arguments()
def missing(ref: str | Metric, problem: Problem) -> str:
  """Returns what a metric needs and the problem has not, and what to do; empty if none."""
  for need in find_metric(ref).needs:
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


@check_arguments()
def check_options(ref: str | Metric, options: Mapping[str, Any]) -> None:
  """Checks names and values of a metric's options, before any work.

  Raises:
    InputError: If there is no such metric or option, or a value is out of its bounds.
  """
  find_metric(ref).read_options(options)


def score(
  metric: str | Metric,
  features: ArrayLike,
  labels: ArrayLike,
  *,
  seed: int = 0,
  source_probs: ArrayLike | None = None,
  source_features: ArrayLike | None = None,
  reference_features: ArrayLike | None = None,
  gmm_responsibilities: ArrayLike | None = None,
  **options: Any,
) -> float:
  """Scores one model's features by one metric.

  Args:
    metric: As `find_metric`: a name of `METRICS`, a plug-in's, `module:NAME`, or a
      `Metric`.
    features: float[N, D] backbone outputs, 16, 32 or 64 bits, finite.
    labels: [N] any integers or strings.
    seed: Seed of every random draw.
    source_probs: float[N, Z], the network's probabilities over its source classes.
    source_features: float[M, D], the same network's features of its source data.
    reference_features: float[N, R], another network's features of the same samples.
    gmm_responsibilities: float[N, C], posteriors of a mixture fitted elsewhere.
    **options: The metric's own; docs/metrics.md lists them.

  Returns:
    The score; larger is better. Of a pool-relative metric (`METRICS[metric].pool`), that
    of this model alone; see `score_pool`.

  Raises:
    ValueError: If the metric or an option is unknown, something that it needs is not
      given, or the features and labels cannot be scored; the message names the thing.
  """
  found = find_metric(metric)
  problem = Problem(
    features,
    labels,
    seed=seed,
    source_probs=source_probs,
    source_features=source_features,
    reference_features=reference_features,
    gmm_responsibilities=gmm_responsibilities,
  )
  return evaluate_metric(found, problem, **options).score


@check_arguments(seed=Rule())
def score_pool(
  metric: str | Metric,
  pool: Sequence[ArrayLike],
  labels: ArrayLike,
  *,
  seed: int = 0,
  source_probs: Sequence[ArrayLike | None] | None = None,
  source_features: Sequence[ArrayLike | None] | None = None,
  reference_features: ArrayLike | None = None,
  gmm_responsibilities: Sequence[ArrayLike | None] | None = None,
  **options: Any,
) -> list[float]:
  """Scores several models' features together, by a metric that compares them.

  Args:
    metric: As `score`; one that is not pool-relative scores each model by itself.
    pool: Of each model, features float[N, D] of the same samples; D may differ.
    labels: [N].
    seed: Seed of every random draw.
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
  found = find_metric(metric)
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
      values.append(evaluate_metric(found, problem, **options))
    except ValueError as error:
      raise InputError(f"model {index} of the pool: {error}") from error
  if found.pool is None:
    return [value.score for value in values]
  return list(found.pool([value.parts or {} for value in values]))
