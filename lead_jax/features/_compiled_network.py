"""A network over images, batch by batch: one compiled function, on all local devices.

uint8 images in, preparation and network fused, float32 features (and source logits) out.
Batches have one shape, the last one padded, so nothing is compiled twice; they are split
over all local devices along the batch axis; and the next batch is on its way before the
last one's results are there, while threads make the ones after. Products are computed in
full float32 on every platform, since a feature must not depend on where, or in which batch,
it was computed; or in bfloat16, where the user asked for it.

On a CPU a batch is a few images, whatever the caller asks for, and every core has one of
its own: what goes from layer to layer then stays in the caches, and no core waits for
another at the end of a layer (`python -m experiments.benchmark --only=extract`).
"""

import collections
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lead_jax.backbones import Backbone
from lead_jax.checks import InputError
from lead_jax.data import prepare_batch
from lead_jax.system import cpu_count

OUTPUTS = ("features", "logits")

# XLA's library of fused CPU kernels takes max(NaN, 0) for 0: what becomes NaN inside a
# network would leave its ReLU as a feature of zeros. Without it NaN arrives, is seen and
# refused, and extraction is as fast.
_COMPILER_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}

# Pixels of a batch on a CPU: eight images of 224 x 224.
_CPU_PIXELS = 8 * 224 * 224

# Of the largest output: what an image may differ by in another place of its batch.
_ROUNDING = {"float32": 1e-3, "bfloat16": 0.1}


class Forward:
  """A network, compiled for batches of one size.

  Attributes:
    batch_size: Images per batch.
    widths: By output, its number of columns.
    seconds: Time spent compiling and waiting for the devices.
  """

  def __init__(
    self, backbone: Backbone, batch_size: int, devices: Sequence[jax.Device]
  ):
    """Compiles.

    Args:
      backbone: The network.
      batch_size: Images per batch over all devices, rounded up to a multiple of their
        number; fewer on a CPU.
      devices: What to compute on.

    Raises:
      InputError: If the outputs are not [N, D].
    """
    started = time.perf_counter()
    self._backbone = backbone
    self._in_flight = 2
    spec = backbone.input
    if devices[0].platform == "cpu":
      batch_size = min(batch_size, max(1, _CPU_PIXELS // (spec.height * spec.width)))
      self._in_flight = cpu_count()
    self.batch_size = batch_size + -batch_size % len(devices)
    mesh = Mesh(np.asarray(devices), ("batch",))
    self._by_batch = NamedSharding(mesh, PartitionSpec("batch"))
    self._params = jax.device_put(backbone.params, NamedSharding(mesh, PartitionSpec()))

    def network(params, images):
      # float32 means float32, also where an accelerator would round the operands.
      exact = "highest" if backbone.precision == "float32" else "default"
      with jax.default_matmul_precision(exact):
        outputs = backbone.apply(params, prepare_batch(images, spec))
      return {
        name: outputs[name].astype(jnp.float32) for name in OUTPUTS if name in outputs
      }

    images = jax.ShapeDtypeStruct(
      (self.batch_size, spec.height, spec.width, 3), jnp.uint8, sharding=self._by_batch
    )
    traced = jax.jit(network, out_shardings=self._by_batch).trace(self._params, images)
    _check_shapes(traced.out_info, self.batch_size, backbone.name)
    self.widths = {name: out.shape[1] for name, out in traced.out_info.items()}
    self._run = traced.lower().compile(compiler_options=_COMPILER_OPTIONS)
    self.seconds = time.perf_counter() - started

  def over(self, batches: Iterator[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Yields the outputs of batches, in order; some are computed ahead.

    Raises:
      InputError: If an image's outputs depend on which others are in its batch.
    """
    waiting: collections.deque[Future[dict[str, np.ndarray]]] = collections.deque()
    pool = ThreadPoolExecutor(self._in_flight)
    try:
      for index, batch in enumerate(batches):
        work = self._compute if index else self._compute_first
        waiting.append(pool.submit(work, batch))
        if len(waiting) > self._in_flight:
          yield self._waited(waiting.popleft())
      while waiting:
        yield self._waited(waiting.popleft())
    finally:
      pool.shutdown(cancel_futures=True)

  def _waited(self, done: Future[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    began = time.perf_counter()
    outputs = done.result()
    self.seconds += time.perf_counter() - began
    return outputs

  def _compute(self, batch: np.ndarray) -> dict[str, np.ndarray]:
    count = len(batch)
    if count < self.batch_size:
      batch = np.pad(batch, ((0, self.batch_size - count), (0, 0), (0, 0), (0, 0)))
    outputs = self._run(self._params, jax.device_put(batch, self._by_batch))
    return {name: np.asarray(outputs[name])[:count] for name in self.widths}

  def _compute_first(self, batch: np.ndarray) -> dict[str, np.ndarray]:
    """Also looks whether images are mixed: half of them once more, beside others.

    Raises:
      InputError: If that gives them other outputs.
    """
    outputs = self._compute(batch)
    half = (len(batch) + 1) // 2
    if half == len(batch):
      return outputs
    # In other places too: the last ones, the other way round.
    others = self._compute(np.concatenate([255 - batch[half:], batch[:half][::-1]]))
    tolerance = _ROUNDING[self._backbone.precision]
    for name in outputs:
      one, other = outputs[name][:half], others[name][::-1][:half]
      finite = np.isfinite(one) & np.isfinite(other)
      scale = np.max(np.abs(one), initial=0, where=finite)
      with np.errstate(invalid="ignore"):
        apart = finite & (np.abs(one - other) > tolerance * scale)
      if apart.any():
        raise InputError(
          f"model {self._backbone.name!r} gives an image other {name} beside other "
          "images: its batch normalisation must be in inference mode, and no step may "
          "mix the images of a batch; export it again in evaluation mode"
        )
    return outputs


def _check_shapes(shapes: Mapping[str, Any], batch_size: int, model: str) -> None:
  if "features" not in shapes:
    raise InputError(f"model {model!r} gives no output called 'features'")
  for name, shape in shapes.items():
    if len(shape.shape) != 2 or shape.shape[0] != batch_size or not shape.shape[1]:
      raise InputError(
        f"model {model!r} gives {name} of shape {shape.shape} for {batch_size} images, "
        f"expected ({batch_size}, D)"
      )
