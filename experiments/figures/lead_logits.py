"""What methods predict of a fine-tuned network's logits: what Fig. 3, 5 and 10 compare.

Every method sees the labelled training images, as LEAD does, and says something of each.
The images compared are those that fine-tuning trained on. Three readings:

  raw: what the method predicts as it is. F_t of LEAD, its initial logits (t = 0) and the
    posteriors of SFDA and of PED over SFDA lie in [0, 1]; so do labels (LEAD at t =
    infinity) and the uniform answer. Fine-tuned logits do not.
  probability: softmax of the fine-tuned logits, and of LEAD out of sample times its
    temperature; all else lies in [0, 1] already and is taken as a probability.
  softmax: the same, but the softmax of F_t too, as LEAD's loss takes it.
  scaled: logits centred over the classes of an image, then divided by one number a
    network, their root mean square. Of posteriors the logarithms are logits.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.figures import lead_parts
from experiments.figures.material import Material
from lead_jax.assessment import plotting
from lead_jax.backbones import ReadyFeatures
from lead_jax.data import Dataset
from lead_jax.dynamics import (
  HeldOutConfig,
  compensated,
  inverse_temperature,
  lead_held_out,
)
from lead_jax.metrics import fit_sfda_discriminants, push_overlapping_classes
from lead_jax.statistics import softmax

RAW, PROBABILITY, SOFTMAX, SCALED = READINGS = (
  "raw",
  "probability",
  "softmax",
  "scaled",
)
# By method, what people read and how it is drawn; in the order of legends.
STYLE = {
  "lead": ("LEAD (t = 1)", plotting.VERMILION, "D"),
  "log_init": ("initial logits (t = 0)", plotting.ORANGE, "s"),
  "labels": ("the labels (t = \u221e)", plotting.YELLOW, "*"),
  "lead_held_out": ("LEAD out of sample", plotting.PURPLE, "P"),
  "sfda": ("SFDA", plotting.BLUE, "o"),
  "ped": ("PED over SFDA", plotting.SKY, "v"),
  "uniform": ("uniform", plotting.GREY, "X"),
}
METHODS = tuple(STYLE)
TRUTH = ("fine-tuned", plotting.BLACK, "|")
SAMPLES = 2000


class Logits(NamedTuple):
  """Logits [n, K] of images under each reading."""

  raw: np.ndarray
  probability: np.ndarray
  softmax: np.ndarray
  scaled: np.ndarray

  def of(self, rows: np.ndarray) -> "Logits":
    """Returns those of some images, whose size is then their own."""
    raw, probability, softened, centred = (array[rows] for array in self)
    return Logits(raw, probability, softened, scaled(centred))


def scaled(logits: np.ndarray) -> np.ndarray:
  """Returns logits centred over classes, of unit root mean square over all images."""
  centred = np.asarray(logits, np.float64) - logits.mean(axis=1, keepdims=True)
  size = np.sqrt(np.mean(centred**2))
  return centred / (size if size > 0 else 1)


def of_finetuned(logits: np.ndarray) -> Logits:
  """Returns a fine-tuned network's logits under each reading."""
  probability = softmax(logits.astype(np.float64))
  return Logits(
    np.asarray(logits, np.float64), probability, probability, scaled(logits)
  )


def _of_f(values: np.ndarray) -> Logits:
  """Of what LEAD calls logits: they lie in [0, 1] and sum to one."""
  values = np.asarray(values, np.float64)
  return Logits(values, values, softmax(values), scaled(values))


def _of_posterior(log_posterior: np.ndarray) -> Logits:
  posterior = softmax(log_posterior.astype(np.float64))
  return Logits(posterior, posterior, posterior, scaled(log_posterior))


@functools.partial(jax.jit, static_argnames="num_classes")
def _sfda(features, labels, *, num_classes: int):
  fits = fit_sfda_discriminants(features, labels, num_classes=num_classes)
  return jax.nn.log_softmax(fits.second_nk, axis=1)


@functools.partial(jax.jit, static_argnames="num_classes")
def _pushed(features, labels, *, num_classes: int):
  # Where a network has no source features, PED takes the target's own.
  mean_d, std_d = jnp.mean(features, axis=0), jnp.std(features, axis=0)
  return push_overlapping_classes(
    features, labels, mean_d, std_d, num_classes=num_classes
  ).features


@functools.partial(jax.jit, static_argnames="num_classes")
def _out_of_sample(features, labels, *, num_classes: int):
  config = HeldOutConfig()
  result = lead_held_out(features, labels, config=config, num_classes=num_classes)
  logits_nk = compensated(result.held_out_logits, labels)
  return logits_nk, inverse_temperature(logits_nk, labels)


