"""Predicted logits along t against real gradient descent on the head, and fine-tuning.

A head of LEAD's (1024 and 2048 wide, He-normal) is trained by full-batch gradient descent
on a few images of each class, for the squared loss and for cross-entropy. Its outputs are
shifted so that they start at LEAD's initial logits, as the closed forms do; the shift has
no gradient. Time is learning rate times steps, and is counted in time constants of the
mean eigenvalue of the kernel of a *single* logit, which is what gradient descent follows.
LEAD's rates are those of the summed logits (Eq. 24), K times larger.

The network is the truly best one of the first data set that has fine-tuned logits.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.figures import lead_parts
from experiments.figures.lead_logits import own_and_others
from experiments.figures.material import Material
from experiments.sensitivity.draws import stratified_rows
from lead_jax import logits, ntk
from lead_jax.assessment import plotting
from lead_jax.data import Dataset

SQUARED, CROSS_ENTROPY, TUNING = PANELS = (
  "squared loss",
  "cross-entropy",
  "fine-tuning",
)
DESCENT = "gradient descent"
KERNEL = "the kernel's flow"
RATES = "a rate a class (Eq. 7)"
PUBLISHED = "Eq. 7 as published"
LEAD = "LEAD (t = 1)"
IMAGES = 25
HEADS = 2
CONSTANTS = 5.0  # of time
POINTS = 25
# Learning rate times the largest eigenvalue: what is stable, and close to the flow.
_STEP = 0.4


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns mean logits of the own and of the other classes, by panel, curve and time."""
  material.finetuned_files()
  dataset = next(d for d in material.datasets if material.runs(d))
  tuned, truth = material.runs(dataset), material.truth[dataset.name]
  model = max((m for m in tuned if m in truth), key=lambda m: truth[m])
  runs, m = tuned[model], material.models.index(model)
  rows = _on_the_head(material, dataset, m)
  for e, epoch in enumerate(runs[0].epochs):
    values = [own_and_others(run.train_logits[e], run.train_labels) for run in runs]
    rows += _rows(TUNING, TUNING, float(epoch), values)
  start = lead_parts.start(material, dataset, m)
  rates = lead_parts.rates(material, dataset, m)
  final, _ = lead_parts.evolved(start, dataset.labels, rates, lead_parts.PAPER.t)
  predicted = own_and_others(final[runs[0].train_rows], runs[0].train_labels)
  rows += _rows(TUNING, LEAD, float(runs[0].epochs[-1]), [predicted])
  seeds = " ".join(str(run.seed) for run in runs)
  about = {"dataset": dataset.name, "model": model, "finetuning_seeds": seeds}
  return [{**about, **row} for row in rows]


def _rows(
  panel: str, curve: str, time: float, averages: Sequence[tuple[float, float]]
) -> list[dict[str, Any]]:
  """Two rows from repetitions' averages of the own class and of the others."""
  values = np.asarray(averages)
  return [
    {
      "panel": panel,
      "curve": curve,
      "time": time,
      "of": of,
      "value": float(values[:, i].mean()),
      "low": float(values[:, i].min()),
      "high": float(values[:, i].max()),
    }
    for i, of in enumerate(("own", "others"))
  ]


