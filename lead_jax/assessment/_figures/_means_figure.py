"""Mean weighted tau of every method with its intervals, chance and the ceiling."""

from typing import Any

from lead_jax.assessment import _verdict as verdict, plotting
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._figures import _kinds as kinds
from lead_jax.assessment._method_summary import RANDOM, Summary
from lead_jax.assessment._numbers import number

# Inches of a method.
_LINE = 0.155


def figure(summary: Summary, collected: Collected) -> Any | None:
  """Draws the figure; None if no method has a mean."""
  rows = kinds.ranked_with_chance(summary)
  if not summary.ranked:
    return None
  picture = plotting.new_figure(1.4 + _LINE * len(rows))
  axes = picture.add_subplot()
  chance = summary.row(RANDOM).measures["tau_w"]
  axes.axvspan(
    chance.low, chance.high, color=plotting.LIGHT, lw=0, label="95 % of chance"
  )
  axes.axvline(0, color="white", lw=0.5)
  tied = {row.method for row in verdict.tied_with_the_best(summary)}
  tied.add(summary.ranked[0].method)
  for y, row in enumerate(rows):
    tau, kind = row.measures["tau_w"], kinds.kind_of(row)
    if row.kind != "chance":
      axes.plot([tau.wide_low, tau.wide_high], [y, y], color=kind.colour, lw=0.6)
      axes.plot([tau.low, tau.high], [y, y], color=kind.colour, lw=2, alpha=0.55)
    full = row.method in tied or row.kind == "chance"
    axes.plot(
      tau.mean,
      y,
      marker=kind.marker,
      ms=4.2,
      mew=1.2 if row.kind == "chance" else 0.9,
      mec=kind.colour,
      mfc=kind.colour if full else "white",
      ls="none",
    )
  if summary.ceiling is not None:
    mean, low, high = summary.ceiling
    axes.axvline(mean, color=plotting.GREEN, lw=1, ls="--", label="ceiling by noise")
    axes.axvspan(low, high, color=plotting.GREEN, alpha=0.09, lw=0)
  for kind in kinds.KINDS:
    if any(kinds.kind_of(row) == kind for row in rows):
      axes.plot([], [], color=kind.colour, marker=kind.marker, ms=4.2, label=kind.label)
  axes.set_yticks(range(len(rows)), [row.method for row in rows])
  for label, row in zip(axes.get_yticklabels(), rows, strict=True):
    label.set_color(kinds.kind_of(row).colour)
  axes.set_ylim(len(rows) - 0.4, -0.6)
  axes.set_xlim(
    min(-0.5, *(row.measures["tau_w"].wide_low for row in summary.ranked)), 1
  )
  axes.set_xlabel("mean weighted Kendall tau over data sets")
  axes.tick_params(axis="y", length=0)
  plotting.legend_below(axes)
  best = summary.ranked[0]
  plotting.title(
    picture,
    f"{best.method} ranks best ({number(best.tau)}), but the data cannot tell"
    f" {len(tied) - 1} of {len(summary.ranked) - 1} other methods from it"
    if len(tied) > 1
    else f"{best.method} ranks best ({number(best.tau)}) and is told from all others",
  )
  picture.caption = (
    "Point: mean over data sets; filled: not told from the first by the paired interval."
    " Thick line: 95 % bootstrap over models; thin: over models and data sets."
  )
  return picture
