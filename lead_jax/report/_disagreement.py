"""Where the metrics of a report disagree, in numbers and in words."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from lead_jax.evaluation import many_kendall
from lead_jax.report._words import Text, names, ordinal, plural, tau
from lead_jax.results import Report

# Kendall's tau between two rankings from which on they are much alike, and below which
# they have little to do with each other.
_ALIKE, _UNLIKE = 0.7, 0.3
# With fewer models than this a tau says nothing.
_LEAST = 3
_MODELS_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Disagreement:
  """How alike the rankings by different metrics are.

  Attributes:
    metrics: Those that rank enough models; the ranking metric, then by their likeness
      to it. Empty where there are fewer than two.
    taus: By pair of metrics, in this order and the other, Kendall's tau-b over the models
      that both rank.
    lines: What is worth knowing of it.
  """

  metrics: Sequence[str]
  taus: Mapping[tuple[str, str], float]
  lines: Sequence[Text]


def disagreement(report: Report) -> Disagreement:
  """Compares the rankings of a report's metrics with each other."""
  taus = _taus(report)
  ranks: dict[str, dict[str, int]] = {metric: {} for metric in report.metrics}
  for row in report.scores:
    if row.rank is not None and row.metric in ranks:
      ranks[row.metric][row.model] = row.rank
  first = report.metrics[0]
  compared = [metric for metric in report.metrics if (first, metric) in taus]
  compared.sort(key=lambda metric: -taus[first, metric])
  if not compared:
    return Disagreement([], {}, [])
  shown = [first, *compared]
  lines = [_beside(first, compared, taus)]
  controls = {
    metric
    for metric, facts in report.plan.metric_facts.items()
    if str(facts.get("description", "")).startswith("control")
  }
  judges = [metric for metric in shown if metric == first or metric not in controls]
  if (apart := _furthest(judges, taus)) is not None:
    lines.append(apart)
  lines += _models(report, judges, ranks, aside=bool(controls))
  return Disagreement(shown, taus, lines)


def _taus(report: Report) -> dict[tuple[str, str], float]:
  """Kendall's tau-b of every two metrics that rank enough models in common."""
  place = {row.model: i for i, row in enumerate(report.models)}
  scores = np.zeros((len(report.metrics), len(place)))
  there = np.zeros(scores.shape, int)
  index = {metric: j for j, metric in enumerate(report.metrics)}
  for row in report.scores:
    if row.rank is not None and row.metric in index:
      at = index[row.metric], place[row.model]
      scores[at], there[at] = row.score, 1
  one, other = np.triu_indices(len(report.metrics), 1)
  both = there[one] * there[other]
  found = many_kendall(scores[one], scores[other], both)
  taus = {}
  for i, j, value, common in zip(one, other, found, both.sum(axis=1), strict=True):
    if common >= _LEAST and not math.isnan(value):
      pair = report.metrics[int(i)], report.metrics[int(j)]
      taus[pair] = taus[pair[::-1]] = float(value)
  return taus


def _beside(
  first: str, compared: Sequence[str], taus: Mapping[tuple[str, str], float]
) -> Text:
  """How the other metrics' rankings compare with the one that orders the table."""
  alike = [metric for metric in compared if taus[first, metric] >= _ALIKE]
  unlike = [metric for metric in compared if taus[first, metric] < _UNLIKE]
  if len(compared) == 1:
    return (
      "The orders by ",
      *names([first, compared[0]]),
      f" agree to a Kendall τ of {tau(taus[first, compared[0]])} (1 is the same order, 0 "
      "nothing in common).",
    )
  some = f"{len(alike)} order" if len(alike) != 1 else "1 orders"
  text: list[str] = [
    f"Of {plural(len(compared), 'other metric')}, {some} the models much as ",
    *names([first]),
    f" does (Kendall τ of {tau(_ALIKE)} or more)",
  ]
  if unlike:
    text.append(f", {len(unlike)} with little in common (below {tau(_UNLIKE)}): ")
    text += names(unlike[::-1], 8)
  return (*text, ".")


def _furthest(
  metrics: Sequence[str], taus: Mapping[tuple[str, str], float]
) -> Text | None:
  """The two metrics with the least in common."""
  pairs = [pair for pair in itertools.combinations(metrics, 2) if pair in taus]
  if len(pairs) < 2:
    return None
  worst = min(pairs, key=lambda pair: taus[pair])
  return (
    "The least alike are the orders by ",
    *names(worst),
    f" (τ {tau(taus[worst])}).",
  )


def _models(
  report: Report,
  metrics: Sequence[str],
  ranks: Mapping[str, Mapping[str, int]],
  *,
  aside: bool,
) -> list[Text]:
  """The first model's places, then the models whose places differ most."""
  if len(metrics) < 2:
    return []
  first = metrics[0]
  ranking = report.ranking()
  places = {
    model: {
      metric: ranks[metric][model] for metric in metrics if model in ranks[metric]
    }
    for model in ranking
  }
  lines: list[Text] = []
  head = places[ranking[0]]
  others = {metric: rank for metric, rank in head.items() if metric != first}
  if others:
    firsts = [metric for metric, rank in others.items() if rank == 1]
    whose = f"{len(firsts)} of {plural(len(others), 'other metric')}"
    if len(firsts) == len(others):
      whose = f"all {len(others)} other metrics" if len(others) > 1 else "the other"
    lowest = max(others, key=lambda metric: others[metric])
    left_out = " (controls left aside)" if aside else ""
    furthest: Text = ()
    if others[lowest] > 1:
      place = ordinal(others[lowest])
      furthest = (", furthest down by ", *names([lowest]), f" ({place})")
    lines.append(
      (
        *names(ranking[:1]),
        f" is 1st by {whose}{left_out}",
        *furthest,
        ".",
      )
    )
  spread = lambda model: max(places[model].values()) - min(places[model].values())
  widest = sorted(ranking, key=lambda model: -spread(model))[:_MODELS_NAMED]
  for model in widest:
    found = places[model]
    if spread(model) < 2:
      continue
    high = min(found, key=lambda metric: found[metric])
    low = max(found, key=lambda metric: found[metric])
    lines.append(
      (
        *names([model]),
        f" is {ordinal(found[high])} by ",
        *names([high]),
        f" and {ordinal(found[low])} by ",
        *names([low]),
        ".",
      )
    )
  return lines
