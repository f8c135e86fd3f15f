"""How much of a ranking is chance in the target images: every metric, on random halves.

The halves are those of `lead-rank`'s intervals (`lead_jax.run.certainty`): stratified,
without replacement, the same for all networks and metrics.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.figures import rankings
from experiments.figures.material import Material
from experiments.sensitivity.bench import ready_spec
from lead_jax.assessment import MethodPoint, kind_of, number, plotting
from lead_jax.data import Dataset
from lead_jax.evaluation import kendall, weighted_kendall
from lead_jax.metrics import find_metric
from lead_jax.run import resample, score
from lead_jax.run.certainty import Halves, stratified_halves

DRAWS = 20
# Those that take some milliseconds for a network of the bundled zoo. LEAD's rates are the
# expected ones, so that all that varies is the images.
METRICS: Mapping[str, Mapping[str, Any]] = {
  "lead_held_out": {},
  "lead": {"rates": "expected"},
  "logme": {},
  "h_score_regularized": {},
  "sfda": {},
  "gbc": {},
  "parc": {},
  "nearest_centroid": {},
  "knn": {},
  "linear_probe": {},
  "feature_norm": {},
}


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns how each metric ranks all images (draw 0) and each half, by data set.

  `tau`: weighted Kendall with the truth; `first`: the network in the first place;
  `agreement`: mean Kendall tau with the rankings of the other halves.
  """
  rows = []
  for dataset in material.datasets:
    truth = material.truth[dataset.name]
    models = [model for model in material.models if model in truth]
    accuracies = [truth[model] for model in models]
    for metric, scores in _scores(material, dataset).items():
      columns = np.array([scores[model] for model in models]).T
      agreement = agreements(columns[1:])
      for draw, column in enumerate(columns):
        ranks = _ranks(column)
        rows.append(
          {
            "dataset": dataset.name,
            "metric": metric,
            "draw": draw,
            "tau": weighted_kendall(column, accuracies) if ranks else np.nan,
            "first": _first(models, column) if ranks else "",
            "agreement": agreement[draw - 1] if draw else np.nan,
          }
        )
  return rows


def _ranks(column: np.ndarray) -> bool:
  """Whether scores are a ranking: all there, and not all equal."""
  return bool(np.isfinite(column).all() and np.ptp(column) > 0)


def _first(models: list[str], column: np.ndarray) -> str:
  """The network of the largest score; all of them where several have it."""
  return ", ".join(models[i] for i in np.flatnonzero(column == column.max()))


def agreements(columns: np.ndarray) -> np.ndarray:
  """Returns each ranking's mean Kendall tau with the others.

  Args:
    columns: [draws, networks] scores; a column that is no ranking takes no part.
  """
  pair = np.full((len(columns), len(columns)), np.nan)
  valid = [i for i, column in enumerate(columns) if _ranks(column)]
  for a, b in itertools.combinations(valid, 2):
    pair[a, b] = pair[b, a] = kendall(columns[a], columns[b])
  number_of = (~np.isnan(pair)).sum(axis=1)
  mean = np.nansum(pair, axis=1) / np.maximum(number_of, 1)
  return np.where(number_of > 0, mean, np.nan)


def _scores(material: Material, dataset: Dataset) -> dict[str, dict[str, list[float]]]:
  """By metric, by model: the score on all images, then on every half."""
  scorer = material.bench.scorer(dataset)
  halves = _halves(dataset, material.seed)
  found: dict[str, dict[str, list[float]]] = {metric: {} for metric in METRICS}
  outputs = material.outputs(dataset)
  # Networks of one width share what is compiled; then it can be forgotten.
  for ready in sorted(outputs, key=lambda ready: ready.features.shape[1]):
    material.bench.lines.at(f"{dataset.name}, {ready.name}")
    opened = scorer.open(ready_spec(ready.name, ready))
    for name, options in METRICS.items():
      metric = find_metric(name)
      row = score(opened, metric, options)
      parts = resample(opened, metric, options, halves, DRAWS).scores
      found[name][ready.name] = [row.score, *(list(parts) or [np.nan] * DRAWS)]
  return found


