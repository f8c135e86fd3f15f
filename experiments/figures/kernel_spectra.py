"""Spectra of LEAD's class kernels, and what replacing them by their mean does.

LEAD moves all samples of a class at the mean eigenvalue of the class's kernel (Eq. 7). The
whole kernel moves each eigenvector's share of the residual at its own (Eq. 6). Where one
eigenvalue holds most of the trace and the residual, all of one sign in a class, lies along
its eigenvector, the mean is that eigenvalue over the number of samples, and far too slow.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.figures import rankings
from experiments.figures.material import Material, short
from lead_jax import ntk
from lead_jax.assessment import number, plotting
from lead_jax.data import Dataset
from lead_jax.dynamics import LeadConfig, lead_start

_CONFIG = LeadConfig()
# In mean time constants of the class, 1 / mean eigenvalue.
TIMES = tuple(float(t) for t in np.geomspace(1e-3, 1e2, 31))


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns spectra, their summaries by class, and the gain of the logits over time.

  Rows are of one `kind`: `spectrum` (share of the trace by index, mean over a network's
  classes), `class` (largest share, effective rank), `gain` (share of the residual that is
  gone at a time under the `whole` kernel, mean over classes).
  """
  rows = []
  for dataset in material.datasets:
    outputs = material.outputs(dataset)
    for ready in sorted(outputs, key=lambda ready: ready.features.shape[1]):
      features = jnp.asarray(ready.features, jnp.float32)
      about = {"dataset": dataset.name, "model": ready.name}
      rows += [
        {**about, **row} for row in _of_network(features, dataset, material.seed)
      ]
  return rows


def _of_network(
  features: jax.Array, dataset: Dataset, seed: int
) -> list[dict[str, Any]]:
  count, dim = len(dataset.class_names), features.shape[1]
  key_samples, key_head = jax.random.split(jax.random.key(seed))
  labels = jnp.asarray(dataset.labels)
  indices, mask = ntk.class_indices(
    labels,
    num_classes=count,
    samples_per_class=_CONFIG.samples_per_class,
    key=key_samples,
  )
  head = ntk.MLPHead(count, _CONFIG.hidden, _CONFIG.initializer)
  params = ntk.init_head(head, key_head, dim)
  kernels = np.asarray(_class_kernels(params, features, indices, mask), np.float64)
  start = lead_start(features, labels, config=_CONFIG, num_classes=count)
  log_init = np.asarray(start.log_init, np.float64)
  rows, shares, gains = [], [], []
  for c, name in enumerate(dataset.class_names):
    size = int(np.asarray(mask[c]).sum())
    chosen = np.asarray(indices[c])[:size]
    values, vectors = np.linalg.eigh(kernels[c, :size, :size])
    share = np.maximum(values[::-1], 0) / values.sum()
    # Of one-hot labels: what the class's own logits lack of 1, the others of 0.
    residual = np.eye(count)[[c] * size] - log_init[chosen]
    gains.append(gain_over_time(values, vectors, residual))
    shares.append(share)
    rows.append(
      {
        "kind": "class",
        "class": f"class {name}",
        "samples": size,
        "largest": share[0],
        "effective_rank": effective_rank(share),
      }
    )
  length = min(map(len, shares))
  mean = np.mean([share[:length] for share in shares], axis=0)
  rows += [
    {"kind": "spectrum", "index": i + 1, "share": value} for i, value in enumerate(mean)
  ]
  gain = np.mean(gains, axis=0)
  rows += [
    {"kind": "gain", "time": t, "whole": value}
    for t, value in zip(TIMES, gain, strict=True)
  ]
  return rows


_class_kernels = jax.jit(ntk.class_kernels)


def effective_rank(share: np.ndarray) -> float:
  """Returns the exponential of the entropy of eigenvalues' shares of the trace.

  References:
    Roy and Vetterli, The effective rank, EUSIPCO 2007.
  """
  positive = share[share > 0]
  return float(np.exp(-np.sum(positive * np.log(positive))))


