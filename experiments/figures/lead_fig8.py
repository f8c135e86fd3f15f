"""LEAD, Fig. 8: steps of the same size, of one mixed kernel, and of a kernel a class."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.figures import lead_parts, rankings
from experiments.figures.material import Material
from lead_jax import logits
from lead_jax.assessment import plotting
from lead_jax.dynamics import transfer_score

# What is kept of the initial logits (App. C.2).
COEFFICIENTS = (0.1, 0.3, 0.5, 0.7, 0.9)
START, MIXED, CLASSES = "no step (t = 0)", "one mixed kernel", "a kernel a class"


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau by data set and strategy."""
  found: dict[str, dict[str, list[float]]] = {}
  for dataset in material.datasets:
    log_init = lead_parts.starts(material, dataset)
    labels, classes = dataset.labels, len(dataset.class_names)
    put = lambda method, scores, name=dataset.name: found.setdefault(
      method, {}
    ).__setitem__(name, scores)
    own = lead_parts.all_rates(material, dataset)
    put(START, lead_parts.scores(log_init, labels, own, 0.0))
    for c in COEFFICIENTS:
      put(f"constant {c:g}", [_constant(start, labels, c) for start in log_init])
    diagonal = lead_parts.diagonals(material, dataset).mean(axis=1)
    size = lead_parts.PAPER.samples_per_class
    picked = lead_parts.chosen(labels, classes, size, material.seed, mixed=True)
    mixed = lead_parts.rates_of(diagonal, *picked, classes)
    put(MIXED, lead_parts.scores(log_init, labels, mixed, lead_parts.PAPER.t))
    put(CLASSES, lead_parts.scores(log_init, labels, own, lead_parts.PAPER.t))
  table = lead_parts.tabulate(material, found)
  return rankings.ranking_rows([table], {}, reference=START, seed=material.seed)


def _constant(log_init: np.ndarray, labels: np.ndarray, coefficient: float) -> float:
  """As the metric `constant`."""
  final = logits.evolve_constant(
    jnp.asarray(log_init), jnp.asarray(labels), coefficient
  )
  return float(transfer_score(final, jnp.asarray(labels)))


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws tau of each strategy, a panel a data set."""
  datasets = rankings.datasets_of(rows)
  methods = list(dict.fromkeys(row["method"] for row in rows))
  picture = plotting.new_figure(2.6)
  panels = picture.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
  for axes, dataset in zip(panels, datasets, strict=True):
    here = [row for row in rows if row["dataset"] == dataset]
    best = max(row["tau"] for row in here if row["method"].startswith("constant"))
    for y, row in enumerate(here):
      colour = _colour(row["method"])
      axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.8, alpha=0.5)
      full = not row["method"].startswith("constant") or row["tau"] == best
      face = colour if full else "white"
      axes.plot(row["tau"], y, marker="o", mec=colour, mfc=face, ms=4.5)
    axes.axvline(0, color=plotting.LIGHT, lw=0.8, zorder=0)
    axes.set_title(dataset)
    axes.set_xlabel("weighted tau")
  panels[0].set_yticks(range(len(methods)), methods)
  panels[0].set_ylim(len(methods) - 0.5, -0.5)
  plotting.title(picture, _title(rows))
  picture.caption = (
    "Lines: 95 % bootstrap over networks. A constant keeps that part of the initial logits"
    " of every image; filled: the best one, chosen by the truth as the paper does. Kernels:"
    f" t = 1, {lead_parts.PAPER.head_seeds} heads,"
    f" S = {lead_parts.PAPER.samples_per_class}. The paper: constant steps rank worst, a"
    " kernel a class best."
  )
  return picture


def _colour(method: str) -> str:
  return {
    START: plotting.ORANGE,
    MIXED: plotting.GREEN,
    CLASSES: plotting.VERMILION,
  }.get(method, plotting.BLUE)


def _title(rows: list[dict[str, Any]]) -> str:
  dataset = rankings.datasets_of(rows)[-1]
  tau = {row["method"]: row["tau"] for row in rows if row["dataset"] == dataset}
  best = max((name for name in tau if name.startswith("constant")), key=tau.__getitem__)
  shown = (best, MIXED, CLASSES, START)
  text = "; ".join(f"{name}: {plotting.signed(tau[name], 2)}" for name in shown)
  return f"Weighted tau {rankings.on(dataset)}. {text[0].upper()}{text[1:]}"
