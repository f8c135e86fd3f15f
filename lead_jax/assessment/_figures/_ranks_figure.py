"""True accuracies against predicted places: what a tau looks like."""

from typing import Any

import numpy as np

from lead_jax.assessment import plotting
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._method_summary import Row, Summary
from lead_jax.assessment._numbers import number

# Names of data sets that fit into a panel.
_INSIDE = 4


def shown_rows(summary: Summary) -> list[Row]:
  """Returns the best metric, LEAD and the baseline, each once."""
  metrics = [row for row in summary.ranked if row.kind == "metric"]
  names = [row.method for row in metrics[:1]]
  names += ["lead"] if any(row.method == "lead" for row in metrics) else []
  names.append(summary.baseline)
  found = [summary.row(name) for name in dict.fromkeys(names)]
  # Where two of them are one, the next best stands beside.
  found += [row for row in metrics if row not in found][: 3 - len(found)]
  return [row for row in found if row.place is not None]


def figure(summary: Summary, collected: Collected) -> Any | None:
  """Draws the figure; None if no metric has a mean."""
  rows = shown_rows(summary)
  if not rows:
    return None
  table = collected.table
  datasets = list(table.datasets)[: len(plotting.COLOURS)]
  picture = plotting.new_figure(2.8)
  panels = picture.subplots(1, len(rows), sharey=True, squeeze=False)[0]
  for axes, row in zip(panels, rows, strict=True):
    r = list(table.methods).index(row.method)
    for d, dataset in enumerate(datasets):
      places, truth = predicted_places(table.scores[r, d], table.truth[d])
      axes.plot(
        places,
        truth,
        ls="none",
        marker=plotting.MARKERS[d],
        color=plotting.COLOURS[d],
        ms=3.5,
        mew=0,
        alpha=0.85,
        label=dataset,
      )
      # What a perfect ranking would have.
      axes.plot(
        np.arange(1, len(truth) + 1),
        np.sort(truth)[::-1],
        color=plotting.COLOURS[d],
        lw=0.7,
        alpha=0.7,
      )
    axes.set_title(f"{row.method}: {number(row.tau)}")
    axes.set_xlabel("predicted place (1 is best)")
    axes.xaxis.get_major_locator().set_params(integer=True)
  panels[0].set_ylabel("true accuracy after fine-tuning")
  if len(datasets) <= _INSIDE:
    # Where a good ranking has no points.
    panels[0].legend(loc="lower left", handletextpad=0.2, borderaxespad=0.2)
  else:
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
  lost = [
    f"{row.method} {row.measures['regret_1'].mean:.1f}"
    + (" points" if row is rows[0] else "")
    for row in rows
  ]
  plotting.title(
    picture,
    f"Taking the first costs, in the mean over data sets, by {', by '.join(lost)}",
  )
  more = len(table.datasets) - len(datasets)
  picture.caption = (
    "Lines: a perfect ranking. Models without a score stand last, with one place."
    + (f" {more} more data sets are not drawn." if more else "")
  )
  return picture


def predicted_places(
  scores: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns places, ties sharing the mean of theirs, and accuracies of known models.

  Args:
    scores: [M]; models without one (NaN) share the last places.
    truth: [M]; models without one (NaN) are left out.
  """
  from scipy import stats

  there = ~np.isnan(truth)
  known = np.where(np.isnan(scores[there]), -np.inf, scores[there])
  return stats.rankdata(-known), truth[there]
