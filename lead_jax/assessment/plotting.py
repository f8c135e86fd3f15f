"""What all figures share: colours that everybody can tell apart, sizes, captions, files.

Colours are those of Okabe and Ito, "Color Universal Design", 2008; what a colour says is
said by a marker or a word too. Six inches wide, so that a page shows them at their size.
"""

import contextlib
import io
import math
import pathlib
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from lead_jax.checks import InputError, need
from lead_jax.system import write_bytes

WIDTH = 6.0
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW, BLACK = "#56B4E9", "#CC79A7", "#F0E442", "#000000"
GREY, LIGHT = "#666666", "#DDDDDD"
# For data sets, in this order.
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINE = 0.105  # inches of a caption's line
_LEGEND_LINE = 0.18
_LETTERS = 124  # of a caption's line
_OUTSIDE = re.compile(r"(?<==)(?:~|\.\.|/)[^\s,]*?([^/\s,]+)/?(?=[\s,]|$)")
_CACHE = re.compile(r" --cache_dir=\S+")


class NoMatplotlibError(InputError):
  """Figures cannot be drawn: matplotlib is not installed."""


@contextlib.contextmanager
def styled() -> Iterator[None]:
  """Draws in one style inside.

  Raises:
    NoMatplotlibError: If there is nothing to draw with.
  """
  try:
    matplotlib = need("matplotlib", extra="figures", purpose="drawing figures")
  except InputError as error:
    raise NoMatplotlibError(str(error)) from error
  style: dict[Any, Any] = {
    "font.size": 7.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "svg.hashsalt": "lead_jax",  # the same figure is the same file
  }
  with matplotlib.rc_context(style):
    yield


def new_figure(height: float) -> Any:
  """Returns an empty figure of the common width; it belongs to no window."""
  from matplotlib.backends.backend_agg import FigureCanvasAgg
  from matplotlib.figure import Figure

  picture = Figure(figsize=(WIDTH, height), layout="constrained")
  FigureCanvasAgg(picture)
  return picture


def title(picture: Any, text: str) -> None:
  """Writes over the whole figure what is seen in it."""
  wrapped = "\n".join(textwrap.wrap(text, 76))
  picture.suptitle(wrapped, x=0.01, ha="left", fontsize=9, fontweight="bold")


def legend_below(axes: Any) -> None:
  """Puts the legend below the label of the x axis, however high the axes are."""
  from matplotlib.transforms import ScaledTranslation

  below = axes.transAxes + ScaledTranslation(0, -0.38, axes.figure.dpi_scale_trans)
  axes.legend(
    loc="upper center", bbox_to_anchor=(0.4, 0.0), bbox_transform=below, ncols=3
  )


def legend_under(picture: Any, axes: Any, *, columns: int) -> None:
  """Puts the legend of axes between all panels and the caption, when it is saved.

  Args:
    picture: The figure; its panels keep their sizes.
    axes: Whose labelled artists it names.
    columns: Entries of a line.
  """
  picture.entries = (*axes.get_legend_handles_labels(), columns)


def signed(value: float, digits: int, *, plus: bool = False) -> str:
  """Returns a number for people, with a minus sign that is one, perhaps with a plus."""
  text = f"{value:+.{digits}f}" if plus else f"{value:.{digits}f}"
  return text.replace("-", "\u2212")


def reader_command(text: str) -> str:
  """Returns a command as a reader can type it, without the folders of one machine.

  Of a flag's value that leads out of the current folder (`/`, `..`, `~`) the last part is
  kept; where features are cached changes no picture and is left out.
  """
  return _OUTSIDE.sub(r"\1", _CACHE.sub("", text))


