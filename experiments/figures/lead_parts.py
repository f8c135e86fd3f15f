"""LEAD taken apart: what its figures share is computed once and kept.

A class's rate is the mean over its samples of the kernel's diagonal
(`ntk.mean_eigenvalues_by_trace`), so that the diagonals of all samples under a few heads
give the rates for any S, any draw of samples and any part of the data set; the initial
logits and the time enter afterwards. Keys are split as `lead_jax.lead` splits them: the
same seed is the same LEAD.
"""

import functools
import hashlib
from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.figures.material import Material
from lead_jax import logits, ntk
from lead_jax.backbones import ReadyFeatures
from lead_jax.data import Dataset
from lead_jax.dynamics import lead_config, lead_start, transfer_score
from lead_jax.evaluation import ScoreTable, score_table
from lead_jax.logits import Classifier
from lead_jax.run import labels_hash

# The paper's form: S = 64, t = 1, eight heads of 1024 and 2048.
PAPER = lead_config()


def each(
  material: Material, dataset: Dataset, what: str
) -> Iterator[tuple[int, ReadyFeatures]]:
  """Yields all networks with their places, those of one feature width together."""
  outputs = material.outputs(dataset)
  for m in sorted(range(len(outputs)), key=lambda m: outputs[m].features.shape[1]):
    material.working(f"{dataset.name}, {outputs[m].name}", what)
    yield m, outputs[m]


def features_of(material: Material, ready: ReadyFeatures) -> tuple[np.ndarray, str]:
  """Returns a network's features float32[N, D] and their hash."""

  def compute() -> tuple[np.ndarray, str]:
    features = np.ascontiguousarray(ready.features, np.float32)
    text = f"{features.shape}".encode()
    return features, hashlib.sha256(text + features.tobytes()).hexdigest()

  return material.once(("features", id(ready)), compute)


def start(
  material: Material, dataset: Dataset, m: int, classifier: Classifier = "svm"
) -> np.ndarray:
  """Returns the initial logits float32[N, K] of the network in place m."""
  features, content = features_of(material, material.outputs(dataset)[m])
  what = {"what": "initial logits", "features": content, "classifier": classifier}
  return material.array(
    {**what, "labels": labels_hash(dataset)},
    lambda: start_of(features, dataset.labels, dataset, classifier),
  )


def starts(
  material: Material, dataset: Dataset, classifier: Classifier = "svm"
) -> np.ndarray:
  """Returns the initial logits float32[M, N, K] of all networks."""

  def compute() -> np.ndarray:
    found = {
      m: start(material, dataset, m, classifier)
      for m, _ in each(material, dataset, f"initial logits of {classifier}")
    }
    return np.stack([found[m] for m in range(len(found))])

  return material.once(("all initial logits", dataset.name, classifier), compute)


def start_of(
  features: np.ndarray,
  labels: np.ndarray,
  dataset: Dataset,
  classifier: Classifier = "svm",
) -> np.ndarray:
  """Returns the initial logits [N, K] of samples.

  Args:
    features: [N, D].
    labels: [N].
    dataset: Whose classes these are.
    classifier: See `LeadConfig`.
  """
  start = lead_start(
    jnp.asarray(features, jnp.float32),
    jnp.asarray(labels),
    config=lead_config(classifier=classifier),
    num_classes=len(dataset.class_names),
  )
  return np.asarray(start.log_init)


def keys_of(seed: int, head_count: int) -> tuple[jax.Array, jax.Array]:
  """Returns LEAD's keys of the samples and of each head."""
  key_rates, _ = jax.random.split(jax.random.key(seed))
  key_samples, key_heads = jax.random.split(key_rates)
  return key_samples, jax.random.split(key_heads, head_count)


@functools.partial(jax.jit, static_argnames=("num_classes", "hidden"))
def _diagonals(x_nd, keys_h, *, num_classes: int, hidden: tuple[int, ...]):
  head = ntk.MLPHead(num_classes, hidden, PAPER.initializer)

  def one_head(key):
    params = ntk.init_head(head, key, x_nd.shape[1], x_nd.dtype)
    return ntk.head_kernel_diagonal(params, x_nd)

  return jax.lax.map(one_head, keys_h)


