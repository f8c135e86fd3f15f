"""A network's features of every image of a data set.

One compiled function per network: uint8 images in, preparation and network fused, float32
features (and source logits) out. Batches have one shape, the last one padded, so nothing
is compiled twice; they are split over all local devices along the batch axis; and the
next batch is on its way before the last one's results are there, while threads make the
ones after. Products are computed in full float32 on every platform, since a feature must
not depend on where, or in which batch, it was computed; or in bfloat16, where the user
asked for it.

On a CPU a batch is a few images, whatever the caller asks for, and every core has one of
its own: what goes from layer to layer then stays in the caches, and no core waits for
another at the end of a layer (`python -m experiments.benchmark --only=extract`).
"""

import collections
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lead_jax.backbones import Backbone
from lead_jax.checks import InputError
from lead_jax.data import Dataset, ResizedCache, prepare_batch, resized_batches
from lead_jax.features._store import FeatureStore
from lead_jax.system import content_key, cpu_count

# To be raised whenever preparation or extraction gives other numbers for the same input.
EXTRACTION_VERSION = 1

_OUTPUTS = ("features", "logits")

# XLA's library of fused CPU kernels takes max(NaN, 0) for 0: what becomes NaN inside a
# network would leave its ReLU as a feature of zeros. Without it NaN arrives, is seen and
# refused, and extraction is as fast.
_COMPILER_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}

# Pixels of a batch on a CPU: eight images of 224 x 224.
_CPU_PIXELS = 8 * 224 * 224


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


def extraction_key(backbone: Backbone, dataset: Dataset) -> str:
  """The content key of a network's outputs on a data set."""
  return content_key(
    extraction=EXTRACTION_VERSION,
    weights=backbone.weights_hash,
    architecture=backbone.architecture,
    dataset=dataset.fingerprint,
    input=backbone.input.canonical(),
    feature_point=backbone.feature_point,
    outputs=_OUTPUTS,
    dtype=backbone.precision,
  )


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
    dataset: With images.
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
    InputError: If the data set has no images, or the network's outputs are not [N, D] or
      not finite.
  """
  key = extraction_key(backbone, dataset)
  started = time.perf_counter()
  arrays = store.get(key) if store is not None else None
  read_seconds = time.perf_counter() - started
  if arrays is not None:
    if progress is not None:
      progress(len(dataset), len(dataset))
    seconds = {"read": read_seconds, "compute": 0.0}
    return Extracted(
      arrays["features"], arrays.get("logits"), cached=True, seconds=seconds, key=key
    )
  arrays, seconds = _compute(
    backbone, dataset, batch_size, resized, progress, devices or jax.local_devices()
  )
  seconds["read"] += read_seconds
  for name, array in arrays.items():
    _check_finite(array, name, backbone.name, dataset.name)
  if store is not None:
    try:
      store.put(key, arrays)
    except InputError as error:
      store.warn(str(error))
  return Extracted(
    arrays["features"], arrays.get("logits"), cached=False, seconds=seconds, key=key
  )


def _compute(
  backbone: Backbone,
  dataset: Dataset,
  batch_size: int,
  resized: ResizedCache | None,
  progress: Callable[[int, int], object] | None,
  devices: Sequence[jax.Device],
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
  """Runs the network over the data set; returns outputs and seconds by stage."""
  count = len(dataset)
  spec = backbone.input
  in_flight = 2
  if devices[0].platform == "cpu":
    batch_size = min(batch_size, max(1, _CPU_PIXELS // (spec.height * spec.width)))
    in_flight = cpu_count()
  # No more padding than the devices ask for.
  batch_size = min(batch_size, count)
  batch_size += -batch_size % len(devices)
  mesh = Mesh(np.asarray(devices), ("batch",))
  by_batch = NamedSharding(mesh, PartitionSpec("batch"))
  seconds = {"read": 0.0, "compute": 0.0}
  started = time.perf_counter()
  params = jax.device_put(backbone.params, NamedSharding(mesh, PartitionSpec()))

  def network(params, images):
    # float32 means float32, also where an accelerator would round the operands.
    exact = "highest" if backbone.precision == "float32" else "default"
    with jax.default_matmul_precision(exact):
      outputs = backbone.apply(params, prepare_batch(images, spec))
    return {
      name: outputs[name].astype(jnp.float32) for name in _OUTPUTS if name in outputs
    }

  images = jax.ShapeDtypeStruct(
    (batch_size, spec.height, spec.width, 3), jnp.uint8, sharding=by_batch
  )
  traced = jax.jit(network, out_shardings=by_batch).trace(params, images)
  shapes = traced.out_info
  _check_shapes(shapes, batch_size, backbone.name)
  run = traced.lower().compile(compiler_options=_COMPILER_OPTIONS)
  arrays = {
    name: np.empty((count, shape.shape[1]), np.float32)
    for name, shape in shapes.items()
  }
  seconds["compute"] += time.perf_counter() - started

  def compute(batch: np.ndarray, start: int) -> int:
    """Fills the rows from `start` on; returns how many there are then."""
    stop = start + len(batch)
    if len(batch) < batch_size:
      rest = ((0, batch_size - len(batch)), (0, 0), (0, 0), (0, 0))
      batch = np.pad(batch, rest)
    outputs = run(params, jax.device_put(batch, by_batch))
    for name, array in arrays.items():
      array[start:stop] = np.asarray(outputs[name])[: stop - start]
    return stop

  def collect(done: Future[int]) -> None:
    began = time.perf_counter()
    stop = done.result()
    seconds["compute"] += time.perf_counter() - began
    if progress is not None:
      progress(stop, count)

  batches = resized_batches(dataset, spec, batch_size=batch_size, cache=resized)
  waiting: collections.deque[Future[int]] = collections.deque()
  pool = ThreadPoolExecutor(in_flight)
  try:
    for start in range(0, count, batch_size):
      began = time.perf_counter()
      batch = next(batches)
      seconds["read"] += time.perf_counter() - began
      waiting.append(pool.submit(compute, batch, start))
      if len(waiting) > in_flight:
        collect(waiting.popleft())
    next(batches, None)  # Lets it keep the resized images.
    while waiting:
      collect(waiting.popleft())
  finally:
    pool.shutdown(cancel_futures=True)
  return arrays, seconds


def _check_shapes(shapes: Mapping[str, Any], batch_size: int, model: str) -> None:
  if "features" not in shapes:
    raise InputError(f"model {model!r} gives no output called 'features'")
  for name, shape in shapes.items():
    if len(shape.shape) != 2 or shape.shape[0] != batch_size or not shape.shape[1]:
      raise InputError(
        f"model {model!r} gives {name} of shape {shape.shape} for {batch_size} images, "
        f"expected ({batch_size}, D)"
      )


def _check_finite(array: np.ndarray, name: str, model: str, data_set: str) -> None:
  # In pieces, since a mask of the whole array could be gigabytes.
  bad = sum(
    int((~np.isfinite(array[i : i + 4096])).any(axis=1).sum())
    for i in range(0, len(array), 4096)
  )
  if bad:
    raise InputError(
      f"model {model!r} gives {name} that are not finite (NaN or infinity) for {bad} of "
      f"the {len(array)} images of {data_set!r}: its weights or its input "
      "specification are not right"
    )
