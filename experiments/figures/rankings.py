"""How well a zoo is ranked by several choices, with intervals: rows that figures share."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.figures.material import Material
from lead_jax import evaluation
from lead_jax.assessment import plotting
from lead_jax.evaluation import ScoreTable

# Of the bootstrap over networks.
SAMPLES = 1000
MEAN = "mean"


def ranking_rows(
  tables: Sequence[ScoreTable],
  about: Mapping[str, Mapping[str, Any]],
  *,
  reference: str,
  seed: int,
) -> list[dict[str, Any]]:
  """Measures every method of tables of scores, on each data set and on average.

  Args:
    tables: One a draw of what is random, of the same methods, data sets and networks.
    about: By method, further columns of its rows.
    reference: The method that gains are to.
    seed: Of the bootstrap.

  Returns:
    By data set (and `mean`, where there are several) and method: `tau` (weighted Kendall,
    mean over the draws), `low` and `high` (95 % over networks), `gain` and its paired
    `gain_low`, `gain_high`, and `draw_low`, `draw_high`, the least and largest tau of a
    draw. NaN where a method ranks nothing, because all its scores are equal.
  """
  first = tables[0]
  groups = [(name, [d]) for d, name in enumerate(first.datasets)]
  if len(groups) > 1:
    groups.append((MEAN, list(range(len(groups)))))
  rows = []
  for (name, _), method in itertools.product(groups, first.methods):
    rows.append({"dataset": name, "method": method, **about.get(method, {})})
  values = iter(rows)
  base = first.methods.index(reference)
  for _, columns in groups:
    parts = [
      ScoreTable(
        t.methods,
        [t.datasets[d] for d in columns],
        t.models,
        t.scores[:, columns],
        t.truth[columns],
      )
      for t in tables
    ]
    taus = np.stack([evaluation.measure_table(part).means for part in parts])
    # The same networks are drawn for all draws and methods.
    drawn = np.mean(
      [
        evaluation.bootstrap_means(
          part, samples=SAMPLES, rng=np.random.default_rng(seed)
        )
        for part in parts
      ],
      axis=0,
    )
    tau = taus.mean(axis=0)
    interval = evaluation.percentile_intervals(drawn)
    between = evaluation.percentile_intervals(drawn - drawn[base])
    for r in range(len(first.methods)):
      next(values).update(
        tau=tau[r],
        low=interval[r, 0],
        high=interval[r, 1],
        gain=tau[r] - tau[base],
        gain_low=between[r, 0],
        gain_high=between[r, 1],
        draw_low=taus[:, r].min(),
        draw_high=taus[:, r].max(),
      )
  return rows


def datasets_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
  """Returns the names of data sets, `mean` last, as they first come in rows."""
  return list(dict.fromkeys(str(row["dataset"]) for row in rows))


def measured(
  material: Material,
  wanted: Mapping[str, tuple[str, Mapping[str, Any]]],
  about: Mapping[str, Mapping[str, Any]],
  *,
  reference: str,
) -> list[dict[str, Any]]:
  """Scores the zoo by choices of metrics and measures how they rank it.

  Args:
    material: Of the figure.
    wanted: By method, a metric with options.
    about: As `ranking_rows`.
    reference: As `ranking_rows`.
  """
  table = material.table(wanted)
  return ranking_rows([table], about, reference=reference, seed=material.seed)


def colour_of(index: int, name: str) -> str:
  """Returns a data set's colour; the mean is black."""
  return plotting.BLACK if name == MEAN else plotting.COLOURS[index % 6]


def draw_line(
  axes: Any,
  rows: Sequence[Mapping[str, Any]],
  index: int,
  name: str,
  *,
  y: str,
  band: bool = True,
) -> None:
  """Draws one data set's values of `tau` or `gain`, with their interval as a band.

  Args:
    axes: To draw on.
    rows: With a column `value`, the x axis.
    index: Of the data set, for its colour and marker; the mean is black.
    name: Of the data set, for the legend.
    y: `tau` or `gain`.
    band: Whether the interval is drawn; several hide each other.
  """
  low, high = ("low", "high") if y == "tau" else ("gain_low", "gain_high")
  mean = name == MEAN
  colour = colour_of(index, name)
  column = lambda key: [row[key] for row in rows]
  axes.plot(
    column("value"),
    column(y),
    color=colour,
    marker=plotting.MARKERS[index % 6],
    ms=3.5,
    lw=1.8 if mean else 1,
    label=name,
  )
  if band:
    axes.fill_between(
      column("value"), column(low), column(high), color=colour, alpha=0.12, lw=0
    )


def on(dataset: str) -> str:
  """Returns where a number holds, for a sentence."""
  return "in the mean over data sets" if dataset == MEAN else f"on {dataset}"
