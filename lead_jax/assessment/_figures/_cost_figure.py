"""What a method costs against how well it ranks, and the methods that nothing dominates."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lead_jax.assessment import plotting
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._figures import _kinds as kinds
from lead_jax.assessment._method_summary import RANDOM, Summary
from lead_jax.assessment._numbers import number, seconds

# How many of the best are named, beside the front, the baseline and the LEAD family.
_NAMED = 6


class MethodPoint(NamedTuple):
  """A method.

  Attributes:
    method: Name.
    kind: `metric`, `static` or `chance`.
    tau: Mean weighted tau.
    seconds: Median of its scores; 0 where nothing was timed.
  """

  method: str
  kind: str
  tau: float
  seconds: float


def pareto_front(points: Sequence[MethodPoint]) -> list[MethodPoint]:
  """Returns the methods that none beats at their cost or less, the cheapest first."""
  front: list[MethodPoint] = []
  for point in sorted(points, key=lambda point: (point.seconds, -point.tau)):
    if not front or point.tau > front[-1].tau:
      front.append(point)
  return front


def points_of(summary: Summary) -> list[MethodPoint]:
  """Returns the methods that have a mean, the best first."""
  return [
    MethodPoint(row.method, row.kind, row.tau, row.cost.median if row.cost else 0.0)
    for row in summary.ranked
  ]


def figure(summary: Summary, collected: Collected) -> Any | None:
  """Draws the figure; None if no metric was timed."""
  chance = summary.row(RANDOM).measures["tau_w"]
  return draw_cost(
    points_of(summary), chance=(chance.low, chance.high), baseline=summary.baseline
  )


def draw_cost(
  points: Sequence[MethodPoint], *, chance: tuple[float, float], baseline: str
) -> Any | None:
  """Draws methods; None if none was timed.

  Args:
    points: The best first.
    chance: Central 95 % of random rankings.
    baseline: A method that is named in any case.
  """
  rows = [point for point in points if point.seconds > 0]
  if not rows:
    return None
  picture = plotting.new_figure(4.3)
  axes = picture.add_subplot()
  axes.set_xscale("log")
  front = pareto_front(rows)
  axes.axhspan(*chance, color=plotting.LIGHT, lw=0, label="95 % of chance")
  for kind in (kinds.METRIC, kinds.LEAD):
    of_kind = [row for row in rows if kinds.kind_of(row) == kind]
    axes.plot(
      [row.seconds for row in of_kind],
      [row.tau for row in of_kind],
      ls="none",
      marker=kind.marker,
      color=kind.colour,
      ms=4,
      label=kind.label,
    )
  static = [point for point in points if point.kind == "static"]
  if static:
    axes.axhline(
      static[0].tau,
      color=plotting.BLACK,
      lw=0.8,
      ls=":",
      label=f"{static[0].method}, free",
    )
  spent = [row.seconds for row in rows]
  axes.set_xlim(min(spent) / 2, max(spent) * 3)
  lowest = min(row.tau for row in rows)
  axes.set_ylim(min(lowest - 0.08, 0.0), 1.0)
  axes.step(
    [*(row.seconds for row in front), axes.get_xlim()[1]],
    [*(row.tau for row in front), front[-1].tau],
    where="post",
    color=plotting.GREEN,
    lw=1,
    zorder=1,
    label="Pareto front",
  )
  axes.set_xlabel(
    "median seconds of scoring for one model on one data set, features given"
  )
  axes.set_ylabel("mean weighted Kendall tau")
  axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
  plotting.legend_below(axes)
  best, cheap = front[-1], front[0]
  last = f"{best.method} ({number(best.tau)}) takes {seconds(best.seconds)} s per model"
  cheaper = len(front) - 1
  are = "method is" if cheaper == 1 else "methods are"
  plotting.title(
    picture,
    last
    if best is cheap
    else f"{last}; {cheaper} cheaper {are} on the Pareto front, down to"
    f" {cheap.method} ({number(cheap.tau).replace('-', '−')})",
  )
  picture.caption = (
    "Seconds include compilation and were measured when a score was computed, on whatever"
    " machine that was; what methods share counts for the first of them. Extraction of the"
    " features comes once, for all methods."
  )
  named = dict.fromkeys(
    row.method
    for row in [*front, *rows[:_NAMED], *rows]
    if row in front
    or row in rows[:_NAMED]
    or row.method == baseline
    or kinds.kind_of(row) == kinds.LEAD
  )
  # Last: it looks at what is there.
  order = sorted(rows, key=lambda row: row.method not in named)
  plotting.name_points(
    axes,
    [(row.seconds, row.tau) for row in order],
    [row.method for row in order if row.method in named],
  )
  return picture
