"""PED's supplement, Fig. 2: how features are scaled before the motion.

PED moves classes in features that are standardised dimension by dimension: by statistics
of the network's *source* data (the paper: 50,000 images of ImageNet), or, where there are
none, of the target itself.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.figures import rankings
from experiments.figures.material import Material
from experiments.sensitivity.bench import Variant
from lead_jax.assessment import number, plotting
from lead_jax.backbones import Backbone, ModelSpec, ReadyFeatures
from lead_jax.data import Dataset
from lead_jax.evaluation import score_table
from lead_jax.results import Report

BASES = ("logme", "sfda", "gbc", "nleep")
ALONE, NONE, TARGET, SOURCE = "alone", "none", "target", "source"
_LOOKS = {
  ALONE: (plotting.BLACK, "x", "base method alone"),
  NONE: (plotting.VERMILION, "s", "PED, features as they are"),
  TARGET: (plotting.BLUE, "o", "PED, scaled by the target's statistics"),
  SOURCE: (plotting.GREEN, "D", "PED, scaled by the source's statistics"),
}
# Two samples of mean 0 and standard deviation 1: as a source, they change no scale.
_UNIT = np.array([[-1.0], [1.0]])


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau by data set, base method and scaling; gains: over the base."""
  scores: dict[str, dict[str, dict[str, float]]] = {}
  about = {}
  for dataset in material.datasets:
    for (base, scaling), of_models in _scores(material, dataset).items():
      method = f"{base} {scaling}"
      scores.setdefault(method, {})[dataset.name] = of_models
      about[method] = {"base": base, "scaling": scaling}
  rows = []
  for base in BASES:
    own = {name: found for name, found in scores.items() if about[name]["base"] == base}
    table = score_table(own, material.truth)
    rows += rankings.ranking_rows(
      [table], about, reference=f"{base} {ALONE}", seed=material.seed
    )
  return rows


def _scores(
  material: Material, dataset: Dataset
) -> dict[tuple[str, str], dict[str, float]]:
  """Scores by base method and scaling, by model."""
  pushed = [f"ped_{base}" for base in BASES]
  # Without source features PED takes the target's statistics.
  every = dataclasses.replace(material.bench, metrics=[*BASES, *pushed])
  report, outputs = every.whole(dataset)
  of_source = {
    ready.name: _source_features(spec, ready)
    for spec, ready in zip(material.bench.models, outputs, strict=True)
  }
  under = lambda name, source_of: Variant(
    name,
    dataset,
    lambda ready: dataclasses.replace(ready, source_features=source_of(ready)),
  )
  width = lambda ready: ready.features.shape[1]
  variants = [under(NONE, lambda ready: np.repeat(_UNIT, width(ready), axis=1))]
  if all(features is not None for features in of_source.values()):
    variants.append(under(SOURCE, lambda ready: of_source[ready.name]))
  again = dataclasses.replace(material.bench, metrics=pushed)
  reports = {TARGET: report, **again.altered(outputs, variants)}
  found = {
    (base, scaling): _column(reports[scaling], f"ped_{base}")
    for scaling in reports
    for base in BASES
  }
  return {(base, ALONE): _column(report, base) for base in BASES} | found


def _column(report: Report, metric: str) -> dict[str, float]:
  return {row.model: row.score for row in report.scores if row.metric == metric}


def _source_features(spec: ModelSpec, ready: ReadyFeatures) -> np.ndarray | None:
  """A network's features of what it was pre-trained on; None where that is not known."""
  if ready.source_features is not None or not spec.name.startswith("digits/"):
    return ready.source_features
  from experiments.digits.data import load_source

  loaded = spec.load()
  if not isinstance(loaded, Backbone):
    return None
  return np.asarray(
    loaded.apply(loaded.params, jnp.asarray(load_source().images))["features"]
  )


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws a point with its interval for each data set, base method and scaling."""
  names = rankings.datasets_of(rows)
  scalings = [name for name in _LOOKS if any(row["scaling"] == name for row in rows)]
  picture = plotting.new_figure(2.4)
  panels = picture.subplots(1, len(names), sharex=True, sharey=True, squeeze=False)[0]
  for axes, name in zip(panels, names, strict=True):
    axes.set_title("mean" if name == rankings.MEAN else name)
    axes.axvline(0, color=plotting.GREY, lw=0.5)
    for y, base in enumerate(BASES):
      for place, scaling in enumerate(scalings):
        colour, marker, label = _LOOKS[scaling]
        row = _row(rows, name, base, scaling)
        height = y + 0.19 * (place - (len(scalings) - 1) / 2)
        axes.plot([row["low"], row["high"]], [height] * 2, color=colour, lw=1)
        axes.plot(
          row["tau"],
          height,
          ls="none",
          marker=marker,
          color=colour,
          ms=4,
          label=None if y else label,
        )
    axes.set_xlabel("weighted Kendall tau")
    axes.set_xticks((0, 0.5, 1))
    axes.tick_params(axis="y", length=0)
  panels[0].set_yticks(range(len(BASES)), BASES)
  panels[0].set_ylim(len(BASES) - 0.5, -0.5)
  plotting.legend_under(picture, panels[0], columns=2)
  plotting.title(picture, _title(rows, names[-1], scalings))
  picture.caption = (
    "Lines: 95 % of the bootstrap over networks; paired intervals of the gain over the base"
    " method alone are in the CSV."
    + (
      ""
      if SOURCE in scalings
      else " The networks' source data are not at hand, so that the paper's own scaling is"
      " not among them."
    )
  )
  return picture


def _row(
  rows: list[dict[str, Any]], dataset: str, base: str, scaling: str
) -> Mapping[str, Any]:
  wanted = (dataset, base, scaling)
  return next(r for r in rows if (r["dataset"], r["base"], r["scaling"]) == wanted)


def _title(rows: list[dict[str, Any]], name: str, scalings: list[str]) -> str:
  words = {
    NONE: "without scaling",
    TARGET: "scaled by the target",
    SOURCE: "scaled by the source",
  }
  spans = []
  for scaling in (s for s in words if s in scalings):
    gains = [_row(rows, name, base, scaling)["gain"] for base in BASES]
    spans.append(f"{words[scaling]} {_signed(min(gains))} to {_signed(max(gains))}")
  sure = sum(row["gain_low"] > 0 for row in rows if row["dataset"] == name)
  count = (len(scalings) - 1) * len(BASES)
  return (
    f"PED's gain in tau over its base methods: {', '.join(spans)};"
    f" {sure or 'none'} of {count} has an interval above 0"
  )


def _signed(gain: float) -> str:
  return number(gain, "+" if round(gain, 2) else "", 2).replace("-", "\u2212")
