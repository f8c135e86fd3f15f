"""One score of one model, from the store where it is known; and scores of random parts.

A score's key holds everything that it depends on: the features, the labels, the metric
with its version and options, the seed, the width of the arithmetic.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from lead_jax import metrics
from lead_jax.backbones import ModelSpec
from lead_jax.checks import InputError, reason
from lead_jax.metrics import Metric
from lead_jax.results import FAILED, NEEDS, ModelRow, ScoreRow
from lead_jax.run._bench import Bench, Opened
from lead_jax.run.certainty import Halves
from lead_jax.system import Stages, content_key

# Parts of the images that are scored between two looks at the store.
_DRAWS_AT_ONCE = 10

# A score of one part, and what pool-relative scores are made of.
Drawn = tuple[float, Mapping[str, float] | None]


@dataclasses.dataclass(frozen=True)
class Resampled:
  """What a metric says of random parts of the images.

  Attributes:
    scores: One per part.
    parts: Of a pool-relative metric, what its models are compared by, one per part.
    reason: Why there are none.
  """

  scores: Sequence[float] = ()
  parts: Sequence[Mapping[str, float]] = ()
  reason: str = ""


def score(opened: Opened, metric: Metric, options: Mapping[str, Any]) -> ScoreRow:
  """Computes one score, or takes it from the store.

  Args:
    opened: The model.
    metric: By which it is scored.
    options: The metric's own.

  Returns:
    A row without a rank; where the metric cannot score the model, with the reason.

  Raises:
    Exception: If the features cannot be had: then there is no model.
  """
  store = opened.bench.store
  key = content_key(**key_parts(opened, metric, options))
  if (kept := store.get_json(key)) is not None:
    opened.feature_dim = kept.pop("feature_dim")
    return ScoreRow(opened.name, metric.name, rank=None, cached=True, **kept)
  opened.problem()  # without features there is no model: not this metric's trouble
  timed = Stages()
  try:
    problem = opened.problem(metric)
    if missing := metrics.missing(metric, problem):
      return ScoreRow(opened.name, metric.name, math.nan, None, f"{NEEDS}{missing}")
    opened.bench.progress.scoring(metric.name)
    opened.computed = True
    with opened.stages.stage("score"), timed.stage("score"):
      value = metrics.evaluate_metric(metric, problem, **options)
  except (Exception, SystemExit) as error:
    # A metric that cannot score these features says so; the others go on.
    status = f"{FAILED}{reason(error, f'metric {metric.name!r}')}"
    return ScoreRow(opened.name, metric.name, math.nan, None, status)
  kept = {
    "score": value.score,
    "status": value.status,
    "details": dict(value.details),
    "seconds": round(timed.seconds["score"], 4),
    "std": None if value.spread is None else value.spread.std,
    "draws": "" if value.spread is None else value.spread.draws,
    "parts": None if value.parts is None else dict(value.parts),
  }
  store.keep_json(key, {**kept, "feature_dim": opened.feature_dim})
  return ScoreRow(opened.name, metric.name, rank=None, **kept)


def resample(
  opened: Opened,
  metric: Metric,
  options: Mapping[str, Any],
  halves: Halves,
  count: int,
) -> Resampled:
  """Scores random parts of the images, or takes these scores from the store.

  Args:
    opened: The model.
    metric: By which it is scored.
    options: The metric's own.
    halves: Which parts.
    count: How many.

  Returns:
    The scores, or why there are none: intervals are not worth the model.
  """
  found: list[Drawn] = []
  try:
    with opened.stages.stage("resample"):
      for start in range(0, count, _DRAWS_AT_ONCE):
        draws = range(start, min(start + _DRAWS_AT_ONCE, count))
        found += _drawn(opened, metric, options, halves, draws)
        opened.bench.progress.resampling(len(found), count)
  except (Exception, SystemExit) as error:
    doing = f"metric {metric.name!r} on a part of the images"
    return Resampled(reason=reason(error, doing))
  parts = [part for _, part in found if part is not None]
  return Resampled([value for value, _ in found], parts)


def _drawn(
  opened: Opened,
  metric: Metric,
  options: Mapping[str, Any],
  halves: Halves,
  draws: range,
) -> list[Drawn]:
  store = opened.bench.store
  key = content_key(
    **key_parts(opened, metric, options),
    draws=[draws.start, draws.stop],
    sizes=halves.sizes.tolist(),
    draws_seed=halves.seed,
  )
  if (kept := store.get_json(key)) is not None:
    return [(value, part) for value, part in kept]
  found: list[Drawn] = []
  opened.computed = True
  for draw in draws:
    problem = opened.problem(metric).subset(halves.rows(draw))
    value = metrics.evaluate_metric(metric, problem, **options)
    if not math.isfinite(value.score):
      raise InputError(f"a part of the images has the score {value.score}")
    found.append((value.score, None if value.parts is None else dict(value.parts)))
  store.keep_json(key, found)
  return found


def key_parts(
  opened: Opened, metric: Metric, options: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns everything that a score depends on."""
  return {
    **(opened.bench.identities.get(metric.name) or metric.identity()),
    "features": opened.key,
    "companions": opened.companion_keys(metric),
    "labels": opened.bench.labels,
    "metric": metric.name,
    "options": dict(options),
    "seed": opened.bench.seed,
    "x64": bool(jnp.result_type(float) == jnp.float64),
  }


def score_model(
  bench: Bench,
  spec: ModelSpec,
  wanted: Sequence[tuple[str | Metric, Mapping[str, Any]]],
) -> tuple[ModelRow, list[ScoreRow]]:
  """Scores one model by metrics under options, sharing what these share.

  Args:
    bench: What models share.
    spec: The model.
    wanted: Metrics, each with its options; a metric may stand there many times.

  Returns:
    The model's row, and a row per score in the order of `wanted`, kept under the keys under
    which a run keeps them. Where the model cannot be had, all of them say so.
  """
  chosen = [(metrics.find_metric(metric), options) for metric, options in wanted]
  try:
    opened = bench.open(spec)
    rows = [score(opened, metric, options) for metric, options in chosen]
    return opened.facts(), rows
  except (Exception, SystemExit) as error:
    status = f"{FAILED}{reason(error, 'scoring the model')}"
    failed = [ScoreRow(spec.name, m.name, math.nan, None, status) for m, _ in chosen]
    return ModelRow(spec.name, status), failed
