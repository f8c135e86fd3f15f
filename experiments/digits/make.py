"""One model of the digits zoo, from its configuration to its rows in the files."""

import functools
import importlib.metadata
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.configs.digits import Finetuning, Pretraining
from experiments.digits.data import Examples, load_source, load_target
from experiments.digits.finetune import finetune
from experiments.digits.pretrain import model_key, num_logits, pretrain
from lead_jax.backbones.digits import PREFIX, apply_network, build_network, count_params
from lead_jax.typing import Params

SOURCE = "experiments/pretrain_digits.py"
LICENCE = "Apache-2.0"
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn")


class Data(NamedTuple):
  """Digits 0 to 4, and the two splits of digits 5 to 9."""

  source: Examples
  train: Examples
  test: Examples


class Made(NamedTuple):
  """A network, its entry in the index and its row in the ground truth."""

  params: Params
  entry: dict[str, Any]
  truth: dict[str, Any]


def load_data() -> Data:
  """Reads both halves of scikit-learn's digits."""
  return Data(load_source(), load_target("train"), load_target("test"))


def make_model(
  config: Pretraining,
  finetuning: Finetuning,
  data: Data,
  *,
  seed: int,
  steps_scale: float,
) -> Made:
  """Pre-trains and fine-tunes one network.

  Args:
    config: The network.
    finetuning: The protocol of the ground truth.
    data: What `load_data` returns.
    seed: Of the whole zoo; each model derives its own key.
    steps_scale: Factor on pre-training steps and fine-tuning epochs; where there are
      any, at least one remains.

  Returns:
    All that the files need to hold about it.
  """
  pretrain_key, finetune_key = jax.random.split(model_key(config, seed))
  num_steps = _scaled(config.steps, steps_scale)
  num_epochs = _scaled(finetuning.epochs, steps_scale)
  params, loss = pretrain(config, data.source, num_steps=num_steps, key=pretrain_key)
  network = build_network(config.architecture, num_logits(config))
  apply = functools.partial(apply_network, network)
  features = np.asarray(apply(params, jnp.asarray(data.train.images))["features"])
  outcome = finetune(
    apply,
    params,
    data.train,
    data.test,
    config=finetuning,
    num_epochs=num_epochs,
    key=finetune_key,
  )
  entry = {
    "architecture": config.architecture,
    "num_logits": num_logits(config),
    "num_params": count_params(params),
    "feature_dim": features.shape[1],
    "mean_squared_norm": float(f"{np.mean(np.sum(features**2, axis=1)):.4g}"),
    "pretraining": config.description,
    "pretraining_steps": num_steps,
    "pretraining_loss": None if loss is None else float(f"{loss:.4g}"),
    "source": SOURCE,
    "licence": LICENCE,
  }
  truth = {
    "model": PREFIX + config.name,
    "dataset": "digits",
    "accuracy": f"{np.mean(outcome.accuracies):.2f}",
    "measure": "top-1 %",
    "validation_accuracy": f"{outcome.validation_accuracy:.2f}",
    "learning_rate": outcome.learning_rate,
    "learning_rates_tried": " ".join(map(str, finetuning.learning_rates)),
    "seeds": len(outcome.accuracies),
    "protocol": finetuning.protocol,
    "source": SOURCE,
    "accuracy_std": f"{np.std(outcome.accuracies, ddof=1):.2f}",
  }
  return Made(params, entry, truth)


def describe_run(seed: int, steps_scale: float) -> dict[str, Any]:
  """What the result depends on beside the configuration in the repository."""
  return {
    "seed": seed,
    "steps_scale": steps_scale,
    "device": jax.devices()[0].device_kind,
    "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
  }


def _scaled(count: int, scale: float) -> int:
  return max(1, round(count * scale)) if count else 0
