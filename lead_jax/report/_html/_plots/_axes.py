"""Scales, ticks and the frame that plots share. All lengths are in CSS pixels."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lead_jax.report._html._markup import Markup, join, tag

# Advance of a character: of a monospaced font, and at most of a digit of others, at the
# sizes of style.css.
NAME_WIDTH = 7.0
DIGIT_WIDTH = 7.3
TEXT_HEIGHT = 14.0
# How far a tick's label may stand out of its axis: no plot has less margin.
_OUT = 10.0
# What an x axis leaves beside it at least, and between it and the labels of y.
_LEFT, _BESIDE = 48.0, 6.0
# Between the labels of two ticks.
_APART = 9.0


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
    apart = all(b[0] - a[1] >= _APART for a, b in itertools.pairwise(ends))
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


def left_of(y: Scale) -> float:
  """Returns where an x axis begins, so that the labels of y have room beside it."""
  # A minus is as wide as two digits at most.
  widest = max((len(tick_label(v)) + (v < 0) for v in _y_ticks(y)), default=0)
  return max(_LEFT, _BESIDE + widest * DIGIT_WIDTH)


def _y_ticks(y: Scale) -> list[float]:
  return ticks(y, 6, lambda _: 24.0)


def frame(
  x: Scale,
  y: Scale,
  x_name: str,
  y_name: str,
  x_text: Callable[[float], str] = tick_label,
) -> Markup:
  """Grid, axes and their names, of a plot whose y grows upwards."""
  parts = []
  for value in _y_ticks(y):
    at = y(value)
    parts.append(line(x.start, at, x.end, at, "grid"))
    parts.append(label(tick_label(value), x.start - _BESIDE, at + 4, "quiet end"))
  for value in ticks(x, 7, lambda value: len(x_text(value)) * DIGIT_WIDTH):
    at = x(value)
    parts.append(line(at, y.start, at, y.start + 4, "axis"))
    parts.append(label(x_text(value), at, y.start + 17, "quiet middle"))
  parts.append(line(x.start, y.start, x.end, y.start, "axis"))
  parts.append(label(x_name, (x.start + x.end) / 2, y.start + 36, "quiet middle"))
  parts.append(label(y_name, 4, y.end - 18, "quiet"))
  return join(*parts)
