"""Scales, ticks and the frame that plots share. All lengths are in CSS pixels."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lead_jax.report.html.markup import Markup, join, tag

# Advance of a character: of a monospaced font, and at most of a digit of others, at the
# sizes of style.css.
NAME_WIDTH = 7.0
DIGIT_WIDTH = 7.3
TEXT_HEIGHT = 14.0
# How far a tick's label may stand out of its axis: no plot has less margin.
_OUT = 10.0


class Scale(NamedTuple):
  """From values to pixels.

  Attributes:
    low: The least value.
    high: The largest; above `low`.
    start: Where `low` lies.
    end: Where `high` lies.
    log: Whether equal ratios are equally far.
  """

  low: float
  high: float
  start: float
  end: float
  log: bool = False

  def __call__(self, value: float) -> float:
    at = math.log if self.log else float
    share = (at(value) - at(self.low)) / (at(self.high) - at(self.low))
    return self.start + share * (self.end - self.start)


def scale_of(
  values: Sequence[float],
  start: float,
  end: float,
  *,
  log: bool = False,
  beyond: bool = False,
) -> Scale:
  """Returns a scale with a little room around the values.

  Args:
    values: Above 0 where `log`.
    start: Where the scale begins.
    end: Where it ends.
    log: Whether it is logarithmic.
    beyond: Whether marks for what lies below need room at its beginning.
  """
  low, high = min(values), max(values)
  if log:
    room = (high / low) ** 0.06 if high > low else 1.5
    return Scale(low / room, high * room, start, end, log=True)
  room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
  return Scale(low - room * (2.4 if beyond else 1), high + room, start, end)


def floor_of(scores: Sequence[float]) -> float:
  """Returns where a plot ends below: what is far worse would squeeze the rest."""
  ordered = sorted(scores)
  quarter = len(ordered) // 4
  low, high = ordered[quarter], ordered[-1 - quarter]
  return max(ordered[0], low - 1.5 * (high - low)) if high > low else ordered[0]


def ticks(scale: Scale, most: int, extent: Callable[[float], float]) -> list[float]:
  """Returns round values on a scale: as many as have room, at most so many.

  No label stands out of the scale's ends by more than a margin's width.

  Args:
    scale: Of the axis.
    most: How many at most.
    extent: Pixels along the axis that a value's label takes up.
  """
  chosen: list[float] = []
  first, last = sorted((scale.start, scale.end))
  for every in _log_ticks(scale) if scale.log else _linear_ticks(scale):
    found = [
      value
      for value in every
      if first - _OUT <= scale(value) - extent(value) / 2
      and scale(value) + extent(value) / 2 <= last + _OUT
    ]
    ends = sorted((scale(v) - extent(v) / 2, scale(v) + extent(v) / 2) for v in found)
    apart = all(b[0] - a[1] >= 6 for a, b in itertools.pairwise(ends))
    if len(found) > most or not apart:
      break
    chosen = found
  return chosen


def _linear_ticks(scale: Scale) -> Iterator[list[float]]:
  """Multiples of ever smaller steps."""
  power = 10.0 ** math.ceil(math.log10(scale.high - scale.low))
  for _ in range(3):
    for step in (power, power / 2, power / 5):
      start = math.ceil(scale.low / step - 1e-9)
      end = math.floor(scale.high / step + 1e-9)
      yield [step * i for i in range(start, end + 1)]
    power /= 10


def _log_ticks(scale: Scale) -> Iterator[list[float]]:
  """Powers of ten, ever more with their multiples."""
  first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
  for every in (4, 3, 2):
    yield _within(scale, [10.0**p for p in range(first, last + 1) if p % every == 0])
  for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
    found = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    yield _within(scale, found)


def _within(scale: Scale, values: list[float]) -> list[float]:
  return [value for value in values if scale.low <= value <= scale.high]


def tick_label(value: float) -> str:
  """`0.25`, `−1.5`, `20`."""
  text = f"{value:.6g}"
  return f"−{text[1:]}" if text.startswith("-") else text


def short(text: str, room: float) -> str:
  """Returns a name that fits so many pixels: what is too long loses its middle."""
  most = max(4, int(room / NAME_WIDTH))
  if len(text) <= most:
    return text
  head = (most - 1 + 1) // 2
  return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def label(text: object, x: float, y: float, class_: str = "") -> Markup:
  """A text with its baseline at y."""
  return tag("text", text, x=x, y=y, class_=class_ or None)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
  """A straight line."""
  return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def svg(
  width: float, height: float, title: str, about: str, *content: Markup, key: str
) -> Markup:
  """A drawing that a screen reader announces by its title and description."""
  return tag(
    "svg",
    tag("title", title, id=f"{key}-title"),
    tag("desc", about, id=f"{key}-about"),
    *content,
    viewBox=f"0 0 {width:.0f} {height:.0f}",
    width=f"{width:.0f}",
    height=f"{height:.0f}",
    role="img",
    aria_labelledby=f"{key}-title {key}-about",
  )


def frame(
  x: Scale,
  y: Scale,
  x_name: str,
  y_name: str,
  x_text: Callable[[float], str] = tick_label,
) -> Markup:
  """Grid, axes and their names, of a plot whose y grows upwards."""
  parts = []
  for value in ticks(y, 6, lambda _: 24.0):
    at = y(value)
    parts.append(line(x.start, at, x.end, at, "grid"))
    parts.append(label(tick_label(value), x.start - 6, at + 4, "quiet end"))
  for value in ticks(x, 7, lambda value: len(x_text(value)) * DIGIT_WIDTH):
    at = x(value)
    parts.append(line(at, y.start, at, y.start + 4, "axis"))
    parts.append(label(x_text(value), at, y.start + 17, "quiet middle"))
  parts.append(line(x.start, y.start, x.end, y.start, "axis"))
  parts.append(label(x_name, (x.start + x.end) / 2, y.start + 36, "quiet middle"))
  parts.append(label(y_name, 4, y.end - 18, "quiet"))
  return join(*parts)


class Box(NamedTuple):
  """A rectangle that a text or a dot takes up."""

  left: float
  top: float
  right: float
  bottom: float

  def meets(self, other: "Box") -> bool:
    """Whether two rectangles share a point."""
    return (
      self.left < other.right
      and other.left < self.right
      and self.top < other.bottom
      and other.top < self.bottom
    )


class Dot(NamedTuple):
  """A point of a scatter plot.

  Attributes:
    x: Where it is, in pixels.
    y: As `x`, downwards.
    text: Beside it, where there is room.
    about: What it is; shown where it is pointed at.
    main: Whether it stands out.
    beyond: `left` or `below` where it lies off the plot and is drawn at its edge.
  """

  x: float
  y: float
  text: str
  about: str
  main: bool
  beyond: str = ""


RADIUS = 4.5


def scatter(dots: Sequence[Dot], inside: Box, lines: Sequence[Box] = ()) -> Markup:
  """Draws dots and their texts, none of which lies on another.

  Args:
    dots: The first are labelled first; a text without room is left out.
    inside: What must not be left.
    lines: Where no text should stand.
  """
  dots = _side_by_side(dots)
  taken = [_around(dot) for dot in dots]
  drawn = [_mark(dot) for dot in reversed(dots)]
  for dot in dots:
    box = _room(dot, [*taken, *lines], inside) or _room(dot, taken, inside)
    if box is not None:
      taken.append(box)
      drawn.append(label(dot.text, box.left + 1, box.bottom - 3.5))
  return join(*drawn)


def _around(dot: Dot) -> Box:
  return Box(dot.x - RADIUS, dot.y - RADIUS, dot.x + RADIUS, dot.y + RADIUS)


def _side_by_side(dots: Sequence[Dot]) -> list[Dot]:
  """Moves marks at the edge along it, where they would lie on each other."""
  placed: list[Dot] = []
  for dot in dots:
    while dot.beyond and any(
      other.beyond and _around(dot).meets(_around(other)) for other in placed
    ):
      dot = dot._replace(x=dot.x + 2 * RADIUS + 1)
    placed.append(dot)
  return placed


def _mark(dot: Dot) -> Markup:
  about = tag("title", dot.about)
  class_ = "dot" if dot.main else "dot others"
  if dot.beyond:
    return triangle(dot.x, dot.y, dot.beyond, about, class_)
  return tag("circle", about, cx=dot.x, cy=dot.y, r=RADIUS, class_=class_)


_CORNERS = {
  "left": ((1, -1), (1, 1), (-1, 0)),
  "below": ((-1, -1), (1, -1), (0, 1)),
}


def triangle(x: float, y: float, to: str, about: Markup, class_: str) -> Markup:
  """What stands at a plot's edge for a dot beyond it, and points there."""
  points = " ".join(
    f"{x + a * RADIUS:.1f},{y + b * RADIUS:.1f}" for a, b in _CORNERS[to]
  )
  return tag("polygon", about, points=points, class_=class_)


def _room(dot: Dot, taken: Sequence[Box], inside: Box) -> Box | None:
  """Where a dot's text has room: right, left, above or below of it."""
  width, high, gap = len(dot.text) * DIGIT_WIDTH + 2, TEXT_HEIGHT, RADIUS + 1
  middle, near = dot.y - high / 2, 0.7 * gap
  for left, top in (
    (dot.x + gap, middle),
    (dot.x - gap - width, middle),
    (dot.x - width / 2, dot.y - gap - high),
    (dot.x - width / 2, dot.y + gap),
    (dot.x + near, dot.y - near - high),
    (dot.x - near - width, dot.y - near - high),
    (dot.x + near, dot.y + near),
    (dot.x - near - width, dot.y + near),
  ):
    box = Box(left, top, left + width, top + high)
    within = box.left >= inside.left and box.right <= inside.right
    within = within and box.top >= inside.top and box.bottom <= inside.bottom
    if within and not any(box.meets(other) for other in taken):
      return box
  return None
