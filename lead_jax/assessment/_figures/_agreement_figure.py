"""Which methods rank alike: Kendall's tau between their rankings."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lead_jax.assessment import plotting
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._figures import _kinds as kinds
from lead_jax.assessment._method_summary import Summary
from lead_jax.assessment._numbers import number
from lead_jax.evaluation import ScoreTable, many_kendall


def agreements(table: ScoreTable, methods: list[str]) -> np.ndarray:
  """Computes how alike methods rank.

  Args:
    table: Scores.
    methods: Names, of the table.

  Returns:
    [R, R] Kendall's tau-b of two methods' scores, over the models that both have scored,
    mean over the data sets where it exists; 0 where it exists nowhere.
  """
  rows = [list(table.methods).index(name) for name in methods]
  scored = ~np.isnan(table.scores[rows])
  scores = np.where(scored, table.scores[rows], 0.0)
  found = np.zeros((len(methods), len(methods)))
  number_of = np.zeros_like(found)
  for d in range(len(table.datasets)):
    for a in range(len(methods)):
      both = (scored[a, d] & scored[:, d]).astype(np.int64)
      tau = many_kendall(scores[:, d], scores[a, d], both)
      found[a] += np.nan_to_num(tau)
      number_of[a] += ~np.isnan(tau)
  return np.divide(found, number_of, out=found, where=number_of > 0)


def clustered(tau: np.ndarray) -> np.ndarray:
  """Returns an order in which rows that agree stand together."""
  from scipy.cluster import hierarchy
  from scipy.spatial.distance import squareform

  if len(tau) < 3:
    return np.arange(len(tau))
  distance = squareform(np.clip(1 - tau, 0, 2), checks=False)
  tree = hierarchy.linkage(distance, "average", optimal_ordering=True)
  return hierarchy.leaves_list(tree)


def figure(summary: Summary, collected: Collected) -> Any | None:
  """Draws the figure; None with fewer than two methods."""
  methods = {row.method: kinds.kind_of(row) for row in summary.ranked}
  if len(methods) < 2:
    return None
  return draw_agreement(methods, agreements(collected.table, list(methods)))


def draw_agreement(kind_of: Mapping[str, kinds.Kind], tau: np.ndarray) -> Any:
  """Draws how alike methods rank.

  Args:
    kind_of: Of each method.
    tau: [R, R] as `agreements`, in that order.
  """
  methods = list(kind_of)
  order = clustered(tau)
  names = [methods[i] for i in order]
  picture = plotting.new_figure(5.5)
  # The names below are long, and stand on end.
  picture.get_layout_engine().set(h_pad=0.1)
  axes = picture.add_subplot()
  shown = axes.imshow(tau[np.ix_(order, order)], cmap="RdBu", vmin=-1, vmax=1)
  axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
  axes.set_yticks(range(len(names)), names, fontsize=6)
  for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
    for label, name in zip(labels, names, strict=True):
      label.set_color(kind_of[name].colour)
  axes.tick_params(length=0)
  axes.spines[:].set_visible(False)
  picture.colorbar(
    shown, ax=axes, shrink=0.5, pad=0.02, label="Kendall tau of two rankings"
  )
  below = np.tril(np.ones_like(tau, bool), -1)

  a, b = np.unravel_index(np.argmax(np.where(below, tau, -2)), tau.shape)
  plotting.title(
    picture,
    f"Two methods agree at tau {number(float(np.median(tau[below])))} in the median; the"
    " closest are"
    f" {methods[b]} and {methods[a]} ({number(float(tau[a, b]))})",
  )
  picture.caption = (
    "Kendall's tau-b of the scores of two methods over the models that both scored, mean"
    " over data sets; ordered so that methods that agree stand together."
  )
  return picture
