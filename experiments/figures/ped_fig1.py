"""PED's Fig. 1: features before and after the motion of their classes.

An embedding by t-SNE shows neighbours and hides distances. So beside it stands a linear
projection, the same at all steps, onto the plane in which the class means vary most, and
numbers: how well classes are separated after each step, in the features themselves.

The motion knows the labels. A number that grows by it is no accuracy of the network.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.figures.material import Material, short
from lead_jax.assessment import number, plotting
from lead_jax.data import Dataset
from lead_jax.metrics import Problem, evaluate_metric, push_overlapping_classes

STEPS = 6
EMBEDDED = (0, 3, 6)
# Points of a picture, and classes that colours tell apart.
_POINTS = 300
_CLASSES = len(plotting.COLOURS)
_EXIT_RATIO = 0.5  # of PED: see `push_overlapping_classes`
_ACCURACY = "nearest-centroid accuracy"
# Of the best network and the worst.
_LOOKS = (plotting.BLUE, plotting.VERMILION)
# How much longer than it is the way of a mean is drawn.
_LONGER = 5


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns positions of images in pictures, and separation by network and step.

  Rows are of one `kind`: `tsne` and `linear` are images, `mean` the class means in the
  linear projection, `network` the numbers.
  """
  dataset = min(material.datasets, key=lambda dataset: len(dataset.class_names))
  truth = material.truth[dataset.name]
  ordered = sorted(truth, key=lambda model: truth[model])
  shown = [ordered[-1], ordered[0]]
  rows: list[dict[str, Any]] = []
  outputs = material.outputs(dataset)
  for ready in sorted(outputs, key=lambda ready: ready.features.shape[1]):
    steps = moved(np.asarray(ready.features), dataset)
    for step, z in enumerate(steps):
      rows.append(
        {
          "dataset": dataset.name,
          "model": ready.name,
          "kind": "network",
          "step": step,
          "centroid": _centroid(z, dataset),
          "silhouette": _silhouette(z, dataset),
        }
      )
    if ready.name in shown:
      about = {"dataset": dataset.name, "model": ready.name}
      rows += [{**about, **row} for row in _pictures(steps, dataset, material.seed)]
  order = {model: place for place, model in enumerate(shown)}
  return sorted(rows, key=lambda row: order.get(row["model"], len(order)))


def moved(features: np.ndarray, dataset: Dataset) -> list[np.ndarray]:
  """Returns standardised features before the motion and after each step, at most 6.

  Args:
    features: float[N, D]; their own statistics scale them.
    dataset: Whose labels they have.
  """
  mean_d, std_d = features.mean(axis=0), features.std(axis=0)
  scale_d = np.maximum(std_d, 1e-3)
  found = [features]
  first = 0.0
  # Radii do not change: six single steps are PED's six.
  for _ in range(STEPS):
    push = _push(
      jnp.asarray(found[-1]),
      jnp.asarray(dataset.labels),
      jnp.asarray(mean_d),
      jnp.asarray(std_d),
      num_classes=len(dataset.class_names),
      max_steps=1,
    )
    movement = float(push.movement_s[0])
    first = first or movement
    if not int(push.steps) or movement <= _EXIT_RATIO * first:
      break
    found.append(np.asarray(push.features))
  return [(x - mean_d) / scale_d for x in found]


_push = jax.jit(push_overlapping_classes, static_argnames=("num_classes", "max_steps"))


def _centroid(z: np.ndarray, dataset: Dataset) -> float:
  problem = Problem(z, dataset.labels, class_names=dataset.class_names)
  return evaluate_metric("nearest_centroid", problem).score


def _silhouette(z: np.ndarray, dataset: Dataset) -> float:
  from sklearn.metrics import silhouette_score

  return float(silhouette_score(z, dataset.labels))


def _pictures(
  steps: Sequence[np.ndarray], dataset: Dataset, seed: int
) -> list[dict[str, Any]]:
  """Where some of the images stand in each picture."""
  from sklearn.decomposition import PCA
  from sklearn.manifold import TSNE

  rng = np.random.default_rng(seed)
  known = np.flatnonzero(dataset.labels < _CLASSES)
  chosen = np.sort(rng.permutation(known)[:_POINTS])
  labels = dataset.labels[chosen]
  rows = []
  # Each goes on from the last one: from one start, small motions end in other maps.
  look = {"perplexity": min(30.0, (len(chosen) - 1) / 3), "random_state": seed}
  tsne = TSNE(init="pca", **look)
  for step in (step for step in EMBEDDED if step < len(steps)):
    places = tsne.fit_transform(steps[step][chosen])
    rows += _points("tsne", step, labels, places)
    tsne = TSNE(init=places, early_exaggeration=1.0, **look)
  classes = range(min(_CLASSES, len(dataset.class_names)))
  means = [np.stack([z[dataset.labels == c].mean(0) for c in classes]) for z in steps]
  plane = PCA(2, random_state=seed).fit(means[0])
  last = len(steps) - 1
  rows += _points("linear", last, labels, plane.transform(steps[last][chosen]))
  for step, mean in enumerate(means):
    rows += _points("mean", step, np.asarray(classes), plane.transform(mean))
  return rows


