"""Weighted tau of every method on every data set."""

from typing import Any

import numpy as np

from lead_jax.assessment import plotting
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._figures import _kinds as kinds
from lead_jax.assessment._method_summary import Summary
from lead_jax.assessment._numbers import number

# With more data sets the cells are too narrow for numbers.
_NUMBERS = 14


def figure(summary: Summary, collected: Collected) -> Any | None:
  """Draws the figure; None if no method has a mean."""
  rows = summary.ranked
  if not rows:
    return None
  datasets = list(collected.table.datasets)
  values = np.array([[*row.by_dataset.values(), row.tau] for row in rows])
  height = 0.8 + 0.155 * len(rows) + 0.05 * max(map(len, datasets))
  picture = plotting.new_figure(height)
  axes = picture.add_subplot()
  shown = axes.imshow(values, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
  axes.axvline(len(datasets) - 0.5, color="white", lw=3)
  turn = {"rotation": 40, "ha": "left"} if len(datasets) > 5 else {}
  axes.set_xticks(range(len(datasets) + 1), [*datasets, "mean"], **turn)
  axes.xaxis.tick_top()
  axes.set_yticks(range(len(rows)), [row.method for row in rows])
  for label, row in zip(axes.get_yticklabels(), rows, strict=True):
    label.set_color(kinds.kind_of(row).colour)
  axes.tick_params(length=0)
  axes.spines[:].set_visible(False)
  if len(datasets) <= _NUMBERS:
    best = np.nanmax(values, axis=0)
    for (y, x), value in np.ndenumerate(values):
      axes.text(
        x,
        y,
        number(float(value), digits=2),
        ha="center",
        va="center",
        fontsize=6.5,
        color="white" if abs(value) > 0.55 else "black",
        fontweight="bold" if value == best[x] else "normal",
      )
  picture.colorbar(shown, ax=axes, shrink=0.5, label="weighted Kendall tau")
  winners = [rows[int(np.argmax(column))].method for column in values[:, :-1].T]
  plotting.title(picture, _title(winners, datasets, rows[0].method))
  picture.caption = "Methods by their mean; bold: the best of a column."
  return picture


def _title(winners: list[str], datasets: list[str], best: str) -> str:
  count = len(set(winners))
  if len(datasets) == 1:
    return f"{winners[0]} ranks best on {datasets[0]}"
  if count == 1:
    return f"{winners[0]} ranks best on all {len(datasets)} data sets"
  own = winners.count(best)
  return (
    f"{count} methods share the first places on {len(datasets)} data sets;"
    f" {best}, best in the mean, is first on {own or 'none'}"
  )
