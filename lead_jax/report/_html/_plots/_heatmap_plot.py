"""How alike the rankings by any two metrics are."""

from lead_jax.report._html._markup import Markup, tag
from lead_jax.report._html._plots._axes import NAME_WIDTH, label, short, svg
from lead_jax.report._summary import Summary
from lead_jax.report._words import tau

_CELL = 32.0  # as wide as `−0.15`
# From the middle of a line of text to its foot.
_FOOT = 4.0
# Of full colour at a correlation of 1: numbers stay readable on it in light and dark.
_STRONGEST = 0.5


def heatmap(summary: Summary) -> Markup | None:
  """Returns the lower half of the matrix; None where there is nothing to compare."""
  metrics, taus = summary.disagreement.metrics, summary.disagreement.taus
  if len(metrics) < 2:
    return None
  left = min(max(len(metric) for metric in metrics), 24) * NAME_WIDTH + 14
  rows, columns = list(enumerate(metrics))[1:], list(enumerate(metrics))[:-1]
  bottom = 6 + _CELL * len(rows)
  parts = []
  for i, row in rows:
    y = 6 + _CELL * (i - 1)
    parts.append(
      label(short(row, left - 12), left - 8, y + _CELL / 2 + _FOOT, "name end")
    )
    for j, column in enumerate(metrics[:i]):
      parts.append(_cell(row, column, taus.get((row, column)), left + _CELL * j, y))
  for j, column in columns:
    x, y = left + _CELL * j + _CELL / 2 + _FOOT, bottom + 8
    parts.append(
      tag(
        "text",
        short(column, left - 12),
        x=x,
        y=y,
        transform=f"rotate(-90 {x:.1f} {y:.1f})",
        class_="name end",
      )
    )
  width = left + _CELL * len(columns) + 6
  return svg(
    width,
    bottom + left,
    "Agreement between the metrics",
    f"Kendall's tau-b of every pair of {len(metrics)} rankings; the most different pairs "
    "are named in the text.",
    *parts,
    key="heatmap",
  )


def _cell(row: str, column: str, value: float | None, x: float, y: float) -> Markup:
  about = f"{row} and {column}: {tau(value)}"
  shade = tag("rect", x=x, y=y, width=_CELL - 1, height=_CELL - 1, class_="track")
  if value is not None:
    shade = tag(
      "rect",
      x=x,
      y=y,
      width=_CELL - 1,
      height=_CELL - 1,
      class_="low" if value < 0 else "high",
      fill_opacity=f"{_STRONGEST * abs(value):.2f}",
    )
  text = label(tau(value), x + (_CELL - 1) / 2, y + _CELL / 2 + _FOOT - 1, "cell")
  return tag("g", tag("title", about), shade, text)
