"""Dots with their texts, none of which lies on another."""

from collections.abc import Sequence
from typing import NamedTuple

from lead_jax.report._html._markup import Markup, join, tag
from lead_jax.report._html._plots._axes import DIGIT_WIDTH, TEXT_HEIGHT, label


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
