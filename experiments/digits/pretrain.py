"""Pre-training on digits 0 to 4: four objectives and none at all.

The objectives are the simplest of their kind: cross-entropy on the labels of slightly
distorted images; which quarter
turn was applied (Gidaris et al., `Unsupervised representation learning by predicting
image rotations <https://arxiv.org/abs/1803.07728>`_, 2018); the contrast of two views
(Chen et al., `SimCLR <https://arxiv.org/abs/2002.05709>`_, 2020); and the whole image
from one with parts hidden (Vincent et al. 2008, He et al. 2022), decoded linearly from
the pooled feature. A whole run is one `lax.scan`, so it is compiled once.
"""

import functools
import zlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from experiments.configs.digits import Pretraining
from experiments.digits.data import BACKGROUND, NUM_SOURCE_CLASSES, Examples
from lead_jax.backbones.digits import apply_network, build_network
from lead_jax.typing import Params

Images = Float[Array, "n 8 8 1"]

NUM_ROTATIONS = 4
TEMPERATURE = 0.2  # of the contrast
NUM_LOGITS = {"supervised": NUM_SOURCE_CLASSES, "rotation": NUM_ROTATIONS}


def num_logits(config: Pretraining) -> int:
  """Outputs of the source classifier; 0 where the pre-training has none."""
  return NUM_LOGITS.get(config.objective, 0)


def model_key(config: Pretraining, seed: int) -> Key[Array, ""]:
  """A key of its own for each model, whichever others are trained with it."""
  return jax.random.fold_in(jax.random.key(seed), zlib.crc32(config.name.encode()))


def pretrain(
  config: Pretraining, source: Examples, *, num_steps: int, key: Key[Array, ""]
) -> tuple[Params, float | None]:
  """Trains one network on the source images.

  Args:
    config: What to train, and how.
    source: Images float[N, 8, 8, 1] and labels in `[0, 5)`.
    num_steps: Optimiser steps; 0 leaves the initialisation as it is.
    key: Random key; the result is a function of it.

  Returns:
    The parameters of `build_network`, the objective's own head dropped, and the loss of
    the last step (None without one).
  """
  network = build_network(config.architecture, num_logits(config))
  init_key, head_key, noise_key, train_key = jax.random.split(key, 4)
  images = jnp.asarray(source.images)
  params = network.init(init_key, images[:1])["params"]
  params = jax.tree.map(
    lambda leaf: leaf * config.init_scale if leaf.ndim > 1 else leaf, params
  )
  if not num_steps:
    return params, None
  head = _head(config)
  features = apply_network(network, params, images[:1])["features"]
  state = {"network": params, "head": head.init(head_key, features)}
  labels = _replace_labels(noise_key, jnp.asarray(source.labels), config.label_noise)
  state, losses = _train(config, network, head, num_steps)(
    state, images, labels, train_key
  )
  return state["network"], float(losses[-1])


def _head(config: Pretraining) -> nn.Module:
  """The part that only the objective needs, applied to the features."""
  if config.objective == "contrastive":
    return nn.Sequential([nn.Dense(64), nn.relu, nn.Dense(32)])
  if config.objective == "reconstruction":
    return nn.Dense(64)
  return nn.Sequential([lambda features: features])


def _replace_labels(
  key: Key[Array, ""], labels: Int[Array, " n"], rate: float
) -> Int[Array, " n"]:
  """Replaces a share of the labels by classes drawn at random."""
  which_key, class_key = jax.random.split(key)
  replaced = jax.random.bernoulli(which_key, rate, labels.shape)
  drawn = jax.random.randint(class_key, labels.shape, 0, NUM_SOURCE_CLASSES)
  return jnp.where(replaced, drawn, labels)