def save(
  picture: Any, path: pathlib.Path, origin: str, *, svg: bool = True
) -> list[pathlib.Path]:
  """Writes a figure with its caption as PNG, and as SVG.

  Args:
    picture: Its attribute `caption`, where it has one, is what to know of it.
    path: Without the ending.
    origin: Where it is from, for the caption.
    svg: Whether the SVG is wanted.

  Returns:
    What was written.

  Raises:
    InputError: If it cannot be written.
  """
  caption = [getattr(picture, "caption", ""), reader_command(origin)]
  text = [
    line
    for part in caption
    for line in textwrap.wrap(part, _LETTERS, break_on_hyphens=False)
  ]
  # Room below for the caption, so that the picture itself keeps its size.
  extra = _LINE * len(text) + 0.08
  handles, labels, columns = getattr(picture, "entries", ([], [], 1))
  legend = _LEGEND_LINE * math.ceil(len(handles) / columns)
  height = picture.get_figheight() + extra + legend
  picture.set_figheight(height)
  share = (extra + legend) / height
  picture.get_layout_engine().set(rect=(0, share, 1, 1 - share))
  if handles:
    picture.legend(
      handles,
      labels,
      ncols=columns,
      loc="lower center",
      bbox_to_anchor=(0.5, extra / height),
      borderaxespad=0,
    )
  picture.text(
    0.01, 0.04 / height, "\n".join(text), fontsize=6, color=GREY, va="bottom"
  )
  found = []
  formats: dict[str, dict[str, Any]] = {"png": {"dpi": 200}}
  if svg:
    formats["svg"] = {"metadata": {"Date": None}}
  for ending, options in formats.items():
    buffer = io.BytesIO()
    picture.savefig(buffer, format=ending, **options)
    found.append(path.with_name(f"{path.name}.{ending}"))
    write_bytes(found[-1], buffer.getvalue())
  return found


def name_points(
  axes: Any, points: Sequence[tuple[float, float]], names: Sequence[str]
) -> None:
  """Writes names beside points where they hide neither each other nor a point.

  Each is tried on eight sides, nearer first; what fits nowhere takes the first side.

  Args:
    axes: Whose limits are set already.
    points: In data coordinates; those named come first.
    names: Of the first points.
  """
  from matplotlib.text import Text
  from matplotlib.transforms import Bbox

  picture = axes.figure
  picture.draw_without_rendering()
  renderer = picture.canvas.get_renderer()
  inside = axes.get_window_extent(renderer)
  scale = picture.dpi / 72
  taken = [
    Bbox.from_bounds(x - 2 * scale, y - 2 * scale, 4 * scale, 4 * scale)
    for x, y in axes.transData.transform(points)
  ]
  sides = [
    (distance * dx, distance * dy, ha, va)
    for distance in (5, 11, 18)
    for dx, dy, ha, va in (
      (1, 0, "left", "center"),
      (-1, 0, "right", "center"),
      (0.5, 1, "left", "bottom"),
      (0.5, -1, "left", "top"),
      (-0.5, 1, "right", "bottom"),
      (-0.5, -1, "right", "top"),
      (0, 1, "center", "bottom"),
      (0, -1, "center", "top"),
    )
  ]
  for point, name in zip(points, names, strict=False):
    for side in sides:
      text = _beside(axes, name, point, side)
      # Of the name alone, without its line; without the first call, at the point itself.
      text.update_positions(renderer)
      box = Text.get_window_extent(text, renderer).padded(0.5 * scale)
      within = inside.x0 <= box.x0 and box.x1 <= inside.x1
      within &= inside.y0 <= box.y0 and box.y1 <= inside.y1
      if within and not any(box.overlaps(other) for other in taken):
        taken.append(box)
        break
      text.remove()
    else:
      _beside(axes, name, point, sides[0])


def _beside(
  axes: Any, name: str, point: tuple[float, float], side: tuple[float, float, str, str]
) -> Any:
  from matplotlib import patheffects

  dx, dy, ha, va = side
  line = {"arrowstyle": "-", "lw": 0.4, "color": GREY, "shrinkA": 0, "shrinkB": 2}
  return axes.annotate(
    name,
    point,
    (dx, dy),
    textcoords="offset points",
    ha=ha,
    va=va,
    fontsize=6.5,
    arrowprops=line if max(abs(dx), abs(dy)) > 6 else None,
    path_effects=[patheffects.withStroke(linewidth=1.5, foreground="white")],
  )
