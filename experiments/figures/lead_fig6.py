"""LEAD, Fig. 6: places before and after LEAD against the true places, with error bands.

Places of the initial logits (t = 0), of LEAD and of LEAD out of sample. The interval of a
place comes from random halves of the images, each ranked anew.
"""

from typing import Any

import numpy as np

from experiments.figures import lead_parts
from experiments.figures.material import Material
from lead_jax.assessment import plotting
from lead_jax.backbones import ReadyFeatures
from lead_jax.data import Dataset
from lead_jax.dynamics import lead_held_out
from lead_jax.evaluation import weighted_kendall

METHODS = {
  "log_init": "initial logits (t = 0)",
  "lead": "LEAD (t = 1)",
  "lead_held_out": "LEAD out of sample",
}
DRAWS = 20


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns places by data set, method and network; those without one sum them up."""
  from scipy import stats

  rows = []
  for dataset in material.datasets:
    known = material.truth[dataset.name]
    truth = np.asarray([known.get(model, np.nan) for model in material.models])
    there = ~np.isnan(truth)
    true_places = stats.rankdata(-truth[there])
    whole, halves = _scores(material, dataset)
    for method in METHODS:
      places = stats.rankdata(-whole[method][there])
      drawn = np.stack([stats.rankdata(-half[there]) for half in halves[method]])
      low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
      about = {"dataset": dataset.name, "method": method}
      rows.append(
        {
          **about,
          "model": "",
          "error": float(np.abs(places - true_places).mean()),
          "tau": weighted_kendall(whole[method][there], truth[there]),
        }
      )
      models = [m for m, known in zip(material.models, there, strict=True) if known]
      rows += [
        {
          **about,
          "model": model,
          "true_place": true_places[m],
          "place": places[m],
          "low": low[m],
          "high": high[m],
          "error": abs(places[m] - true_places[m]),
        }
        for m, model in enumerate(models)
      ]
  return rows


def _scores(material: Material, dataset: Dataset):
  """Returns scores [M] of all images, and of each half, by method."""
  everything = np.arange(len(dataset))
  parts = [everything, *(_half(dataset, material.seed, d) for d in range(DRAWS))]
  found = {method: np.zeros((len(parts), len(material.models))) for method in METHODS}
  starts = lead_parts.starts(material, dataset)
  diagonal = lead_parts.diagonals(material, dataset).mean(axis=1)
  for m, ready in lead_parts.each(material, dataset, "halves of the images"):
    for p, rows in enumerate(parts):
      start = starts[m] if p == 0 else None
      scores = _of_part(ready, dataset, rows, diagonal[m], material.seed, start)
      for method, score in scores.items():
        found[method][p, m] = score
  return (
    {method: values[0] for method, values in found.items()},
    {method: values[1:] for method, values in found.items()},
  )


def _half(dataset: Dataset, seed: int, draw: int) -> np.ndarray:
  """Returns half of the images of each class."""
  rng = np.random.default_rng([seed, draw])
  rows = []
  for label in np.unique(dataset.labels):
    members = rng.permutation(np.flatnonzero(dataset.labels == label))
    rows.append(members[: (len(members) + 1) // 2])
  return np.sort(np.concatenate(rows))


def _of_part(
  ready: ReadyFeatures,
  dataset: Dataset,
  rows: np.ndarray,
  diagonal_n: np.ndarray,
  seed: int,
  start: np.ndarray | None,
) -> dict[str, float]:
  """Returns a network's scores on some of the images."""
  features = np.asarray(ready.features, np.float32)[rows]
  labels = dataset.labels[rows]
  if start is None:
    start = lead_parts.start_of(features, labels, dataset)
  size, classes = lead_parts.PAPER.samples_per_class, len(dataset.class_names)
  picked = lead_parts.chosen(labels, classes, size, seed)
  own = lead_parts.rates_of(diagonal_n[rows], *picked, classes)
  held_out = lead_held_out(features, labels, num_classes=classes)
  return {
    "log_init": lead_parts.evolved(start, labels, own, 0.0)[1],
    "lead": lead_parts.evolved(start, labels, own, lead_parts.PAPER.t)[1],
    "lead_held_out": float(held_out.score),
  }


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws a line of panels for each data set."""
  datasets = list(dict.fromkeys(row["dataset"] for row in rows))
  picture = plotting.new_figure(0.4 + 2.1 * len(datasets))
  grid = picture.subplots(len(datasets), len(METHODS), sharey="row", squeeze=False)
  for line, dataset in zip(grid, datasets, strict=True):
    for axes, method in zip(line, METHODS, strict=True):
      own = [r for r in rows if (r["dataset"], r["method"]) == (dataset, method)]
      whole = next(row for row in own if not row["model"])
      _panel(axes, [row for row in own if row["model"]], whole["error"])
      tau = plotting.signed(whole["tau"], 2)
      axes.set_title(f"{METHODS[method]}: {tau}", fontsize=8)
    line[0].set_ylabel(f"{dataset}\npredicted place")
  for axes in grid[-1]:
    axes.set_xlabel("true place (1 is best)")
  plotting.title(picture, _title(rows))
  picture.caption = (
    "Above each panel the weighted tau. Band: the mean error of a place around the true"
    f" one. Lines: 95 % of the places on {DRAWS} random halves of the images."
    " Diamond: the truly best network. The paper: LEAD brings the places close to the line,"
    " the best network's above all."
  )
  return picture


def _panel(axes: Any, rows: list[dict[str, Any]], error: float) -> None:
  count = len(rows)
  ends = np.asarray([0.5, count + 0.5])
  axes.fill_between(ends, ends - error, ends + error, color=plotting.LIGHT, lw=0)
  axes.plot(ends, ends, color=plotting.GREY, lw=0.6)
  for row in rows:
    best = row["true_place"] == min(r["true_place"] for r in rows)
    colour = plotting.VERMILION if best else plotting.BLUE
    x = row["true_place"]
    axes.plot([x, x], [row["low"], row["high"]], color=colour, lw=1, alpha=0.6)
    axes.plot(x, row["place"], marker="D" if best else "o", color=colour, ms=3.5)
  axes.set_xlim(0, count + 1)
  axes.set_ylim(count + 1, 0)
  axes.invert_xaxis()
  axes.xaxis.get_major_locator().set_params(integer=True)


def _title(rows: list[dict[str, Any]]) -> str:
  datasets = list(dict.fromkeys(row["dataset"] for row in rows))
  mean = lambda method: np.mean(
    [row["error"] for row in rows if row["method"] == method and not row["model"]]
  )
  places = ", ".join(f"{METHODS[method]} {mean(method):.1f}" for method in METHODS)
  on = f"on {datasets[0]}" if len(datasets) == 1 else f"over {len(datasets)} data sets"
  return f"Mean error of a place {on}: {places}"
