"""LEAD, Fig. 3: average predicted logits against fine-tuned ones.

Averaged over all images: the logit of an image's own class, and the mean of its logits of
all other classes; then over networks. `lead_logits` says how each method is read.
"""

from typing import Any

import numpy as np

from experiments.figures import lead_logits
from experiments.figures.lead_fig5 import passes
from experiments.figures.lead_logits import READINGS, Pair
from experiments.figures.material import Material
from lead_jax.assessment import plotting

OWN, OTHERS = "own", "others"
TRAIN, TEST = "fine-tuned", "fine-tuned, test images"
_PANELS = {
  lead_logits.RAW: "logits as they are",
  lead_logits.PROBABILITY: "probabilities",
  lead_logits.SCALED: "centred, of unit size",
}


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns average logits by data set, reading, method, class and network."""
  rows = []
  for dataset in material.datasets:
    for pair in lead_logits.pairs(material, dataset):
      about = {"dataset": dataset.name, **lead_logits.about(pair)}
      for method, reading, averages in _of_pair(pair):
        for of, value in zip((OWN, OTHERS), averages, strict=True):
          row = {"reading": reading, "method": method, "of": of, "value": value}
          rows.append({**about, **row})
  columns = ("dataset", "reading", "method", "of")
  return lead_logits.mean_rows(rows, columns, material.seed)


def _of_pair(pair: Pair):
  """Yields method, reading and the two averages, means over runs."""
  for index, reading in enumerate(READINGS):
    own = lambda found, i=index: lead_logits.own_and_others(found[i], pair.labels)
    for method, predicted in pair.predicted.items():
      yield method, reading, own(predicted)
    yield TRAIN, reading, np.mean([own(run) for run in pair.runs], axis=0).tolist()
    unseen = [
      lead_logits.own_and_others(logits[index], labels) for logits, labels in pair.test
    ]
    yield TEST, reading, np.mean(unseen, axis=0).tolist()


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws a line of panels for each data set; those of fine-tuning are vertical lines."""
  means = lead_logits.of_means(rows)
  datasets = list(dict.fromkeys(row["dataset"] for row in means))
  picture = plotting.new_figure(0.9 + 1.75 * len(datasets))
  grid = picture.subplots(len(datasets), len(_PANELS), sharey=True, squeeze=False)
  methods = lead_logits.METHODS
  for line, dataset in zip(grid, datasets, strict=True):
    for axes, (reading, text) in zip(line, _PANELS.items(), strict=True):
      for row in means:
        if (row["dataset"], row["reading"]) == (dataset, reading):
          _draw(axes, row)
      axes.axvline(0, color=plotting.LIGHT, lw=0.6, zorder=0)
      axes.set_title(text, fontsize=8)
    names = [lead_logits.STYLE[method][0] for method in methods]
    line[0].set_yticks(range(len(methods)), names)
    line[0].set_ylim(len(methods) - 0.5, -0.5)
    line[0].set_ylabel(dataset)
  for axes in grid[-1]:
    axes.set_xlabel("average logit")
  _legend(grid[0, 0])
  plotting.legend_under(picture, grid[0, 0], columns=2)
  plotting.title(picture, _title(means))
  picture.caption = (
    "Filled: the logit of an image's own class; open: the mean of its other logits;"
    " both averaged over the images that the networks were fine-tuned on"
    f" ({passes(means)} passes), then over networks; lines and bands: 95 % bootstrap over"
    " networks. The paper (VOC2007): LEAD lies closest to fine-tuning, SFDA and PED deviate"
    " widely."
  )
  return picture


def _draw(axes: Any, row: dict[str, Any]) -> None:
  own = row["of"] == OWN
  if row["method"] in (TRAIN, TEST):
    colour = plotting.BLACK if row["method"] == TRAIN else plotting.GREEN
    axes.axvline(row["value"], color=colour, lw=1.1, ls="-" if own else "--")
    axes.axvspan(row["low"], row["high"], color=colour, alpha=0.1, lw=0)
    return
  y = lead_logits.METHODS.index(row["method"])
  _, colour, marker = lead_logits.STYLE[row["method"]]
  axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.6, alpha=0.5)
  face = colour if own else "white"
  axes.plot(row["value"], y, marker=marker, mec=colour, mfc=face, ms=5, ls="none")


def _legend(axes: Any) -> None:
  for colour, style, text in (
    (plotting.BLACK, "-", "fine-tuned: own class"),
    (plotting.BLACK, "--", "fine-tuned: other classes"),
    (plotting.GREEN, "-", "on test images: own class"),
    (plotting.GREEN, "--", "on test images: other classes"),
  ):
    axes.plot([], [], color=colour, ls=style, lw=1.1, label=text)


def _title(means: list[dict[str, Any]]) -> str:
  dataset = means[0]["dataset"]
  value = {
    (row["method"], row["of"]): row["value"]
    for row in means
    if (row["dataset"], row["reading"]) == (dataset, lead_logits.RAW)
  }
  pair = lambda method: " against ".join(
    plotting.signed(value[method, of], 1) for of in (OWN, OTHERS)
  )
  return (
    f"{dataset}: fine-tuned logits are {pair(TRAIN)} (own class against others) on"
    f" average, LEAD's {pair('lead')}, SFDA's {pair('sfda')}"
  )
