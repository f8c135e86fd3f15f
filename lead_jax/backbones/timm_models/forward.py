"""A network's features and logits in one pass of torch, and that pass as a backbone.

The backbone calls torch on the host from inside the compiled function: it runs under
`jit`, on batches of any size, and is not differentiable.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones.base import ApplyFn
from lead_jax.backbones.timm_models.library import Module
from lead_jax.errors import InputError


def pooled(network: Module) -> Module:
  """Returns a module: images -> (features [N, D],) or, with a classifier, and logits.

  Features are what timm's classifier sees: pooled, normalised, before its last layer.
  """
  import torch

  class Pooled(torch.nn.Module):
    def __init__(self):
      super().__init__()
      self.network = network
      self.classifies = bool(network.num_classes)

    def forward(self, images):
      maps = self.network.forward_features(images)
      features = self.network.forward_head(maps, pre_logits=True).flatten(1)
      if not self.classifies:
        return (features,)
      return features, self.network.forward_head(maps)

  return Pooled().eval()


def torch_apply(network: Module, widths: list[int], name: str) -> tuple[ApplyFn, Any]:
  """Returns `apply` of a backbone that runs in torch, and its parameters.

  Args:
    network: As `pooled` gives it.
    widths: Of its outputs.
    name: For messages.

  Returns:
    The function, and one number that stands for torch's own parameters: who asks for a
    derivative in it is refused.
  """
  import torch

  def on_host(images):
    with torch.inference_mode():
      outputs = network(torch.from_numpy(np.array(images, np.float32)))
    return tuple(y.float().numpy() for y in outputs)

  @jax.custom_vjp
  def run(params, images):
    shapes = tuple(
      jax.ShapeDtypeStruct((images.shape[0], n), np.float32) for n in widths
    )
    return jax.pure_callback(on_host, shapes, images, vmap_method="sequential")

  def refuse(params, images):
    raise InputError(
      f"model {name!r} runs in torch, which JAX cannot differentiate: train its head "
      "alone, or leave the model out"
    )

  run.defvjp(refuse, refuse)

  def apply(params, images):
    outputs = run(params, images.astype(jnp.float32))
    return dict(zip(("features", "logits"), outputs, strict=False))

  return apply, {"torch": jnp.zeros(1, jnp.float32)}
