"""A network with a new linear head, and the compiled functions that train and apply it.

What is trained is one pytree, so that a checkpoint is all of it:

```
{"params": {"network": (arrays), "head": {"kernel", "bias"}},
 "moments": the optimiser's, "standard": {"centre", "scale"}, "step": steps done}
```
Learning rate, weight decay, length and seed are arguments of the compiled step, so that a
model is compiled once for all runs of its grid. Batches are split over all local devices
along their first axis (`NamedSharding`); parameters are on each of them, and the compiler
adds the gradients up. The last batch of a pass is filled up with samples of weight 0, so
no image is left out and no shape is new.

On an accelerator a call does as many steps as fit into `_PIXELS` bytes, in a loop on the
device. On a CPU it does one: XLA's convolutions inside a loop there are many times slower
(seen on the ResNet-8 of a development zoo).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import UInt8

from lead_jax.backbones import Backbone, low_precision
from lead_jax.checks import InputError
from lead_jax.data import prepare_batch
from lead_jax.finetune import _optimiser as optimiser, _schedule as schedule
from lead_jax.finetune._augment import augment
from lead_jax.finetune._label_kinds import Labels, compact, losses
from lead_jax.finetune._protocol import Protocol
from lead_jax.typing import Array, Float, Int

State = dict[str, Any]
# Images uint8[N, H, W, 3], or features float32[N, D] where those are computed once.
Inputs = UInt8[np.ndarray, "n h w 3"] | Float[np.ndarray, "n d"]

_PIXELS = 64 << 20
_EVALUATED = 64  # images per call, at least, where nothing is trained

# What random numbers are for; folded into a run's key.
_HEAD, _AUGMENTATION = 0, 1


class Learner:
  """Compiled functions for one backbone, number of classes and protocol."""

  def __init__(
    self,
    backbone: Backbone,
    num_classes: int,
    protocol: Protocol,
    *,
    devices: Sequence[jax.Device] | None = None,
    loop: bool | None = None,
  ):
    """Checks the network's output; compiles nothing yet.

    Args:
      backbone: Its parameters are left as they are. Floating-point ones are trained, so
        what a file holds as constants (batch-normalisation statistics) stays frozen.
      num_classes: Outputs of the head.
      protocol: How to train.
      devices: All local ones if None; the most of them that divide the batch are used.
      loop: Whether a call does many steps; only on accelerators if None.

    Raises:
      InputError: If the network's features are not [N, D].
    """
    found = list(devices or jax.local_devices())
    count = max(d for d in range(1, len(found) + 1) if not protocol.batch_size % d)
    mesh = Mesh(np.asarray(found[:count]), ("batch",))
    self.num_devices = count
    self._evaluated = _EVALUATED + -_EVALUATED % count
    self.protocol = protocol
    self.num_classes = num_classes
    self.on_features = protocol.trainable == "head" and not protocol.augmented
    self._backbone = backbone
    self._everywhere = NamedSharding(mesh, PartitionSpec())
    self._split = NamedSharding(mesh, PartitionSpec("batch"))
    self._split_steps = NamedSharding(mesh, PartitionSpec(None, "batch"))
    self._loop = found[0].platform != "cpu" if loop is None else loop
    self._shape = (backbone.input.height, backbone.input.width, 3)

    leaves, self._tree = jax.tree.flatten(backbone.params)
    learnt = [
      protocol.trainable == "all" and jnp.issubdtype(jnp.result_type(x), jnp.floating)
      for x in leaves
    ]
    self._learnt = learnt
    self._initial, self._fixed = (
      self.place(tuple(x for x, yes in zip(leaves, learnt, strict=True) if yes is kind))
      for kind in (True, False)
    )
    images = jax.ShapeDtypeStruct((2, *self._shape), jnp.uint8)
    shape = jax.eval_shape(self._network, self._initial, self._fixed, images).shape
    if len(shape) != 2 or shape[0] != 2 or not shape[1]:
      raise InputError(
        f"model {backbone.name!r} gives features of shape {shape} for 2 images, "
        "expected (2, D)"
      )
    self.dim = shape[1]
    self._step = jax.jit(self._one_step, donate_argnums=0)
    self._steps = jax.jit(self._many_steps, donate_argnums=0)
    self._features = jax.jit(self._network, out_shardings=self._split)
    self._head = jax.jit(_logits)

  def start(self, seed: int, features: Float[np.ndarray, "n d"] | None) -> State:
    """Returns the state before the first step.

    Args:
      seed: Decides the head, a normal of the protocol's scale with bias 0.
      features: Of the training images, by the network as it came; None where the
        protocol does not standardise.
    """
    key = jax.random.fold_in(jax.random.key(seed), _HEAD)
    kernel = jax.random.normal(key, (self.dim, self.num_classes), jnp.float32)
    head = {
      "kernel": kernel * np.float32(self.protocol.head_scale / np.sqrt(self.dim)),
      "bias": jnp.zeros(self.num_classes, jnp.float32),
    }
    # Copies: steps take the state's memory for their results.
    params = {"network": jax.tree.map(jnp.array, self._initial), "head": head}
    centre, scale = np.zeros(self.dim), 1.0
    if self.protocol.standardise:
      if features is None:
        raise ValueError("features must be given where the protocol standardises them")
      wide = features.astype(np.float64)
      centre, scale = wide.mean(axis=0), wide.std() + 1e-6
    state = {
      "params": params,
      "moments": optimiser.directions(self.protocol, 0.0).init(params),
      "standard": {
        "centre": jnp.asarray(centre, jnp.float32),
        "scale": jnp.asarray(scale, jnp.float32),
      },
      "step": jnp.asarray(0, jnp.int32),
    }
    return self.place(state)

  def place(self, state: Any) -> Any:
    """Puts arrays on every device."""
    return jax.device_put(state, self._everywhere)

  def features(
    self, images: UInt8[np.ndarray, "n h w 3"], state: State | None = None
  ) -> Float[np.ndarray, "n d"]:
    """The network's features, as it came or as trained so far; no augmentation."""
    network = self._initial if state is None else state["params"]["network"]
    found = np.empty((len(images), self.dim), np.float32)
    size = self._evaluated
    for start in range(0, len(images), size):
      batch = images[start : start + size]
      count = len(batch)
      batch = np.pad(batch, ((0, size - count), *[(0, 0)] * (batch.ndim - 1)))
      values = self._features(network, self._fixed, jax.device_put(batch, self._split))
      found[start : start + count] = np.asarray(values)[:count]
    return found

  def logits(self, state: State, inputs: Inputs) -> Float[np.ndarray, "n k"]:
    """The head's outputs; no augmentation."""
    features = inputs if self.on_features else self.features(inputs, state)
    head, standard = state["params"]["head"], state["standard"]
    return np.asarray(self._head(head, standard, self.place(features)))

  def train(
    self,
    state: State,
    inputs: Inputs,
    labels: Labels,
    order: Int[np.ndarray, " n"],
    *,
    learning_rate: float,
    weight_decay: float,
    total: int,
    seed: int,
    progress: Callable[[int], object] = lambda steps: None,
  ) -> tuple[State, Float[np.ndarray, " steps"]]:
    """Takes one pass over samples; `state` is used up.

    Args:
      state: From `start`, `train` or a checkpoint.
      inputs: Samples.
      labels: Class ids int[N], or bool[N, K] where a sample may be of several classes.
      order: Rows of `inputs` in the order to be taken.
      learning_rate: Peak, of the network.
      weight_decay: As the optimiser takes it, already divided where that is asked for.
      total: Steps of the whole run, which the schedule needs; a pass ends there.
      seed: Of the augmentation.
      progress: Called with the number of steps done so far in this pass.

    Returns:
      The state after it, and the mean loss of each batch before its step.
    """
    size = self.protocol.batch_size
    whole = -(-len(order) // size)
    count = min(whole, total - int(state["step"]))
    hyper = {
      "peak": np.float32(learning_rate),
      "decay": np.float32(weight_decay),
      "total": np.int32(total),
    }
    key = jax.random.fold_in(jax.random.key(seed), _AUGMENTATION)
    each = 1
    if self._loop:
      each = max(1, min(whole, _PIXELS // (inputs[:1].nbytes * size)))
    found: list[jax.Array] = []
    for first in range(0, count, each):
      here = min(each, count - first)
      batches = _batches(inputs, labels, order, size, first, each)
      if self._loop:
        placed = jax.device_put(batches, self._split_steps)
        state, loss = self._steps(state, self._fixed, placed, here, hyper, key)
      else:
        placed = jax.device_put(jax.tree.map(lambda x: x[0], batches), self._split)
        state, loss = self._step(state, self._fixed, placed, hyper, key)
      found.append(loss.reshape(-1)[:here])
      if len(found) > 1:
        found[-2].block_until_ready()  # one call ahead, and no more
        progress(first)
    progress(count)
    return state, np.concatenate([np.asarray(loss) for loss in found])

  def _network(self, network, fixed, images):
    """Features of images, in float32."""
    learnt, rest = iter(network), iter(fixed)
    leaves = [next(learnt) if yes else next(rest) for yes in self._learnt]
    params = jax.tree.unflatten(self._tree, leaves)
    x = prepare_batch(images, self._backbone.input)

    def apply(params, x):
      outputs = self._backbone.apply(params, x)
      if "features" not in outputs:
        raise InputError(
          f"model {self._backbone.name!r} gives no output called 'features'"
        )
      return outputs["features"].astype(jnp.float32)

    if self.protocol.precision == "bfloat16":
      return low_precision(apply)(params, x)
    with jax.default_matmul_precision("highest"):
      return apply(params, x)

  def _one_step(self, state, fixed, batch, hyper, key):
    inputs, labels, weights = batch
    protocol, step = self.protocol, state["step"]
    if not self.on_features:
      inputs = augment(
        jax.random.fold_in(key, step),
        inputs,
        flips=protocol.flip,
        pixels=protocol.crop,
        zooms=protocol.zoom,
      )

    def loss_of(params):
      features = inputs
      if not self.on_features:
        features = self._network(params["network"], fixed, inputs)
      logits = _logits(params["head"], state["standard"], features)
      return jnp.sum(weights * losses(logits, labels)) / jnp.sum(weights)

    params = state["params"]
    loss, gradients = jax.value_and_grad(loss_of)(params)
    directions = optimiser.directions(protocol, hyper["decay"])
    steps, moments = directions.update(gradients, state["moments"], params)
    rate = schedule.scheduled_rate(
      step, peak=hyper["peak"], warmup=protocol.warmup_steps, total=hyper["total"]
    )
    params = optimiser.descend(params, steps, rate, protocol.head_factor)
    new = {**state, "params": params, "moments": moments, "step": step + 1}
    return new, loss

  def _many_steps(self, state, fixed, batches, count, hyper, key):
    """The first `count` of the batches; a loop whose length is no part of its shape."""

    def body(index, carry):
      state, found = carry
      batch = jax.tree.map(functools.partial(_at, index=index), batches)
      state, loss = self._one_step(state, fixed, batch, hyper, key)
      return state, found.at[index].set(loss)

    found = jnp.zeros(len(batches[1]), jnp.float32)
    return jax.lax.fori_loop(0, count, body, (state, found))


def _at(array: Float[Array, "s ..."], *, index: Int[Array, ""]) -> Array:
  return jax.lax.dynamic_index_in_dim(array, index, keepdims=False)


def _logits(
  head: dict[str, Array], standard: dict[str, Array], features: Float[Array, "n d"]
) -> Float[Array, "n k"]:
  scaled = (features - standard["centre"][None]) / standard["scale"]
  with jax.default_matmul_precision("highest"):
    return scaled @ head["kernel"] + head["bias"][None]


def _batches(inputs, labels, order, size: int, first: int, count: int):
  """Batches `first` to `first + count` as arrays [S, B, ...], what is missing weighs 0."""
  places = np.arange(first * size, (first + count) * size)
  weights = (places < len(order)).astype(np.float32)
  rows = order[np.where(places < len(order), places, 0)]
  shape = (count, size)
  return tuple(
    array.reshape(*shape, *array.shape[1:])
    for array in (inputs[rows], compact(labels[rows]), weights)
  )
