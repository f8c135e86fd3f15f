"""Stand-ins for what cannot be had: random weights, made-up images in real records.

They have the names, structure and sizes of the real ones, so that a whole table can be
run from end to end without a network: its numbers mean nothing, and say so.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax.traverse_util import path_aware_map

from experiments.reproduction.records import prepare
from lead_jax.backbones import networks
from lead_jax.backbones.catalogue import Card
from lead_jax.backbones.networks import weight_shapes
from lead_jax.data import PaperDataset
from lead_jax.system import explain_write_errors, replacing_path

# Classes and images of a made-up data set: all of one size, so that what is compiled for
# one serves the others.
CLASSES, IMAGES = 4, 24
_SIDE = 240


def random_variables(network: str, num_logits: int, seed: int) -> Any:
  """Variables of a network that keep the scale of their input.

  Args:
    network: A key of `networks.NETWORKS`.
    num_logits: Of its classifier; 0 for none.
    seed: Seed of every random draw.

  Returns:
    `{"params", "batch_stats"}`, NumPy arrays: kernels of He's scale, unit variances.
  """
  rng = np.random.default_rng(seed)

  def leaf(path: tuple[Any, ...], shape: jax.ShapeDtypeStruct) -> np.ndarray:
    if len(shape.shape) > 1:
      scale = np.sqrt(2 / np.prod(shape.shape[:-1]))
      return rng.standard_normal(shape.shape, np.float32) * np.float32(scale)
    fill = 1.0 if path[-1] in ("running_var", "weight") else 0.0
    return np.full(shape.shape, fill, np.float32)

  return path_aware_map(leaf, weight_shapes(network, num_logits))


def write_weights(cards: Sequence[Card], folder: pathlib.Path) -> None:
  """Writes `NAME.safetensors` with random weights for each card, once."""
  import safetensors.numpy

  with explain_write_errors(folder):
    folder.mkdir(parents=True, exist_ok=True)
  for seed, card in enumerate(cards):
    path = folder / f"{card.name}.safetensors"
    if path.exists():
      continue
    logits = 1000 if card.zoo == "supervised" else 0
    variables = random_variables(card.network, logits, seed)
    tensors = networks.to_tensors(card.network, variables)
    with explain_write_errors(path), replacing_path(path) as temporary:
      safetensors.numpy.save_file(tensors, temporary)


def write_datasets(papers: Sequence[PaperDataset], folder: pathlib.Path) -> None:
  """Writes small prepared data sets with made-up images, once; tfds's own builders do.

  Args:
    papers: Of tfds.
    folder: Its `data_dir`.
  """
  for paper in papers:
    name = paper.spec.removeprefix("tfds:")
    if not any((folder / name).glob("*/dataset_info.json")):
      prepare(
        name,
        folder,
        dict.fromkeys(paper.parts, IMAGES // len(paper.parts)),
        classes=CLASSES,
        side=_SIDE,
      )
