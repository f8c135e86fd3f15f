"""Scores with their intervals, one line per model; groups told apart are marked."""

from lead_jax.report._html._markup import Markup, join, tag
from lead_jax.report._html._plots._axes import (
  DIGIT_WIDTH,
  NAME_WIDTH,
  Scale,
  floor_of,
  label,
  line,
  scale_of,
  short,
  svg,
  tick_label,
  ticks,
)
from lead_jax.report._html._plots._scatter_plot import RADIUS, triangle
from lead_jax.report._summary import Row, Summary
from lead_jax.report._words import interval, share, significant, span

_TITLE = "Score of every model"
_GUTTER = 34.0
_BAR = 60.0


def intervals(summary: Summary) -> Markup:
  """Returns the plot twice: for wide windows and for narrow ones."""
  return join(
    tag("div", _plot(summary, wide=True), class_="wide"),
    tag("div", _plot(summary, wide=False), class_="narrow"),
  )


def _plot(summary: Summary, *, wide: bool) -> Markup:
  rows = [row for row in summary.rows if row.score is not None]
  floor = floor_of([row.score for row in rows if row.score is not None])
  ends = []
  for row in rows:
    if row.score is not None and row.score >= floor:
      ends += [row.score, *(row.scores or ())]
  known = any(row.p_best is not None for row in rows)
  width, step = (1112.0, 25.0) if wide else (350.0, 40.0)
  top = 26.0 if wide else 8.0
  if wide:
    longest = max(len(row.model) for row in rows) * NAME_WIDTH
    left = _GUTTER + min(longest, 38 * NAME_WIDTH) + 16
    right = width - (190 if known else 12)
  else:
    left, right = _GUTTER - 8, width - 10
  x = scale_of(ends, left, right)
  bottom = top + step * len(rows)
  parts = [_bands(rows, top, step, width)]
  for value in ticks(x, 7, lambda value: len(tick_label(value)) * DIGIT_WIDTH):
    parts.append(line(x(value), top, x(value), bottom, "grid"))
    parts.append(label(tick_label(value), x(value), bottom + 17, "quiet middle"))
  parts.append(line(left, bottom, right, bottom, "axis"))
  name = f"score by {summary.metric}, larger is better"
  parts.append(label(name, (left + right) / 2, bottom + 36, "quiet middle"))
  if wide and known:
    parts.append(label("group", 4, top - 9, "quiet"))
    parts.append(label("rank", width - 176, top - 9, "quiet"))
    parts.append(label("P(best)", width - 112, top - 9, "quiet"))
  for i, row in enumerate(rows):
    draw = _wide_row if wide else _narrow_row
    parts.append(draw(row, x, top + step * i, step, width))
  key = "intervals-wide" if wide else "intervals-narrow"
  return svg(width, bottom + 44, _TITLE, _about(summary, rows), *parts, key=key)


def _about(summary: Summary, rows: list[Row]) -> str:
  text = f"{len(rows)} models by {summary.metric}, the best first: {rows[0].model}"
  text += f" with {significant(rows[0].score)}"
  if rows[0].scores is not None:
    text += f" ({interval(*rows[0].scores)})"
  text += f"; last {rows[-1].model} with {significant(rows[-1].score)}."
  return f"{text} All numbers are in the table."


def _bands(rows: list[Row], top: float, step: float, width: float) -> Markup:
  """A shade behind every other group, and its number where it begins."""
  parts, before = [], None
  for i, row in enumerate(rows):
    if row.group is None:
      continue
    y = top + step * i
    if row.group % 2:
      parts.append(tag("rect", x=0.0, y=y, width=width, height=step, class_="band"))
    if row.group != before:
      parts.append(label(row.group, 6, y + 17, "quiet"))
    before = row.group
  return join(*parts)


def _wide_row(row: Row, x: Scale, top: float, step: float, width: float) -> Markup:
  middle = top + step / 2
  room = x.start - _GUTTER - 14
  parts = [
    label(short(row.model, room), _GUTTER, middle + 4, "name"),
    _interval(row, x, middle),
  ]
  if row.ranks is not None:
    parts.append(label(span(*row.ranks), width - 176, middle + 4))
  if row.p_best is not None:
    at = width - 112
    parts.append(
      tag("rect", x=at, y=middle - 4, width=_BAR, height=8.0, class_="track")
    )
    if row.p_best > 0:
      filled = _BAR * row.p_best
      parts.append(
        tag("rect", x=at, y=middle - 4, width=filled, height=8.0, class_="fill")
      )
    parts.append(label(share(row.p_best), width - 4, middle + 4, "end"))
  return tag("g", *parts)


def _narrow_row(row: Row, x: Scale, top: float, step: float, width: float) -> Markup:
  text = ""
  if row.ranks is not None:
    text = f"rank {span(*row.ranks)} · {share(row.p_best)}"
  room = width - x.start - len(text) * 7.6 - 14
  return tag(
    "g",
    label(short(row.model, room), x.start, top + 17, "name"),
    label(text, width - 4, top + 17, "end quiet") if text else "",
    _interval(row, x, top + 29),
  )


def _interval(row: Row, x: Scale, y: float) -> Markup:
  assert row.score is not None
  text = f"{row.model}: {significant(row.score)}"
  if row.scores is not None:
    text += f" ({interval(*row.scores)})"
  about = tag("title", text)
  if row.score < x.low:
    edge = x.start + RADIUS
    return tag(
      "g",
      triangle(edge, y, "left", about, "dot others"),
      label(significant(row.score), edge + 9, y + 4, "quiet"),
    )
  parts = [about]
  if row.scores is not None:
    parts.append(line(x(row.scores[0]), y, x(row.scores[1]), y, "span"))
  parts.append(tag("circle", cx=x(row.score), cy=y, r=RADIUS, class_="dot"))
  return tag("g", *parts)
