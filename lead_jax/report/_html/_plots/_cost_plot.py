"""Quality against cost: the score against what a model takes, one panel per cost."""

import itertools
from collections.abc import Callable

from lead_jax.report._html._markup import Markup, tag
from lead_jax.report._html._plots._axes import floor_of, frame, left_of, scale_of, svg
from lead_jax.report._html._plots._scatter_plot import Box, Dot, scatter
from lead_jax.report._summary import Row, Summary
from lead_jax.report._words import count, seconds, significant

_WIDTH, _HEIGHT = 350.0, 300.0


def cost_panels(summary: Summary) -> list[Markup]:
  """Returns a panel for every cost that is known of two models or more."""
  costs: list[tuple[str, Callable[[Row], float | None], Callable[[float], str]]] = [
    ("parameters", lambda row: row.params, count),
    ("FLOPs per image", lambda row: row.flops, count),
  ]
  if summary.seconds_whole:
    costs.append(("seconds in this run", lambda row: row.seconds, seconds))
  panels = []
  for title, cost, text in costs:
    rows = [row for row in summary.ranked if (cost(row) or 0) > 0]
    if len(rows) > 1:
      panels.append(_panel(summary, title, rows, cost, text))
  return panels


def front(rows: list[Row], cost: Callable[[Row], float | None]) -> list[Row]:
  """The models that no cheaper one beats, the cheapest first."""
  found: list[Row] = []
  key = lambda row: (cost(row) or 0, -(row.score or 0))
  for row in sorted(rows, key=key):
    if not found or (row.score or 0) > (found[-1].score or 0):
      found.append(row)
  return found


def _panel(
  summary: Summary,
  title: str,
  rows: list[Row],
  cost: Callable[[Row], float | None],
  text: Callable[[float], str],
) -> Markup:
  values = {row.model: float(cost(row) or 0) for row in rows}
  scores = {row.model: row.score or 0.0 for row in rows}
  floor = floor_of(list(scores.values()))
  shown = [score for score in scores.values() if score >= floor]
  y = scale_of(shown, _HEIGHT - 46, 40, beyond=len(shown) < len(scores))
  x = scale_of(list(values.values()), left_of(y), _WIDTH - 14, log=True)
  height = lambda row: (
    y(scores[row.model]) if scores[row.model] >= floor else y.start - 9
  )
  best = front(rows, cost)
  on_front = {row.model for row in best}
  order = [*best[::-1], *(row for row in rows if row.model not in on_front)]
  dots = [
    Dot(
      x(values[row.model]),
      height(row),
      str(row.rank),
      f"{row.model}: rank {row.rank}, score {significant(row.score)}, "
      f"{text(values[row.model])} {title}",
      row.model in on_front,
      "below" if scores[row.model] < floor else "",
    )
    for row in order
  ]
  stairs = [(x(values[row.model]), height(row)) for row in best]
  corners = _corners(stairs, x.end)
  drawing = svg(
    _WIDTH,
    _HEIGHT,
    f"Score against {title}",
    f"{len(rows)} models. Those that no cheaper model beats, the cheapest first: "
    + ", ".join(f"{row.model} ({text(values[row.model])})" for row in best)
    + ".",
    frame(
      x,
      y,
      f"{title} (logarithmic)",
      f"score by {summary.metric}",
      lambda value: text(value).replace(".0", ""),
    ),
    tag(
      "polyline",
      points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners),
      class_="front",
    ),
    scatter(
      dots,
      Box(x.start, y.end - 6, x.end + 10, y.start),
      [_along(a, b) for a, b in itertools.pairwise(corners)],
    ),
    key=f"cost-{title.split()[0].lower()}",
  )
  return tag("div", tag("h3", f"Against {title}"), drawing, class_="panel")


def _along(a: tuple[float, float], b: tuple[float, float]) -> Box:
  """The strip that a straight line takes up."""
  left, right = sorted((a[0], b[0]))
  top, bottom = sorted((a[1], b[1]))
  return Box(left - 1, top - 1, right + 1, bottom + 1)


def _corners(
  stairs: list[tuple[float, float]], end: float
) -> list[tuple[float, float]]:
  """The staircase of the best score that a cost buys."""
  corners = [stairs[0]]
  for at, height in stairs[1:]:
    corners += [(at, corners[-1][1]), (at, height)]
  return [*corners, (end, corners[-1][1])]