def _halves(dataset: Dataset, seed: int) -> Halves:
  return stratified_halves(dataset.labels, dataset.class_names, seed=seed)


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws the taus of the halves, how alike they rank and whether their first is one."""
  names = rankings.datasets_of(rows)
  order = sorted(METRICS, key=lambda metric: -_median_tau(rows, metric))
  picture = plotting.new_figure(
    0.9 + 0.2 * len(order) * max(1.0, 0.5 + 0.25 * len(names))
  )
  panels = picture.subplots(1, 3, sharey=True, width_ratios=[1.7, 1, 1])
  for index, name in enumerate(names):
    colour, marker = plotting.COLOURS[index % 6], plotting.MARKERS[index % 6]
    shift = 0.7 * (index + 0.5) / len(names) - 0.35
    for place, metric in enumerate(order):
      y = place + shift
      own = [r for r in rows if (r["dataset"], r["metric"]) == (name, metric)]
      halves = [row for row in own if row["draw"]]
      taus = np.array([row["tau"] for row in halves])
      low, middle, high = np.nanquantile(taus, (0.025, 0.5, 0.975))
      label = name if not place else None
      look = {"color": colour, "ls": "none", "marker": marker}
      panels[0].plot([low, high], [y, y], color=colour, lw=3, alpha=0.3)
      panels[0].plot(taus, [y] * len(taus), ms=1.8, mew=0, alpha=0.7, **look)
      panels[0].plot(middle, y, ms=4, label=label, **look)
      panels[0].plot(own[0]["tau"], y, ls="none", marker="|", ms=7, color="black")
      agreement = np.nanmean([row["agreement"] for row in halves])
      panels[1].plot(agreement, y, ms=4, **look)
      panels[2].plot(same_first(halves), y, ms=4, **look)
  panels[0].plot([], [], ls="none", marker="|", ms=7, color="black", label="all images")
  panels[0].set_yticks(range(len(order)), order)
  panels[0].set_ylim(len(order) - 0.4, -0.6)
  for metric, text in zip(order, panels[0].get_yticklabels(), strict=True):
    text.set_color(kind_of(MethodPoint(metric, "metric", 0.0, 0.0)).colour)
  panels[0].axvline(0, color=plotting.GREY, lw=0.5)
  panels[0].set_xlabel("weighted tau with the truth")
  panels[1].set_xlabel("tau of two halves")
  panels[2].set_xlabel("share with one first")
  panels[2].set_xlim(-0.04, 1.04)
  for axes in panels:
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=plotting.LIGHT, lw=0.4)
  plotting.legend_under(picture, panels[0], columns=4)
  plotting.title(picture, _title(rows, order))
  images = {_halves(d, material.seed).images for d in material.datasets}
  sizes = " to ".join(f"{size}" for size in sorted({min(images), max(images)}))
  picture.caption = (
    f"{DRAWS} random stratified parts of {sizes} images (a half; less where that leaves"
    " 512), drawn without replacement, the same for all networks and metrics. Left: each"
    " part's tau; large: median; band: 95 %. Middle: Kendall tau, mean over pairs of parts."
    " Right: share of the pairs of parts that put one network first. LEAD: with expected"
    " rates, so that images are all that varies."
  )
  return picture


def _median_tau(rows: list[dict[str, Any]], metric: str) -> float:
  found = [row["tau"] for row in rows if row["metric"] == metric and row["draw"]]
  return float(np.nanmedian(found))


def same_first(rows: list[dict[str, Any]]) -> float:
  """Returns the share of pairs of draws that have the same network first."""
  firsts = [row["first"] for row in rows if row["first"]]
  pairs = list(itertools.combinations(firsts, 2))
  return sum(a == b for a, b in pairs) / len(pairs) if pairs else float("nan")


def _title(rows: list[dict[str, Any]], order: list[str]) -> str:
  names = rankings.datasets_of(rows)
  agreement: dict[str, float] = {}
  first: dict[str, float] = {}
  for metric in order:
    halves = [row for row in rows if row["metric"] == metric and row["draw"]]
    agreement[metric] = float(np.nanmean([row["agreement"] for row in halves]))
    shares = [same_first([r for r in halves if r["dataset"] == n]) for n in names]
    first[metric] = float(np.nanmean(shares))
  low, high = (
    min(order, key=agreement.__getitem__),
    max(order, key=agreement.__getitem__),
  )
  rare, sure = min(order, key=first.__getitem__), max(order, key=first.__getitem__)
  tau = lambda metric: f"{number(agreement[metric], '', 2)} ({metric})"
  share = lambda metric: f"{100 * first[metric]:.0f} % ({metric})"
  return (
    f"Rankings of two halves of the images agree at tau {tau(low)} to {tau(high)} and name"
    f" one first network in {share(rare)} to {share(sure)} of the pairs"
  )
