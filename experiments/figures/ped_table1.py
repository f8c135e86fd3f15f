"""PED's supplement, Table 1: the elastic coefficient k, over three base methods.

The paper takes, for each method and data set, the best k of a grid in hindsight. Here every
k is shown, beside the base method alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.figures import rankings
from experiments.figures.material import Material
from lead_jax.assessment import number, plotting

BASES = ("logme", "sfda", "gbc")
GRID = (0.6, 0.8, 1.0, 1.2, 1.5, 2.0)
_ALONE = "alone"


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau by data set, base method and k; gains are to the base alone."""
  rows = []
  for base in BASES:
    alone = f"{base} {_ALONE}"
    wanted: dict[str, tuple[str, Mapping[str, Any]]] = {alone: (base, {})}
    about: dict[str, dict[str, Any]] = {alone: {"base": base}}
    for k in GRID:
      method = f"ped_{base} k={k:g}"
      wanted[method] = (f"ped_{base}", {"k": k})
      about[method] = {"base": base, "k": k}
    rows += rankings.measured(material, wanted, about, reference=alone)
  return rows


def grid_of(rows: list[dict[str, Any]], dataset: str, column: str) -> np.ndarray:
  """Returns [bases, 1 + grid] of one column of the rows; the base alone comes first."""
  values = {
    (row["base"], row["k"]): row[column]
    for row in rows
    if row["dataset"] == dataset and row["k"] == row["k"]
  }
  alone = {
    row["base"]: row[column]
    for row in rows
    if row["dataset"] == dataset and row["k"] != row["k"]
  }
  return np.array([[alone[b], *(values[b, k] for k in GRID)] for b in BASES])


def markdown(rows: list[dict[str, Any]], dataset: str) -> str:
  """Returns the table of a data set (or `mean`) as docs/figures.md has it."""
  tau = grid_of(rows, dataset, "tau")
  head = ["base method", _ALONE, *(f"k = {k:g}" for k in GRID)]
  lines = [head, ["---"] * len(head)]
  lines += [
    [base, *(number(float(value)) for value in values)]
    for base, values in zip(BASES, tau, strict=True)
  ]
  return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws a table of each data set, coloured by tau."""
  names = rankings.datasets_of(rows)
  columns = min(2, len(names))
  lines = -(-len(names) // columns)
  picture = plotting.new_figure(0.75 + 1.15 * lines)
  panels = picture.subplots(lines, columns, squeeze=False)
  low = min(row["tau"] for row in rows)
  high = max(row["tau"] for row in rows)
  for axes in panels.flat[len(names) :]:
    axes.set_axis_off()
  for axes, name in zip(panels.flat, names, strict=False):
    tau = grid_of(rows, name, "tau")
    shown = axes.imshow(tau, cmap="viridis", vmin=low, vmax=high, aspect="auto")
    axes.set_title("mean over data sets" if name == rankings.MEAN else name)
    axes.set_xticks(range(1 + len(GRID)), [_ALONE, *(f"{k:g}" for k in GRID)])
    axes.set_yticks(range(len(BASES)), BASES)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.axvline(0.5, color="white", lw=3)
    for (y, x), value in np.ndenumerate(tau):
      axes.text(
        x,
        y,
        number(float(value), "", 2),
        ha="center",
        va="center",
        fontsize=6.5,
        color="white" if value < low + 0.6 * (high - low) else "black",
        fontweight="bold" if value == np.nanmax(tau[y, 1:]) and x else "normal",
      )
  for axes in panels[-1]:
    axes.set_xlabel("elastic coefficient k")
  picture.colorbar(shown, ax=panels, shrink=0.8, pad=0.02, label="weighted Kendall tau")
  plotting.title(picture, _title(rows, names[-1]))
  picture.caption = (
    f"{_ALONE}: the base method without PED. Bold: the best k of a line, in hindsight, as"
    " the paper's Table 1 takes it for each method and data set. Intervals of the values,"
    " and of the gains over the base alone (paired bootstrap over networks), are in the"
    " CSV."
  )
  return picture


def _title(rows: list[dict[str, Any]], name: str) -> str:
  tau = grid_of(rows, name, "tau")
  best = np.nanmax(tau[:, 1:], axis=1) - tau[:, 1 + GRID.index(1.0)]
  gains = [row for row in rows if row["dataset"] == name and row["k"] == row["k"]]
  sure = sum(row["gain_low"] > 0 for row in gains)
  return (
    f"The best k, in hindsight, gains {number(best.min(), '', 2)} to"
    f" {number(best.max(), '', 2)} in tau over k = 1;"
    f" {sure or 'none'} of {len(gains)} gains over the base method has an interval above 0"
  )
