"""LEAD, Fig. 10: average predicted logits against fine-tuned ones, class by class.

Of the images of one class, the mean logit of every class, then the mean over networks.
"""

from typing import Any

import numpy as np

from experiments.figures import lead_logits
from experiments.figures.lead_fig5 import passes
from experiments.figures.material import Material
from lead_jax.assessment import plotting

# As many as the paper shows.
CLASSES = 6
TRAIN = "fine-tuned"
_METHODS = ("lead", "log_init", "lead_held_out", "sfda", "ped")
# Names of classes that fit below a panel.
_NAMED = 12


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns mean logits by data set, reading, method, class of images and of logit."""
  rows = []
  for dataset in material.datasets:
    found = lead_logits.pairs(material, dataset)
    names = dataset.class_names
    for pair in found:
      every = {method: [pair.predicted[method]] for method in _METHODS}
      every[TRAIN] = pair.runs
      for method, runs in every.items():
        for index, reading in enumerate(lead_logits.READINGS):
          mean = np.mean([run[index] for run in runs], axis=0)
          for c in range(min(CLASSES, len(names))):
            if not (pair.labels == c).any():
              continue
            of_class = mean[pair.labels == c].mean(axis=0)
            for k, value in enumerate(of_class):
              about = {"dataset": dataset.name, "reading": reading, "method": method}
              about |= {"images_of": names[c], "logit_of": names[k]}
              rows.append({**about, **lead_logits.about(pair), "value": float(value)})
  columns = ("dataset", "reading", "method", "images_of", "logit_of")
  means = lead_logits.of_means(lead_logits.mean_rows(rows, columns, material.seed))
  # Of single networks, how sure each became of each class.
  single = {"reading": lead_logits.PROBABILITY, "method": TRAIN}
  return means + [
    row
    for row in rows
    if row["images_of"] == row["logit_of"] and single.items() <= row.items()
  ]


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws a panel a class, two lines of panels a data set: two readings."""
  rows = lead_logits.of_means(rows)
  datasets = list(dict.fromkeys(row["dataset"] for row in rows))
  readings = (lead_logits.PROBABILITY, lead_logits.SCALED)
  widest = max(
    len({row["images_of"] for row in rows if row["dataset"] == name})
    for name in datasets
  )
  picture = plotting.new_figure(0.8 + 2.6 * len(datasets))
  lines = len(readings) * len(datasets)
  grid = picture.subplots(lines, widest, sharey="row", squeeze=False)
  for index, line in enumerate(grid):
    dataset, reading = datasets[index // 2], readings[index % 2]
    here = [r for r in rows if (r["dataset"], r["reading"]) == (dataset, reading)]
    names = list(dict.fromkeys(row["images_of"] for row in here))
    for axes, name in zip(line, names, strict=False):
      own = [row for row in here if row["images_of"] == name]
      _panel(axes, own)
      axes.set_title(f"images of {name}" if index % 2 == 0 else "", fontsize=7)
    for axes in line[len(names) :]:
      axes.set_visible(False)
    line[0].set_ylabel(f"{dataset}\n{_UNITS[reading]}")
  plotting.legend_under(picture, grid[0, 0], columns=3)
  plotting.title(picture, _title(rows))
  picture.caption = (
    "Of the training images of one class, the mean logit of every class, after"
    f" {passes(rows)} passes; then the mean over networks, lines: 95 % bootstrap over"
    f" networks. The first {CLASSES} classes. The paper (VOC2007, six classes): LEAD's"
    " distribution closely matches the fine-tuned one."
  )
  return picture


_UNITS = {
  lead_logits.PROBABILITY: "probability",
  lead_logits.SCALED: "centred, unit size",
}


def _panel(axes: Any, rows: list[dict[str, Any]]) -> None:
  classes = list(dict.fromkeys(row["logit_of"] for row in rows))
  width = 0.8 / len(_METHODS)
  for method in (TRAIN, *_METHODS):
    own = [row for row in rows if row["method"] == method]
    x = np.arange(len(own), dtype=float)
    values = [row["value"] for row in own]
    if method == TRAIN:
      axes.bar(x, values, 0.9, color=plotting.LIGHT, label="fine-tuned")
      continue
    text, colour, marker = lead_logits.STYLE[method]
    x += (_METHODS.index(method) - (len(_METHODS) - 1) / 2) * width
    axes.vlines(
      x, [r["low"] for r in own], [r["high"] for r in own], color=colour, lw=0.8
    )
    axes.plot(x, values, marker=marker, color=colour, ms=2.2, ls="none", label=text)
  axes.axhline(0, color=plotting.BLACK, lw=0.4)
  if len(classes) <= _NAMED:
    turn = 90 if max(map(len, classes)) > 2 else 0
    axes.set_xticks(range(len(classes)), classes, fontsize=6, rotation=turn)
  else:
    axes.set_xticks([])
    axes.set_xlabel(f"{len(classes)} classes")


def _title(rows: list[dict[str, Any]]) -> str:
  dataset = rows[0]["dataset"]
  of = lambda method: [
    row["value"]
    for row in rows
    if (row["dataset"], row["reading"], row["method"])
    == (dataset, lead_logits.PROBABILITY, method)
    and row["images_of"] == row["logit_of"]
  ]
  span = lambda method: f"{min(of(method)):.2f} to {max(of(method)):.2f}"
  r = np.corrcoef(of("lead"), of(TRAIN))[0, 1]
  return (
    f"{dataset}: the fine-tuned probability of the own class is {span(TRAIN)} by class,"
    f" LEAD's {span('lead')} (r = {plotting.signed(r, 2)} over {len(of(TRAIN))} classes)"
  )
