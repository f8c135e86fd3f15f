"""What one image costs a network."""

from typing import Any

import jax
import jax.numpy as jnp

from lead_jax.backbones import Backbone
from lead_jax.features._store import FeatureStore
from lead_jax.system import content_key

# To be raised when the same network is counted in another way.
_COUNT_VERSION = 1


def flops_per_image(backbone: Backbone, store: FeatureStore) -> float | None:
  """Counts the floating-point operations of one image, a multiply and an add as two.

  XLA counts them in the network's program before it is optimised; nothing is compiled and
  nothing computed. What is known is kept in the store.

  Args:
    backbone: A network.
    store: Of what is known.

  Returns:
    None where the program cannot be counted, such as a network that runs outside JAX.
  """
  key = content_key(
    flops=_COUNT_VERSION,
    weights=backbone.weights_hash,
    input=backbone.input.canonical(),
    feature_point=backbone.feature_point,
    architecture=backbone.architecture,
  )
  if (kept := store.get_json(key)) is not None:
    return kept["flops"]
  flops = _count(backbone)
  store.keep_json(key, {"flops": flops})
  return flops


def _count(backbone: Backbone) -> float | None:
  spec = backbone.input
  channels = 1 if spec.channels == "gray" else 3
  plane = (spec.height, spec.width)
  shape = (channels, *plane) if spec.layout == "NCHW" else (*plane, channels)
  image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
  params = jax.tree.map(_shape, backbone.params)
  try:
    lowered = jax.jit(backbone.apply).lower(params, image)
    # XLA would count a network behind a callback as next to nothing.
    if "callback" in lowered.as_text():
      return None
    flops = (lowered.cost_analysis() or {}).get("flops")
  except Exception:
    return None  # made for other batches than of one image, or not to be counted here
  return None if flops is None else float(flops)


def _shape(array: Any) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(jnp.shape(array), jnp.result_type(array))