def _points(
  kind: str, step: int, labels: np.ndarray, places: np.ndarray
) -> list[dict[str, Any]]:
  return [
    {"kind": kind, "step": step, "class": int(label), "x": x, "y": y}
    for label, (x, y) in zip(labels, np.round(places.astype(float), 3), strict=True)
  ]


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws embeddings of two networks, and the separation of all."""
  shown = list(dict.fromkeys(row["model"] for row in rows if row["kind"] == "tsne"))
  steps = sorted({row["step"] for row in rows if row["kind"] == "tsne"})
  picture = plotting.new_figure(5.6)
  outer = picture.add_gridspec(3, 1, height_ratios=[1, 1, 0.95])
  for line, model in enumerate(shown):
    panels = outer[line].subgridspec(1, len(steps) + 1).subplots()
    of_model = [row for row in rows if row["model"] == model]
    last = max(row["step"] for row in of_model if row["kind"] == "network")
    for axes, step in zip(panels, steps, strict=False):
      if step > last:  # the motion of this network has ended before
        axes.set_axis_off()
        continue
      _scatter(axes, [r for r in of_model if (r["kind"], r["step"]) == ("tsne", step)])
      value = _value(of_model, model, step, "centroid")
      axes.set_title(f"t-SNE, step {step:.0f} ({value:.3f})", fontsize=7.5)
    _linear(panels[-1], of_model)
    panels[0].set_ylabel(short([model])[0], color=_LOOKS[line], fontweight="bold")
  below = outer[2].subgridspec(1, 2).subplots()
  for axes, column, label in zip(
    below, ("centroid", "silhouette"), ("accuracy", "silhouette"), strict=True
  ):
    _curves(axes, rows, shown, column)
    axes.set_xlabel("step of the motion")
    axes.set_ylabel(label)
  below[0].set_title(f"leave-one-out {_ACCURACY}", fontsize=7.5)
  below[1].set_title("silhouette of the classes", fontsize=7.5)
  plotting.title(picture, _title(rows))
  picture.caption = (
    f"Top: the network of the best true accuracy; below it the worst; grey: the others."
    f" {_POINTS} random images at most, coloured by class. In brackets: {_ACCURACY} in the"
    " features themselves. t-SNE: perplexity 30, each map goes on from the one before it."
    " Linear: the plane in which the class means vary most; rings: means before the motion;"
    f" lines: their way, drawn {_LONGER} times as long. Since the motion is told the"
    " labels, what it gains is no accuracy of the network."
  )
  return picture


def _scatter(axes: Any, rows: list[dict[str, Any]], **look: Any) -> None:
  axes.scatter(
    [row["x"] for row in rows],
    [row["y"] for row in rows],
    c=[plotting.COLOURS[int(row["class"])] for row in rows],
    s=3,
    lw=0,
    **look,
  )
  axes.set_xticks([])
  axes.set_yticks([])
  axes.spines[:].set_visible(True)


def _linear(axes: Any, rows: list[dict[str, Any]]) -> None:
  linear = [row for row in rows if row["kind"] == "linear"]
  _scatter(axes, linear, alpha=0.35)
  means = [row for row in rows if row["kind"] == "mean"]
  for label in sorted({row["class"] for row in means}):
    way = [row for row in means if row["class"] == label]
    x, y = (
      [way[0][name] + _LONGER * (row[name] - way[0][name]) for row in way]
      for name in ("x", "y")
    )
    axes.plot(x, y, color="black", lw=1.4)
    axes.plot(
      way[0]["x"],
      way[0]["y"],
      marker="o",
      ms=3.6,
      mew=0.8,
      mec="black",
      mfc=plotting.COLOURS[int(label)],
    )
  axes.set_title(f"linear, step {linear[0]['step']:.0f}", fontsize=7.5)
  axes.set_aspect("equal", adjustable="datalim")


def _value(rows: list[dict[str, Any]], model: str, step: float, column: str) -> float:
  wanted = ("network", model, step)
  return next(r for r in rows if (r["kind"], r["model"], r["step"]) == wanted)[column]


def _curves(
  axes: Any, rows: list[dict[str, Any]], shown: list[str], column: str
) -> None:
  numbers = [row for row in rows if row["kind"] == "network"]
  looks = dict(zip(shown, _LOOKS, strict=False))
  for model in dict.fromkeys(row["model"] for row in reversed(numbers)):
    line = [row for row in numbers if row["model"] == model]
    axes.plot(
      [row["step"] for row in line],
      [row[column] for row in line],
      color=looks.get(model, plotting.LIGHT),
      lw=1.8 if model in looks else 0.9,
      zorder=2 if model in looks else 1,
    )


def _title(rows: list[dict[str, Any]]) -> str:
  numbers = [row for row in rows if row["kind"] == "network"]
  models = list(dict.fromkeys(row["model"] for row in numbers))
  gains = {
    column: [
      line[-1][column] - line[0][column]
      for line in ([r for r in numbers if r["model"] == model] for model in models)
    ]
    for column in ("centroid", "silhouette")
  }
  points = 100 * np.array(gains["centroid"])
  return (
    f"PED's motion, which is told the labels, raises the {_ACCURACY} by"
    f" {points.min():.1f} to {points.max():.1f} points (median {np.median(points):.1f}) and"
    f" the silhouette by {number(float(np.median(gains['silhouette'])))} (median)"
  )
