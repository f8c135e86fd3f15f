"""A network's features and logits in one pass of torch, and that pass as a backbone.

The backbone calls torch on the host from inside the compiled function, on batches of any
size. `jax.pure_callback` does the same but wraps its arguments in JAX arrays, and these
wait for the thread pool that the callers themselves fill up on a CPU: as many batches in
flight as there are cores never return. A primitive of our own is handed NumPy arrays.
Where a batch is split over devices, each of them has torch compute the whole batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import mlir

from lead_jax.backbones._backbone import ApplyFn
from lead_jax.backbones._timm._library import Module
from lead_jax.checks import InputError


def pooled(network: Module) -> Module:
  """Returns a module: images -> (features [N, D],) or, with a classifier, and logits.

  Features are what timm's classifier sees: pooled, normalised, before its last layer.
  """
  import torch

  class Pooled(torch.nn.Module):
    def __init__(self):
      super().__init__()
      self.network: Any = network
      self.classifies = bool(network.num_classes)

    def forward(self, images):
      maps = self.network.forward_features(images)
      features = self.network.forward_head(maps, pre_logits=True).flatten(1)
      if not self.classifies:
        return (features,)
      return features, self.network.forward_head(maps)

  return Pooled().eval()


def torch_apply(
  network: Module, widths: Sequence[int], name: str
) -> tuple[ApplyFn, dict[str, jax.Array]]:
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

  def on_host(images: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
      outputs = network(torch.from_numpy(np.array(images)))  # its own, to write into
    return [y.float().numpy() for y in outputs]

  @jax.jit
  def forward(images):
    return _FORWARD.bind(images, on_host=on_host, widths=tuple(widths))

  @jax.custom_vjp
  def run(params, images):
    del params
    return forward(images)

  def refuse(*_):
    raise InputError(
      f"model {name!r} runs in torch, which JAX cannot differentiate: train its head "
      "alone, or leave the model out"
    )

  run.defvjp(refuse, refuse)

  def apply(params, images):
    outputs = run(params, images.astype(jnp.float32))
    return dict(zip(("features", "logits"), outputs, strict=False))

  return apply, {"torch": jnp.zeros(1, jnp.float32)}


def _shapes(images: Any, *, on_host: Callable, widths: tuple[int, ...]) -> list:
  return [
    ShapedArray((images.shape[0], width), np.dtype(np.float32)) for width in widths
  ]


def _lower(ctx: Any, images: Any, *, on_host: Callable, widths: tuple[int, ...]):
  results, _, _ = mlir.emit_python_callback(
    ctx,
    on_host,
    None,
    [images],
    ctx.avals_in,
    ctx.avals_out,
    has_side_effect=False,
    returns_token=False,
  )
  return results


_FORWARD = Primitive("torch_forward")
_FORWARD.multiple_results = True
_FORWARD.def_abstract_eval(_shapes)
mlir.register_lowering(_FORWARD, _lower, cacheable=False)