def _train(config: Pretraining, network: nn.Module, head: nn.Module, num_steps: int):
  """Compiles `(state, images, labels, key) -> (state, losses)`."""
  schedule = optax.cosine_decay_schedule(config.learning_rate, num_steps)
  optimiser = optax.adam(schedule)
  loss_fn = functools.partial(_loss, config, network, head)

  @jax.jit
  def train(state, images, labels, key):
    def step(carry, step_key):
      state, moments = carry
      batch_key, loss_key = jax.random.split(step_key)
      rows = jax.random.choice(
        batch_key, len(labels), (config.batch_size,), replace=False
      )
      loss, grads = jax.value_and_grad(loss_fn)(
        state, images[rows], labels[rows], loss_key
      )
      updates, moments = optimiser.update(grads, moments, state)
      return (optax.apply_updates(state, updates), moments), loss

    carry = (state, optimiser.init(state))
    (state, _), losses = jax.lax.scan(step, carry, jax.random.split(key, num_steps))
    return state, losses

  return train


def _loss(
  config: Pretraining,
  network: nn.Module,
  head: nn.Module,
  state: Params,
  images: Images,
  labels: Int[Array, " n"],
  key: Key[Array, ""],
) -> Float[Array, ""]:
  """The objective of `config` on one batch."""

  def embed(inputs: Images) -> Float[Array, "n _"]:
    features = apply_network(network, state["network"], inputs)["features"]
    return head.apply(state["head"], features)  # type: ignore[return-value]

  if config.objective == "contrastive":
    first_key, second_key = jax.random.split(key)
    return _contrast(
      embed(_distort(first_key, images)), embed(_distort(second_key, images))
    )
  if config.objective == "reconstruction":
    decoded = embed(_hide(key, images, config.mask_size, config.mask_rate))
    return jnp.mean((decoded - images.reshape(decoded.shape)) ** 2)
  if config.objective == "rotation":
    images, labels = _rotate(key, images)
  else:
    images = _distort(key, images)
  logits = apply_network(network, state["network"], images)["logits"]
  return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def _rotate(key: Key[Array, ""], images: Images) -> tuple[Images, Int[Array, " n"]]:
  """Turns every image by a random number of quarters, which is its label."""
  quarters = jax.random.randint(key, images.shape[:1], 0, NUM_ROTATIONS)
  turned = jnp.stack([jnp.rot90(images, k, axes=(1, 2)) for k in range(NUM_ROTATIONS)])
  return turned[quarters, jnp.arange(len(images))], quarters


def _hide(key: Key[Array, ""], images: Images, size: int, rate: float) -> Images:
  """Empties a random share of the `size` x `size` squares of every image."""
  squares = images.shape[1] // size
  hidden = jax.random.bernoulli(key, rate, (len(images), squares, squares, 1))
  hidden = hidden.repeat(size, axis=1).repeat(size, axis=2)
  return jnp.where(hidden, BACKGROUND, images)


def _distort(key: Key[Array, ""], images: Images) -> Images:
  """Shifts by up to a pixel, changes the contrast by up to 30 %, adds noise."""
  shift_key, gain_key, noise_key = jax.random.split(key, 3)
  margin = ((0, 0), (1, 1), (1, 1), (0, 0))
  padded = jnp.pad(images, margin, constant_values=BACKGROUND)
  corners = jax.random.randint(shift_key, (len(images), 2), 0, 3)
  shifted = jax.vmap(
    lambda image, corner: jax.lax.dynamic_slice(
      image, (corner[0], corner[1], 0), images.shape[1:]
    )
  )(padded, corners)
  gain = jax.random.uniform(gain_key, (len(images), 1, 1, 1), minval=0.7, maxval=1.3)
  noise = 0.2 * jax.random.normal(noise_key, images.shape)
  return BACKGROUND + gain * (shifted - BACKGROUND) + noise


def _contrast(
  first_nd: Float[Array, "n d"], second_nd: Float[Array, "n d"]
) -> Float[Array, ""]:
  """NT-Xent (SimCLR, Eq. 1): each view must find its twin among all other views."""
  views = jnp.concatenate([first_nd, second_nd])
  views = views / (jnp.linalg.norm(views, axis=1, keepdims=True) + 1e-6)
  similarity = views @ views.T / TEMPERATURE
  itself = jnp.eye(len(views), dtype=bool)
  similarity = jnp.where(itself, -jnp.inf, similarity)
  twins = jnp.roll(jnp.arange(len(views)), len(first_nd))
  return optax.softmax_cross_entropy_with_integer_labels(similarity, twins).mean()
