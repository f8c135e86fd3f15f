"""Ground truth of the digits zoo: fine-tune the whole network, measure on test images.

A new linear head is put on the features, standardised by the mean and the overall
standard deviation that the pre-trained network gives them on the training images, so
that the head starts alike on features of any scale. Everything is trained by AdamW, the
head faster than the network. The learning rate is chosen on a validation part of the
training split, then the network is trained again on all of it, once a seed. The budget
(epochs and the largest learning rate) is small because the task is easy: given more,
most networks, random weights among them, end within two points of each other. What is
compared is how far a pre-training carries.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Key

from experiments.configs.digits import Finetuning
from experiments.digits.data import Examples, split_validation
from lead_jax.backbones import ApplyFn
from lead_jax.typing import Params


class Outcome(NamedTuple):
  """What fine-tuning one model gave.

  Attributes:
    accuracies: Test accuracy of each seed, in percent.
    validation_accuracy: Mean over the seeds at the chosen learning rate, in percent.
    learning_rate: The one chosen.
  """

  accuracies: tuple[float, ...]
  validation_accuracy: float
  learning_rate: float


def finetune(
  apply: ApplyFn,
  params: Params,
  train: Examples,
  test: Examples,
  *,
  config: Finetuning,
  num_epochs: int,
  key: Key[Array, ""],
) -> Outcome:
  """Selects the learning rate, then fine-tunes and tests once a seed.

  Args:
    apply: The network; its `features` are used.
    params: Its pre-trained parameters, which are left as they are.
    train: Training split of the target.
    test: Test split of the target; looked at by the final runs only.
    config: The protocol.
    num_epochs: Passes over the training images.
    key: Random key; the result is a function of it.

  Returns:
    Accuracies in percent, larger is better.
  """
  seed_keys = jax.random.split(key, config.num_seeds)
  inner, validation = split_validation(train, config.validation_fraction)
  select = _compile(apply, inner, validation, config, num_epochs)
  scores = [
    float(np.mean([select(params, rate, seed_key) for seed_key in seed_keys]))
    for rate in config.learning_rates
  ]
  best = int(np.argmax(scores))  # the first, hence the smallest rate, on a tie
  final = _compile(apply, train, test, config, num_epochs)
  rate = config.learning_rates[best]
  accuracies = tuple(float(final(params, rate, seed_key)) for seed_key in seed_keys)
  return Outcome(accuracies, scores[best], rate)


def _compile(
  apply: ApplyFn,
  train: Examples,
  test: Examples,
  config: Finetuning,
  num_epochs: int,
):
  """Compiles `(params, learning_rate, key) -> accuracy in percent`."""
  images, labels = jnp.asarray(train.images), jnp.asarray(train.labels)
  test_images, test_labels = jnp.asarray(test.images), jnp.asarray(test.labels)
  steps_per_epoch = len(labels) // config.batch_size
  num_steps = num_epochs * steps_per_epoch
  head = nn.Dense(int(train.labels.max()) + 1)

  @jax.jit
  def run(params, learning_rate, key):
    def adamw(factor):
      schedule = optax.cosine_decay_schedule(factor * learning_rate, num_steps)
      return optax.adamw(schedule, weight_decay=config.weight_decay)

    optimiser = optax.chain(
      optax.clip_by_global_norm(config.max_gradient_norm),
      optax.partition(
        {"network": adamw(1.0), "head": adamw(config.head_factor)},
        {"network": "network", "head": "head"},
      ),
    )
    head_key, order_key = jax.random.split(key)
    features = apply(params, images)["features"]
    centre, scale = features.mean(axis=0, keepdims=True), features.std() + 1e-6
    state = {"network": params, "head": head.init(head_key, features[:1])}

    def logits(state, inputs):
      features = apply(state["network"], inputs)["features"]
      return head.apply(state["head"], (features - centre) / scale)

    def loss_fn(state, rows):
      return optax.softmax_cross_entropy_with_integer_labels(
        logits(state, images[rows]), labels[rows]
      ).mean()

    orders = jax.vmap(lambda k: jax.random.permutation(k, len(labels)))(
      jax.random.split(order_key, num_epochs)
    )
    batches = orders[:, : steps_per_epoch * config.batch_size].reshape(
      num_steps, config.batch_size
    )

    def step(carry, rows):
      state, moments = carry
      grads = jax.grad(loss_fn)(state, rows)
      updates, moments = optimiser.update(grads, moments, state)
      return (optax.apply_updates(state, updates), moments), None

    (state, _), _ = jax.lax.scan(step, (state, optimiser.init(state)), batches)
    correct = logits(state, test_images).argmax(axis=1) == test_labels
    return 100 * correct.mean()

  return run