def _of_network(ready: ReadyFeatures, dataset: Dataset) -> dict[str, Logits]:
  """What the methods say that are not LEAD in its published form."""
  classes = len(dataset.class_names)
  features = jnp.asarray(ready.features, jnp.float32)
  labels = jnp.asarray(dataset.labels)
  options = {"num_classes": classes}
  pushed = _pushed(features, labels, **options)
  found = {
    "sfda": _of_posterior(np.asarray(_sfda(features, labels, **options))),
    "ped": _of_posterior(np.asarray(_sfda(pushed, labels, **options))),
  }
  kept_out, factor = map(np.asarray, _out_of_sample(features, labels, **options))
  probability = softmax((kept_out * factor).astype(np.float64))
  found["lead_held_out"] = Logits(
    np.asarray(kept_out, np.float64), probability, probability, scaled(kept_out)
  )
  return found


def predictions(material: Material, dataset: Dataset, m: int) -> dict[str, Logits]:
  """Returns what each method predicts for the network in place m, on all its images."""

  def compute() -> dict[str, Logits]:
    ready = material.outputs(dataset)[m]
    material.working(f"{dataset.name}, {ready.name}", "predicted logits")
    log_init = lead_parts.start(material, dataset, m)
    rates = lead_parts.rates(material, dataset, m)
    final, _ = lead_parts.evolved(log_init, dataset.labels, rates, lead_parts.PAPER.t)
    onehot = np.eye(len(dataset.class_names))[dataset.labels]
    return {
      "lead": _of_f(final),
      "log_init": _of_f(log_init),
      "labels": _of_f(onehot),
      "uniform": _of_f(np.full(onehot.shape, 1 / onehot.shape[1])),
      **_of_network(ready, dataset),
    }

  return material.once(("predicted logits", dataset.name, m), compute)


class Pair(NamedTuple):
  """One network's fine-tuned logits beside what methods predicted.

  Attributes:
    model: Name of the network.
    labels: [n] of the images.
    runs: One a fine-tuning seed, of the last epoch, on the images trained on.
    test: Likewise, on test images; with their labels.
    predicted: By method, on the same images as `runs`.
    seeds: Of the runs.
    passes: After which the logits were taken.
  """

  model: str
  labels: np.ndarray
  runs: list[Logits]
  test: list[tuple[Logits, np.ndarray]]
  predicted: dict[str, Logits]
  seeds: list[int]
  passes: int


def pairs(material: Material, dataset: Dataset) -> list[Pair]:
  """Returns every network of which there are fine-tuned logits."""
  runs = material.runs(dataset)
  if not runs:
    return []
  found = []
  for model, own in runs.items():
    rows = own[0].train_rows
    if not all(np.array_equal(rows, run.train_rows) for run in own):
      own = own[:1]  # seeds of other images are no repetition
    every = predictions(material, dataset, material.models.index(model))
    found.append(
      Pair(
        model,
        dataset.labels[rows],
        [of_finetuned(run.train_logits[-1]) for run in own],
        [(of_finetuned(run.test_logits[-1]), run.test_labels) for run in own],
        {method: every[method].of(rows) for method in METHODS},
        [run.seed for run in own],
        int(own[0].epochs[-1]),
      )
    )
  return found


def own_and_others(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
  """Returns the mean logit of an image's own class, and the mean of its other classes."""
  n, k = logits.shape
  own = logits[np.arange(n), labels].mean()
  return float(own), float((logits.sum() - n * own) / (n * (k - 1)))


def with_interval(
  values: np.ndarray, seed: int, *, samples: int = SAMPLES
) -> dict[str, float]:
  """Returns the mean over networks and its 95 % bootstrap interval over them."""
  values = np.asarray(values, np.float64)
  rng = np.random.default_rng(seed)
  drawn = values[rng.integers(0, len(values), (samples, len(values)))].mean(axis=1)
  low, high = np.quantile(drawn, (0.025, 0.975))
  return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def about(pair: Pair) -> dict[str, Any]:
  """Returns the columns that say of what fine-tuning a row is."""
  seeds = " ".join(map(str, pair.seeds))
  return {"model": pair.model, "finetuning_seeds": seeds, "passes": pair.passes}


def mean_rows(
  rows: list[dict[str, Any]], columns: tuple[str, ...], seed: int
) -> list[dict[str, Any]]:
  """Returns rows of single networks, and before them their means with intervals.

  Args:
    rows: With `model`, the columns, `value` and whatever else is the same in a group.
    columns: Rows that are equal in these are averaged; those of the mean have no model.
    seed: Of the bootstrap.
  """
  groups: dict[tuple, list[dict[str, Any]]] = {}
  for row in rows:
    groups.setdefault(tuple(row[column] for column in columns), []).append(row)
  means = []
  for group in groups.values():
    values = np.asarray([row["value"] for row in group])
    first = {**group[0], "model": "", "networks": len(group)}
    means.append({**first, **with_interval(values, seed)})
  return means + rows


def of_means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
  """Returns those of the rows of `mean_rows` that are means."""
  return [row for row in rows if not row["model"]]
