"""A model's features of every image of a data set, made chunk by chunk and kept.

Images are looked at in the data set's balanced order, and each chunk of it is kept when it
is made: an extraction that is killed goes on with the chunk that it was in, and the first
images of a data set are a first part of the work for all of them. When all chunks are
there they become one entry of the store, with rows in the order of the data set.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np

from lead_jax.backbones import Backbone
from lead_jax.data import Dataset, ResizedCache
from lead_jax.features._chunks import Work
from lead_jax.features._store import FeatureStore


@dataclasses.dataclass(frozen=True)
class Extracted:
  """What a network makes of a data set.

  Attributes:
    features: float32[N, D]; mapped from its file where the store had it.
    source_logits: float32[N, Z], or None for a network without a classifier.
    cached: Whether the store had it.
    seconds: Time spent waiting, by stage: `read` (store, decoding and resizing) and
      `compute` (compilation and the devices). Stages overlap; what a stage did while
      another was waited for is not counted.
    key: Its key in the store, part of the keys of whatever is computed from it.
  """

  features: np.ndarray
  source_logits: np.ndarray | None
  cached: bool
  seconds: dict[str, float]
  key: str


def extract(
  backbone: Backbone,
  dataset: Dataset,
  *,
  batch_size: int = 64,
  store: FeatureStore | None = None,
  resized: ResizedCache | None = None,
  progress: Callable[[int, int], object] | None = None,
  devices: Sequence[jax.Device] | None = None,
) -> Extracted:
  """Computes features, or takes them from the store.

  Args:
    backbone: The network.
    dataset: With images; or the first ones of a data set, whose features are then a first
      part of the work for all of it.
    batch_size: Images a batch over all devices, rounded up to a multiple of their number;
      fewer on a CPU.
    store: Where outputs are looked up and kept. If it cannot be written, its `warn` is
      told and the outputs are returned all the same.
    resized: Resized images shared with other networks of the same input size.
    progress: Called with (images done, images in all) after each batch.
    devices: What to compute on; None is all local devices.

  Returns:
    Rows in the order of the data set.

  Raises:
    InputError: If the data set has no images, or the network's outputs are not [N, D],
      not finite, or other ones beside other images.
  """
  work = Work(backbone, dataset, store, resized, progress)
  started = time.perf_counter()
  arrays = work.stored()
  work.seconds["read"] += time.perf_counter() - started
  while arrays is None:
    work.compute(batch_size, devices or jax.local_devices())
    arrays = work.joined()
  if work.computed == 0 and progress is not None:
    progress(len(dataset), len(dataset))
  return Extracted(
    arrays["features"],
    arrays.get("logits"),
    cached=work.computed == 0,
    seconds=work.seconds,
    key=work.key,
  )
