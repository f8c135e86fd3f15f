"""What follows from the definition of a network alone: its function, shapes and costs."""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lead_jax.backbones._backbone import ApplyFn
from lead_jax.backbones.networks._layers import Conv, Dense, Dtype
from lead_jax.backbones.networks._networks import NETWORKS

_IMAGENET = 1000  # logits, where a count needs a number


def make_apply(
  network: str, batch_stats: Any, num_logits: int, dtype: Dtype = jnp.float32
) -> ApplyFn:
  """Returns a network as a pure function of its trainable parameters.

  Args:
    network: A key of `NETWORKS`.
    batch_stats: Running means and variances; they stay as they are in fine-tuning.
    num_logits: Outputs of the source classifier; 0 for a network without one.
    dtype: float32 or bfloat16, of products and what goes from layer to layer.

  Returns:
    `(params, images) -> {"features", "logits"}` for float images [N, H, W, 3]; both
    results are float32.
  """
  module = NETWORKS[network].make(num_logits=num_logits, dtype=dtype)

  def apply(params, images):
    return module.apply({"params": params, "batch_stats": batch_stats}, images)

  return apply


@functools.cache
def weight_shapes(network: str, num_logits: int) -> Any:
  """The variables of a network, shapes and types without values.

  Args:
    network: A key of `NETWORKS`.
    num_logits: Outputs of the source classifier; 0 for a network without one.

  Returns:
    `{"params", "batch_stats"}` with `jax.ShapeDtypeStruct` for leaves.
  """
  spec = NETWORKS[network]
  module = spec.make(num_logits=num_logits, dtype=jnp.float32)
  images = jax.ShapeDtypeStruct((1, spec.size, spec.size, 3), jnp.float32)
  return jax.eval_shape(module.init, jax.random.key(0), images)


def count_params(network: str, num_logits: int = _IMAGENET) -> int:
  """Number of trainable scalars; batch statistics are none."""
  leaves = jax.tree.leaves(weight_shapes(network, num_logits)["params"])
  return sum(math.prod(leaf.shape) for leaf in leaves)


def count_flops(
  network: str, size: int | None = None, num_logits: int = _IMAGENET
) -> int:
  """Multiply-adds of one image's convolutions and matrix products.

  Args:
    network: A key of `NETWORKS`.
    size: Rows and columns of the image; those it was made for if None.
    num_logits: Outputs of the source classifier; 0 for a network without one.
  """
  spec = NETWORKS[network]
  size = spec.size if size is None else size
  total = 0

  def count(call, args, kwargs, context):
    nonlocal total
    y = call(*args, **kwargs)
    if isinstance(context.module, Conv | Dense) and context.method_name == "__call__":
      weight: jax.Array = context.module.get_variable("params", "weight")
      total += y.size * weight.size // weight.shape[-1]
    return y

  module = spec.make(num_logits=num_logits, dtype=jnp.float32)
  variables = weight_shapes(network, num_logits)
  images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  with nn.intercept_methods(count):
    jax.eval_shape(module.apply, variables, images)
  return total
