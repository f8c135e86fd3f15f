"""A network and data small enough to be fine-tuned in a second."""

import jax
import numpy as np

from lead_jax.backbones._backbone import Backbone
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.data._dataset import Dataset
from lead_jax.finetune._protocol import Protocol
from lead_jax.finetune._task import make_target

CLASSES = ("top", "bottom", "both")


def network(name="small", seed=0):
  """One hidden layer, and an integer among its parameters that nothing may train."""
  rng = np.random.default_rng(seed)
  params = {
    "w": (0.2 * rng.normal(size=(48, 6))).astype(np.float32),
    "power": np.asarray(1, np.int32),
  }

  def apply(params, x):
    flat = x.reshape(len(x), -1) ** params["power"]
    return {"features": jax.nn.relu(flat @ params["w"])}

  spec = InputSpec(4, 4, "rgb", (128.0,) * 3, (64.0,) * 3)
  return Backbone(name, apply, params, spec, weights_hash=f"{seed:064d}")


def images(count, seed):
  """Noise, with light above, below, or on both sides: a flip changes no label."""
  rng = np.random.default_rng(seed)
  labels = np.arange(count) % 3
  pixels = rng.integers(0, 140, (count, 4, 4, 3))
  pixels[labels != 1, :2] += 100
  pixels[labels != 0, 2:] += 100
  return pixels.astype(np.uint8), labels.astype(np.int32)


def dataset(split, count, seed, read=None):
  pixels, labels = images(count, seed)
  read = read or pixels.__getitem__
  return Dataset("sides", split, labels, CLASSES, f"{seed:064d}", read_image=read)


def target(**test):
  return make_target(dataset("train", 50, 1), dataset("test", 31, 2, **test))


def protocol(**changes):
  fields = {
    "optimiser": "adamw",
    "learning_rates": (0.01,),
    "weight_decays": (1e-4,),
    "epochs": 4,
    "batch_size": 8,
    "standardise": True,
  }
  return Protocol("small", **{**fields, **changes})


def sets_dataset(split, count, seed, names=("above", "below")):
  """Light above, below, on both sides or on none: two classes that do not exclude."""
  rng = np.random.default_rng(seed)
  has = (np.arange(count)[:, None] >> np.arange(2)) % 2 == 1
  pixels = rng.integers(0, 140, (count, 4, 4, 3))
  pixels[has[:, 0], :2] += 100
  pixels[has[:, 1], 2:] += 100
  has = has[:, [("above", "below").index(name) for name in names]]
  return Dataset(
    "lights",
    split,
    has.argmax(axis=1).astype(np.int32),
    names,
    f"{seed:064d}",
    read_image=pixels.astype(np.uint8).__getitem__,
    label_sets=has,
  )


def sets_target():
  """Its test split names the classes in another order."""
  test = sets_dataset("test", 31, 2, ("below", "above"))
  return make_target(sets_dataset("train", 50, 1), test)
