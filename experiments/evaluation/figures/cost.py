"""What a method costs against how well it ranks, and the methods that nothing dominates."""

from collections.abc import Sequence
from typing import Any

from experiments import plotting
from experiments.evaluation.collect import Collected
from experiments.evaluation.figures import kinds
from experiments.evaluation.numbers import number, seconds
from experiments.evaluation.summary import RANDOM, Row, Summary

# How many of the best are named, beside the front, the baseline and the LEAD family.
_NAMED = 6


def pareto_front(rows: Sequence[Row]) -> list[Row]:
  """Returns the methods that none beats at their cost or less, the cheapest first."""
  front: list[Row] = []
  for row in sorted(rows, key=lambda row: (_spent(row), -row.tau)):
    if not front or row.tau > front[-1].tau:
      front.append(row)
  return front


def _spent(row: Row) -> float:
  return row.cost.median if row.cost is not None else 0.0


def figure(summary: Summary, collected: Collected) -> Any | None:
  """Draws the figure; None if no metric was timed."""
  rows = [row for row in summary.ranked if row.cost is not None and _spent(row) > 0]
  if not rows:
    return None
  picture = plotting.new_figure(4.3)
  axes = picture.add_subplot()
  axes.set_xscale("log")
  front = pareto_front(rows)
  chance = summary.row(RANDOM).measures["tau_w"]
  axes.axhspan(
    chance.low, chance.high, color=plotting.LIGHT, lw=0, label="95 % of chance"
  )
  for kind in (kinds.METRIC, kinds.LEAD):
    points = [row for row in rows if kinds.kind_of(row) == kind]
    axes.plot(
      [_spent(row) for row in points],
      [row.tau for row in points],
      ls="none",
      marker=kind.marker,
      color=kind.colour,
      ms=4,
      label=kind.label,
    )
  static = [row for row in summary.ranked if row.kind == "static"]
  if static:
    axes.axhline(
      static[0].tau,
      color=plotting.BLACK,
      lw=0.8,
      ls=":",
      label=f"{static[0].method}, free",
    )
  spent = [_spent(row) for row in rows]
  axes.set_xlim(min(spent) / 2, max(spent) * 3)
  lowest = min(row.tau for row in rows)
  axes.set_ylim(min(lowest - 0.08, 0.0), 1.0)
  axes.step(
    [*(_spent(row) for row in front), axes.get_xlim()[1]],
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
  last = f"{best.method} ({number(best.tau)}) takes {seconds(_spent(best))} s a model"
  cheaper = len(front) - 1
  are = "method is" if cheaper == 1 else "methods are"
  plotting.title(
    picture,
    last
    if best is cheap
    else f"{last}; {cheaper} cheaper {are} on the Pareto front, down to"
    f" {cheap.method} ({number(cheap.tau)})",
  )
  picture.caption = (
    "Seconds include compilation and were measured when a score was computed, on whatever"
    " machine that was. Extraction of the features comes once, for all methods."
  )
  named = dict.fromkeys(
    row.method
    for row in [*front, *rows[:_NAMED], *rows]
    if row in front
    or row in rows[:_NAMED]
    or row.method == summary.baseline
    or kinds.kind_of(row) == kinds.LEAD
  )
  # Last: it looks at what is there.
  order = sorted(rows, key=lambda row: row.method not in named)
  plotting.name_points(
    axes,
    [(_spent(row), row.tau) for row in order],
    [row.method for row in order if row.method in named],
  )
  return picture