def diagonal(material: Material, dataset: Dataset, m: int) -> np.ndarray:
  """Returns the kernels' diagonals of all samples, float32[heads, N], of one network.

  The heads are those of the paper's form under the material's seed.
  """
  features, content = features_of(material, material.outputs(dataset)[m])
  classes = len(dataset.class_names)
  _, keys_h = keys_of(material.seed, PAPER.head_seeds)
  what = {"what": "diagonals of head kernels", "features": content, "classes": classes}
  return material.array(
    {**what, "heads": PAPER.head_seeds, "seed": material.seed},
    lambda: _diagonals(
      jnp.asarray(features), keys_h, num_classes=classes, hidden=PAPER.hidden
    ),
  )


def diagonals(material: Material, dataset: Dataset) -> np.ndarray:
  """Returns the kernels' diagonals of all networks, float32[M, heads, N]."""

  def compute() -> np.ndarray:
    found = {
      m: diagonal(material, dataset, m)
      for m, _ in each(material, dataset, "kernels' diagonals")
    }
    return np.stack([found[m] for m in range(len(found))])

  return material.once(("all diagonals", dataset.name), compute)


def chosen(
  labels: np.ndarray, classes: int, size: int, seed: int, *, mixed: bool = False
) -> tuple[np.ndarray, np.ndarray]:
  """Draws LEAD's samples of each class, or of all classes mixed.

  Args:
    labels: [N] class ids.
    classes: K.
    size: S.
    seed: Of LEAD.
    mixed: One draw of all samples (`evolution="mixed"`).

  Returns:
    Rows [C, S] and which of them count, as `ntk.class_indices`.
  """
  ids = jnp.asarray(labels)
  indices, mask = ntk.class_indices(
    jnp.zeros_like(ids) if mixed else ids,
    num_classes=1 if mixed else classes,
    samples_per_class=size,
    key=keys_of(seed, 1)[0],
  )
  return np.asarray(indices), np.asarray(mask)


def rates_of(
  diagonal: np.ndarray, indices: np.ndarray, mask: np.ndarray, classes: int
) -> np.ndarray:
  """Returns the classes' rates [..., K] from diagonals [..., N] of chosen samples."""
  total = np.where(mask, diagonal[..., indices], 0).sum(axis=-1)
  rates = total / mask.sum(axis=-1)
  return np.broadcast_to(rates, (*rates.shape[:-1], classes))


def rates(material: Material, dataset: Dataset, m: int) -> np.ndarray:
  """Returns one network's rates [K] in the paper's form."""
  classes = len(dataset.class_names)
  picked = chosen(dataset.labels, classes, PAPER.samples_per_class, material.seed)
  mean = diagonal(material, dataset, m).mean(axis=0)
  return rates_of(mean, *picked, classes)


def all_rates(material: Material, dataset: Dataset) -> np.ndarray:
  """Returns all networks' rates [M, K] in the paper's form."""
  diagonals(material, dataset)  # in their best order
  every = range(len(material.models))
  return np.stack([rates(material, dataset, m) for m in every])


@jax.jit
def _evolved(log_init, labels, rates_k, eta_t):
  final = logits.evolve_class_aware(log_init, labels, rates_k, eta_t)
  return final, transfer_score(final, labels)


def evolved(
  log_init: np.ndarray, labels: np.ndarray, rates_k: np.ndarray, t: float
) -> tuple[np.ndarray, float]:
  """Returns one network's F_t and its score, in the paper's unit of time."""
  eta_t = jnp.asarray(PAPER.eta * t * PAPER.unit, jnp.float32)
  own = jnp.asarray(rates_k, jnp.float32)
  final, score = _evolved(log_init, jnp.asarray(labels), own, eta_t)
  return np.asarray(final), float(score)


def scores(
  log_init: np.ndarray, labels: np.ndarray, rates_mk: np.ndarray, t: float
) -> list[float]:
  """Returns LEAD's scores of all networks at time t; see `evolved`."""
  return [
    evolved(start, labels, own, t)[1]
    for start, own in zip(log_init, rates_mk, strict=True)
  ]


def tabulate(
  material: Material, found: Mapping[str, Mapping[str, list[float]]]
) -> ScoreTable:
  """Puts scores of all networks, by method and data set, beside the truth."""
  return score_table(
    {
      method: {
        dataset: dict(zip(material.models, values, strict=True))
        for dataset, values in by_dataset.items()
      }
      for method, by_dataset in found.items()
    },
    material.truth,
  )
