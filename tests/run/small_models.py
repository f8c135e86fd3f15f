"""Small networks to rank: a random projection of the digits, with or without a head."""

import dataclasses

import jax
import numpy as np

from lead_jax.backbones._backbone import Backbone, ModelSpec
from lead_jax.backbones._input_spec import InputSpec


def tiny_backbone(name, seed, calls=None, width=12):
  weights = np.random.default_rng(seed).normal(size=(64, width)).astype(np.float32)

  def apply(params, images):
    if calls is not None:
      calls.append(name)  # once a trace: extraction really took place
    return {"features": jax.nn.relu(images.reshape(len(images), -1) @ params["w"])}

  spec = InputSpec(8, 8, "gray", (0.0,), (255.0,))
  return Backbone(name, apply, {"w": weights}, spec, weights_hash=f"{seed:064d}")


def tiny_spec(name, seed, calls=None, **options):
  return ModelSpec(name, lambda: tiny_backbone(name, seed, calls, **options))


def tiny_network(name, seed, num_logits=7, **options):
  """A network with a classifier."""
  backbone = tiny_backbone(name, seed, **options)
  rng = np.random.default_rng(seed)
  head = rng.normal(size=(backbone.params["w"].shape[1], num_logits))
  params = {**backbone.params, "head": head.astype(np.float32)}

  def apply(params, images):
    features = backbone.apply(params, images)["features"]
    return {"features": features, "logits": features @ params["head"]}

  return ModelSpec(
    name, lambda: dataclasses.replace(backbone, apply=apply, params=params)
  )


def tiny_features(name, digits):
  backbone = tiny_backbone(name, ord(name))
  images = np.stack([digits.read_image(i) for i in range(len(digits))])
  return np.asarray(
    backbone.apply(backbone.params, images[..., :1] / np.float32(255))["features"]
  )