def gain_over_time(
  values: np.ndarray, vectors: np.ndarray, residual: np.ndarray
) -> np.ndarray:
  """Returns [times] the share of a residual's norm that the whole kernel has removed.

  Args:
    values: [S] eigenvalues of a class's kernel.
    vectors: [S, S] eigenvectors, in columns.
    residual: [S, K] labels minus initial logits of the class's samples.
  """
  inner = np.square(vectors.T @ residual).sum(axis=1)
  decay = np.exp(-2 * np.outer(TIMES, values / values.mean()))
  return 1 - np.sqrt(decay @ inner / inner.sum())


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws spectra and gains over time, and below them every class of every network."""
  names = rankings.datasets_of(rows)
  models = sorted(
    dict.fromkeys(row["model"] for row in rows),
    key=lambda model: np.median(_of_classes(rows, model, "largest")),
  )
  low = 0.6 + 0.115 * len(models)
  picture = plotting.new_figure(2.3 + low)
  outer = picture.add_gridspec(2, 1, height_ratios=[2.0, low])
  spectra, gains = outer[0].subgridspec(1, 2).subplots()
  strips = outer[1].subgridspec(1, 2).subplots(sharey=True)
  of = lambda kind, name: [r for r in rows if (r["kind"], r["dataset"]) == (kind, name)]
  for index, name in enumerate(names):
    colour, marker = plotting.COLOURS[index % 6], plotting.MARKERS[index % 6]
    _bundle(spectra, of("spectrum", name), "index", "share", colour, name)
    _bundle(gains, of("gain", name), "time", "whole", colour, None)
    shift = 0.5 * (index + 0.5) / len(names) - 0.25
    for axes, column in zip(strips, ("largest", "effective_rank"), strict=True):
      axes.plot(
        [row[column] for row in of("class", name)],
        [models.index(row["model"]) + shift for row in of("class", name)],
        ls="none",
        marker=marker,
        color=colour,
        ms=2.5,
        mew=0,
        alpha=0.7,
        label=name,
      )
  spectra.set_xscale("log")
  spectra.set_yscale("log")
  spectra.set_xlabel("number of the eigenvalue")
  spectra.set_ylabel("share of the trace")
  times = np.array(TIMES)
  black = {"color": plotting.BLACK, "lw": 1.4}
  gains.plot(times, -np.expm1(-times), **black)
  gains.set_xscale("log")
  gains.set_xlabel("time, in 1 / mean eigenvalue")
  gains.set_ylabel("residual gone, share")
  strips[0].set_yticks(range(len(models)), short(models), fontsize=6.5)
  strips[0].set_ylim(-0.6, len(models) - 0.4)
  strips[0].set_xlabel("share of the largest eigenvalue")
  strips[1].set_xlabel("effective rank")
  for axes in strips:
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=plotting.LIGHT, lw=0.4)
  colour = plotting.GREY if len(names) > 1 else plotting.COLOURS[0]
  strips[0].plot([], [], color=colour, lw=1.8, label="whole kernel (Eq. 6)")
  strips[0].plot([], [], label="mean eigenvalue (Eq. 7)", **black)
  plotting.legend_under(picture, strips[0], columns=3)
  plotting.title(picture, _title(rows))
  picture.caption = (
    f"Kernels of the summed logits of up to {_CONFIG.samples_per_class} samples of a class,"
    " one He-normal head. Top: thin lines are networks (mean over classes), thick ones"
    " their median. Right: the residual of the paper's initial logits (SVM), under the"
    " whole kernel of a class (Eq. 6) and its mean eigenvalue (Eq. 7). Below: a"
    " point a class. Effective rank: the exponential of the entropy of the shares."
  )
  return picture


def _of_classes(rows: list[dict[str, Any]], model: str, column: str) -> list[float]:
  return [r[column] for r in rows if (r["kind"], r["model"]) == ("class", model)]


def _bundle(
  axes: Any, rows: list[dict[str, Any]], x: str, y: str, colour: str, label: str | None
) -> None:
  """Thin lines of networks and their median."""
  for model in dict.fromkeys(row["model"] for row in rows):
    own = [row for row in rows if row["model"] == model]
    axes.plot(
      [row[x] for row in own], [row[y] for row in own], color=colour, lw=0.4, alpha=0.5
    )
  places = sorted({row[x] for row in rows})
  median = [np.median([row[y] for row in rows if row[x] == place]) for place in places]
  axes.plot(places, median, color=colour, lw=1.8, label=label)


def _title(rows: list[dict[str, Any]]) -> str:
  classes = [row for row in rows if row["kind"] == "class"]
  largest = np.median([row["largest"] for row in classes])
  rank = np.median([row["effective_rank"] for row in classes])
  samples = np.median([row["samples"] for row in classes])
  gains = [row for row in rows if row["kind"] == "gain"]
  at = lambda time: (
    100
    * np.median(
      [row["whole"] for row in gains if np.isclose(row["time"], time, rtol=1e-3)]
    )
  )
  return (
    f"One eigenvalue holds {100 * largest:.0f} % of a class's trace (effective rank"
    f" {number(rank, '', 1)} of {samples:.0f}). The whole kernel removes"
    f" {at(0.1):.0f} % of the residual by t = 0.1 and {at(10):.0f} % by t = 10; its mean"
    " eigenvalue, 10 % and 100 %"
  )
