"""The rate of a class against the size of its features.

LEAD's rate is the mean eigenvalue of a class's kernel. In expectation over He-normal heads
it is K [(D + 1024 + 2048) m / D + 3], with m the mean squared norm of the class's features
(`lead_jax.ntk.expected_head_kernel_diagonal`): nothing but their size.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.figures import rankings
from experiments.figures.material import Material
from lead_jax import ntk
from lead_jax.assessment import number, plotting
from lead_jax.dynamics import LeadConfig, class_rates
from lead_jax.evaluation import kendall

_DRAWN = LeadConfig()
_EXPECTED = dataclasses.replace(_DRAWN, rates="expected")


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns norm, rate (mean and deviation over heads) and expected rate of each class."""
  rows = []
  for dataset in material.datasets:
    outputs = material.outputs(dataset)
    classes = len(dataset.class_names)
    for ready in sorted(outputs, key=lambda ready: ready.features.shape[1]):
      features = jnp.asarray(ready.features, jnp.float32)
      # One key: both look at the same samples of each class.
      drawn_hk, expected_hk = (
        np.asarray(
          _class_rates(
            features,
            jnp.asarray(dataset.labels),
            num_classes=classes,
            key=jax.random.key(material.seed),
            config=config,
          )[0],
          np.float64,
        )
        for config in (_DRAWN, _EXPECTED)
      )
      norm_n = np.square(np.asarray(ready.features, np.float64)).sum(axis=1)
      rows += [
        {
          "dataset": dataset.name,
          "model": ready.name,
          "class": f"class {name}",
          "classes": classes,
          "dim": features.shape[1],
          "norm": norm_n[dataset.labels == c].mean(),
          "rate": drawn_hk[:, c].mean(),
          "rate_std": drawn_hk[:, c].std(ddof=1),
          "expected": expected_hk[0, c],
        }
        for c, name in enumerate(dataset.class_names)
      ]
  return rows


_class_rates = jax.jit(class_rates, static_argnames=("num_classes", "config"))


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws networks' rates against their norms, and classes' rates over the expected."""
  picture = plotting.new_figure(2.9)
  left, right = picture.subplots(1, 2, width_ratios=[1.15, 1])
  for index, name in enumerate(rankings.datasets_of(rows)):
    here = [row for row in rows if row["dataset"] == name]
    look = {"color": plotting.COLOURS[index % 6], "marker": plotting.MARKERS[index % 6]}
    norm, rate = _means(here, "norm"), _means(here, "rate")
    left.plot(norm, rate, ls="none", ms=4, label=name, **look)
    for dim in (min(r["dim"] for r in here), max(r["dim"] for r in here)):
      _expectation(left, norm, int(dim), int(here[0]["classes"]), look["color"])
    right.plot(
      [row["norm"] for row in here],
      [row["rate"] / row["expected"] for row in here],
      ls="none",
      ms=2.5,
      mew=0,
      alpha=0.6,
      **look,
    )
  for axes in (left, right):
    axes.set_xscale("log")
    axes.set_xlabel("mean squared norm of the features")
  left.set_yscale("log")
  left.set_ylabel("mean rate over classes")
  left.plot([], [], color=plotting.GREY, lw=0.8, label="expected, least and largest D")
  right.axhline(1, color=plotting.BLACK, lw=0.8)
  noise = _noise(rows)
  right.axhspan(1 - 2 * noise, 1 + 2 * noise, color=plotting.LIGHT, lw=0, zorder=0)
  right.set_ylabel("rate of a class / expected rate")
  plotting.legend_under(picture, left, columns=4)
  plotting.title(picture, _title(rows))
  picture.caption = (
    "Left: a point a network; lines: K [(D + 1024 + 2048) m / D + 3] for the narrowest"
    " features and the widest. Right: a point a class of a network; rates are means over"
    f" {_DRAWN.head_seeds} He-normal heads on up to {_DRAWN.samples_per_class} samples,"
    " expected: the formula on the same samples; grey: two standard errors of such a mean"
    " (median over classes). Networks share the draws of the heads' upper layers."
  )
  return picture


def _means(rows: list[dict[str, Any]], column: str) -> np.ndarray:
  """Returns the mean over classes of each network, in one order."""
  models = dict.fromkeys(row["model"] for row in rows)
  of = lambda model: [row[column] for row in rows if row["model"] == model]
  return np.array([np.mean(of(model)) for model in models])


def _expectation(axes: Any, norm: np.ndarray, dim: int, classes: int, colour: str):
  ends = np.geomspace(norm.min(), norm.max(), 50)
  expected = ntk.expected_head_kernel_diagonal(
    jnp.asarray(ends), dim=dim, num_classes=classes
  )
  axes.plot(ends, np.asarray(expected), color=colour, lw=0.8, zorder=1)


def _noise(rows: list[dict[str, Any]]) -> float:
  """Relative standard error of a rate, the median over classes."""
  relative = [row["rate_std"] / row["rate"] for row in rows]
  return float(np.median(relative)) / _DRAWN.head_seeds**0.5


def _title(rows: list[dict[str, Any]]) -> str:
  norms, wholes, inside = [], [], []
  for name in rankings.datasets_of(rows):
    here = [row for row in rows if row["dataset"] == name]
    rate = _means(here, "rate")
    norms.append(kendall(_means(here, "norm"), rate))
    wholes.append(kendall(_means(here, "expected"), rate))
    for model in dict.fromkeys(row["model"] for row in here):
      own = [row for row in here if row["model"] == model]
      inside.append(kendall([r["norm"] for r in own], [r["rate"] for r in own]))
  off = np.median([abs(row["rate"] / row["expected"] - 1) for row in rows])
  text = lambda taus: number(float(np.mean(taus)), "", 2)
  return (
    f"Rates order networks as squared norms do (Kendall tau {text(norms)}; with the width"
    f" of the features, {text(wholes)}) and a network's classes, too ({text(inside)});"
    f" they are within {100 * off:.1f}\u00a0% (median) of their expectation"
  )
