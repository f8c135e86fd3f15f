"""LEAD, Fig. 5: Euclidean distance between predicted and fine-tuned logits, by method.

The paper's distance, of logits as they are, and two that do not hang on the size of the
logits; and how often a method's largest logit is that of the fine-tuned network.
`lead_logits` says how each is read.
"""

import itertools
from typing import Any

import numpy as np

from experiments.figures import lead_logits
from experiments.figures.lead_logits import RAW, Logits, Pair
from experiments.figures.material import Material
from lead_jax.assessment import plotting

AGREEMENT = "agreement"
# The same network, fine-tuned with another seed.
AGAIN = "fine-tuned again"
_PANELS = {
  RAW: "logits as they are",
  lead_logits.PROBABILITY: "probabilities",
  lead_logits.SCALED: "centred, of unit size",
  AGREEMENT: "same largest logit",
}


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns mean distances and agreement by data set, reading, method and network."""
  rows = []
  for dataset in material.datasets:
    for pair in lead_logits.pairs(material, dataset):
      about = {"dataset": dataset.name, **lead_logits.about(pair)}
      for method, reading, value in _of_pair(pair):
        rows.append({**about, "reading": reading, "method": method, "value": value})
  columns = ("dataset", "reading", "method")
  return differences(lead_logits.mean_rows(rows, columns, material.seed), material.seed)


def differences(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
  """Adds to the means what LEAD has more than a method, with its paired interval."""
  values: dict[tuple[str, ...], dict[str, float]] = {}
  for row in rows:
    if row["model"]:
      of_networks = values.setdefault(_key(row), {})
      of_networks[row["model"]] = row["value"]
  found = []
  for row in rows:
    lead, other = values[_key({**row, "method": "lead"})], values[_key(row)]
    if row["model"] or row["method"] == "lead":
      found.append(row)
      continue
    pairs = [lead[model] - value for model, value in other.items()]
    between = lead_logits.with_interval(np.asarray(pairs), seed)
    names = ("difference", "difference_low", "difference_high")
    found.append({**row, **dict(zip(names, between.values(), strict=True))})
  return found


def _key(row: dict[str, Any]) -> tuple[str, ...]:
  return row["dataset"], row["reading"], row["method"]


def _of_pair(pair: Pair):
  """Yields method, reading and value, the mean over images and runs."""
  for method, predicted in pair.predicted.items():
    for reading in (*lead_logits.READINGS, AGREEMENT):
      values = [compare(predicted, run, reading) for run in pair.runs]
      yield method, reading, float(np.mean(values))
  for reading in (*lead_logits.READINGS, AGREEMENT):
    values = [compare(a, b, reading) for a, b in itertools.combinations(pair.runs, 2)]
    if values:
      yield AGAIN, reading, float(np.mean(values))


def compare(one: Logits, other: Logits, reading: str) -> float:
  """Returns the mean distance of two networks' logits, or the share that agree."""
  if reading == AGREEMENT:
    largest = lambda logits: np.argmax(logits.raw, axis=1)
    return float(np.mean(largest(one) == largest(other)))
  index = lead_logits.READINGS.index(reading)
  return float(np.linalg.norm(one[index] - other[index], axis=1).mean())


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws a line of panels for each data set."""
  means = lead_logits.of_means(rows)
  datasets = list(dict.fromkeys(row["dataset"] for row in means))
  there = {row["method"] for row in means}
  style = {**lead_logits.STYLE, AGAIN: ("fine-tuned again", plotting.BLACK, "|")}
  methods = [method for method in style if method in there]
  picture = plotting.new_figure(0.5 + 1.75 * len(datasets))
  grid = picture.subplots(len(datasets), len(_PANELS), sharey=True, squeeze=False)
  for line, dataset in zip(grid, datasets, strict=True):
    for axes, (reading, text) in zip(line, _PANELS.items(), strict=True):
      for y, method in enumerate(methods):
        for row in means:
          if (row["dataset"], row["reading"], row["method"]) == (
            dataset,
            reading,
            method,
          ):
            _, colour, marker = style[method]
            axes.plot(
              [row["low"], row["high"]], [y, y], color=colour, lw=1.6, alpha=0.5
            )
            axes.plot(row["value"], y, color=colour, marker=marker, ms=4.5)
      axes.set_xlim(left=0, right=1.03 if reading == AGREEMENT else None)
      axes.set_title(text, fontsize=8)
    line[0].set_yticks(range(len(methods)), [style[method][0] for method in methods])
    line[0].set_ylim(len(methods) - 0.5, -0.5)
    line[0].set_ylabel(dataset)
  for axes, reading in zip(grid[-1], _PANELS, strict=True):
    axes.set_xlabel("share of images" if reading == AGREEMENT else "mean distance")
  plotting.title(picture, _title(means))
  again = " Fine-tuned again: another seed." if AGAIN in there else ""
  picture.caption = (
    "Mean over images of the Euclidean distance between the predicted logits of an image"
    " and those of the fine-tuned network, on the images that it was trained on, after"
    f" {passes(means)} passes. Lines: 95 % bootstrap over networks; paired differences to"
    " LEAD are in the CSV. The labels, uniform and t = 0 are what LEAD must beat."
    f"{again} The paper: LEAD halves the distance of SFDA and PED."
  )
  return picture


def passes(rows: list[dict[str, Any]]) -> str:
  """Returns how long networks were fine-tuned, for a caption."""
  return " or ".join(f"{n:g}" for n in sorted({row["passes"] for row in rows}))


def mean_of(
  rows: list[dict[str, Any]], dataset: str, reading: str, method: str
) -> float:
  """Returns the mean over networks."""
  key = (dataset, reading, method)
  return next(
    row["value"]
    for row in lead_logits.of_means(rows)
    if (row["dataset"], row["reading"], row["method"]) == key
  )


def _title(means: list[dict[str, Any]]) -> str:
  dataset = means[0]["dataset"]
  raw = lambda method: mean_of(means, dataset, RAW, method)
  p = lambda method: mean_of(means, dataset, lead_logits.PROBABILITY, method)
  return (
    f"{dataset}: LEAD is {raw('lead'):.1f} from the fine-tuned logits, SFDA"
    f" {raw('sfda'):.1f}, a uniform answer {raw('uniform'):.1f}; as probabilities"
    f" {p('lead'):.2f}, {p('sfda'):.2f}, {p('uniform'):.2f}, the labels {p('labels'):.2f}"
  )
