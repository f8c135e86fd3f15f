"""Predicted against true: scores beside the accuracies after fine-tuning."""

from lead_jax.report._html._markup import Markup, tag
from lead_jax.report._html._plots._axes import (
  Scale,
  floor_of,
  frame,
  left_of,
  scale_of,
  svg,
)
from lead_jax.report._html._plots._scatter_plot import Box, Dot, scatter
from lead_jax.report._summary import Summary
from lead_jax.report._words import accuracy, significant

_WIDTH, _HEIGHT = 480.0, 380.0


def truth_plot(summary: Summary) -> Markup | None:
  """Returns the plot; None where fewer than two models have both numbers."""
  rows = [row for row in summary.ranked if row.truth is not None]
  if len(rows) < 2:
    return None
  scores = {row.model: row.score or 0.0 for row in rows}
  truths = {row.model: row.truth or 0.0 for row in rows}
  left, below = floor_of(list(scores.values())), floor_of(list(truths.values()))
  y = _scale(list(truths.values()), below, _HEIGHT - 46, 40)
  x = _scale(list(scores.values()), left, left_of(y), _WIDTH - 14)
  best = max(rows, key=lambda row: truths[row.model])
  dots = [
    Dot(
      x(scores[row.model]) if scores[row.model] >= left else x.start + 6,
      y(truths[row.model]) if truths[row.model] >= below else y.start - 9,
      str(row.rank),
      f"{row.model}: rank {row.rank}, score {significant(row.score)}, fine-tuned "
      f"{accuracy(row.truth)} %",
      row.model in (best.model, rows[0].model),
      "left" * (scores[row.model] < left) or "below" * (truths[row.model] < below),
    )
    for row in rows
  ]
  drawing = svg(
    _WIDTH,
    _HEIGHT,
    "Score against accuracy after fine-tuning",
    f"{len(rows)} models. First by {summary.metric}: {rows[0].model}, "
    f"{accuracy(rows[0].truth)} %. Truly best: {best.model}, {accuracy(best.truth)} %.",
    frame(x, y, f"score by {summary.metric}", "accuracy after fine-tuning, %"),
    scatter(dots, Box(x.start, y.end - 6, x.end + 10, y.start)),
    key="truth",
  )
  return tag("div", drawing, class_="panel")


def _scale(values: list[float], floor: float, start: float, end: float) -> Scale:
  shown = [value for value in values if value >= floor]
  return scale_of(shown, start, end, beyond=len(shown) < len(values))