def _on_the_head(material: Material, dataset: Dataset, m: int) -> list[dict[str, Any]]:
  """Both panels of the head: descent, the kernel's flow, rates."""
  classes = len(dataset.class_names)
  picked = stratified_rows(
    dataset.labels,
    max(IMAGES // classes, 1),
    0,
    dataset=dataset.name,
    seed=material.seed,
  )
  features = np.asarray(material.outputs(dataset)[m].features, np.float32)[picked]
  labels = dataset.labels[picked]
  start = lead_parts.start(material, dataset, m)[picked]
  x, y, start = jnp.asarray(features), jnp.asarray(labels), jnp.asarray(start)
  kernel = ntk.wide_head_kernel(x, hidden=lead_parts.PAPER.hidden)
  mean = float(jnp.trace(kernel)) / len(labels)
  largest = float(jnp.linalg.eigvalsh(kernel)[-1])
  rate = _STEP / largest
  steps = int(np.ceil(CONSTANTS / (rate * mean)))
  shown = np.unique(np.geomspace(1, steps, POINTS).round().astype(int))
  diagonal = np.asarray(jnp.diagonal(kernel))
  rate_c = jnp.asarray([diagonal[labels == c].mean() for c in range(classes)])
  rows = []
  averages = lambda found: [own_and_others(np.asarray(found), labels)]
  _, keys = lead_parts.keys_of(material.seed, HEADS)
  for panel in (SQUARED, CROSS_ENTROPY):
    material.say(dataset.name, f"{steps} steps of {HEADS} heads, {panel}")
    paths = [_descend(x, y, start, key, rate, shown, panel, classes) for key in keys]
    for s, step in enumerate(shown):
      eta_t = jnp.asarray(rate * step, x.dtype)
      time = rate * step * mean
      descended = [averages(path[s])[0] for path in paths]
      rows += _rows(panel, DESCENT, time, descended)
      if panel == SQUARED:
        flow = logits.evolve_full_kernel(start, y, kernel, eta_t)
        for curve, times in ((RATES, 1), (PUBLISHED, classes)):
          moved = logits.evolve_class_aware(start, y, rate_c * times, eta_t)
          rows += _rows(panel, curve, time, averages(moved))
      else:
        flow = _cross_entropy_flow(start, y, kernel, eta_t)
      rows += _rows(panel, KERNEL, time, averages(flow))
  return rows


_cross_entropy_flow = jax.jit(logits.cross_entropy_flow)


def _descend(x, y, start, key, rate: float, shown, loss: str, classes: int):
  """Trains one head; returns its shifted logits after the steps that are shown."""
  head = ntk.MLPHead(classes, lead_parts.PAPER.hidden, lead_parts.PAPER.initializer)
  params = ntk.init_head(head, key, x.shape[1], x.dtype)
  shift = start - ntk.apply_head(head, params, x)
  found = []
  for step in range(1, int(shown[-1]) + 1):
    params, outputs = _step(
      params, x, y, shift, rate, loss=loss, hidden=lead_parts.PAPER.hidden
    )
    if step - 1 in shown:
      found.append(outputs)
  found.append(ntk.apply_head(head, params, x) + shift)
  return found


@functools.partial(jax.jit, static_argnames=("loss", "hidden"), donate_argnums=0)
def _step(params, x, y, shift, rate, *, loss: str, hidden: tuple[int, ...]):
  """One step of gradient descent on the sum of the losses; the logits before it."""
  classes = shift.shape[1]
  head = ntk.MLPHead(classes, hidden, lead_parts.PAPER.initializer)
  targets = jax.nn.one_hot(y, classes, dtype=x.dtype)

  def total(params):
    outputs = ntk.apply_head(head, params, x) + shift
    if loss == SQUARED:
      return 0.5 * jnp.sum(jnp.square(outputs - targets)), outputs
    return -jnp.sum(jax.nn.log_softmax(outputs, axis=1) * targets), outputs

  gradient, outputs = jax.grad(total, has_aux=True)(params)
  moved = jax.tree.map(lambda w, g: w - rate * g, params, gradient)
  return moved, outputs


_STYLE = {
  DESCENT: (plotting.BLACK, "-"),
  KERNEL: (plotting.BLUE, "--"),
  RATES: (plotting.GREEN, "-."),
  PUBLISHED: (plotting.VERMILION, ":"),
  TUNING: (plotting.BLACK, "-"),
  LEAD: (plotting.VERMILION, ":"),
}


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws a panel for each loss, and one for fine-tuning."""
  picture = plotting.new_figure(2.7)
  panels = picture.subplots(1, 3)
  for axes, panel in zip(panels, PANELS, strict=True):
    here = [row for row in rows if row["panel"] == panel]
    for curve in dict.fromkeys(row["curve"] for row in here):
      colour, style = _STYLE[curve]
      for of in ("own", "others"):
        own = [r for r in here if (r["curve"], r["of"]) == (curve, of)]
        label = curve if of == "own" else None
        if len(own) == 1:
          axes.axhline(own[0]["value"], color=colour, ls=style, lw=1.4, label=label)
          continue
        time = [row["time"] for row in own]
        values = [row["value"] for row in own]
        axes.plot(time, values, color=colour, ls=style, lw=1.4, label=label)
        bounds = [row["low"] for row in own], [row["high"] for row in own]
        axes.fill_between(time, *bounds, color=colour, alpha=0.15, lw=0)
    axes.set_title(panel if panel == TUNING else f"head, {panel}", fontsize=8)
    axes.set_xlabel("passes" if panel == TUNING else "time constants")
    if panel != TUNING:
      axes.set_xscale("log")
    else:
      axes.legend(loc="best")
  panels[0].set_ylabel("mean logit (own class above)")
  plotting.legend_under(picture, panels[0], columns=4)
  plotting.title(picture, _title(rows))
  picture.caption = (
    f"Left and middle: full-batch descent on {IMAGES} images, mean and range of {HEADS}"
    " heads, from LEAD's initial logits; the kernel is that of a single logit of wide heads"
    " (Eq. 6); 'as published' takes the rates of the summed logits, K times larger. Time in"
    " time constants of that kernel's mean eigenvalue. Right: the network itself (all of"
    " it), mean and range of seeds."
  )
  return picture


def _title(rows: list[dict[str, Any]]) -> str:
  def at(panel: str, curve: str) -> np.ndarray:
    own = [r for r in rows if (r["panel"], r["curve"]) == (panel, curve)]
    return np.asarray([row["value"] for row in own])

  far = lambda curve: np.abs(at(SQUARED, curve) - at(SQUARED, DESCENT)).max()
  return (
    f"The kernel's flow is within {far(KERNEL):.3f} of gradient descent on the head; a rate"
    f" a class is off by up to {far(RATES):.2f}, as published by {far(PUBLISHED):.2f}"
  )
