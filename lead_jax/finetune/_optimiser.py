"""SGD with momentum and AdamW, with learning rate and weight decay as traced arguments.

Both as torch has them: SGD's weight decay is added to the gradient before the momentum
(L2), AdamW's is taken off the parameters, times the learning rate, beside the moments
(Loshchilov & Hutter, `Decoupled Weight Decay Regularization
<https://arxiv.org/abs/1711.05101>`_, 2019). Gradients are clipped first.
"""

from typing import TYPE_CHECKING, Any

import jax
from jaxtyping import Array, Float

from lead_jax.finetune._protocol import Protocol

if TYPE_CHECKING:
  import optax


def directions(
  protocol: Protocol, weight_decay: Float[Array, ""] | float
) -> "optax.GradientTransformation":
  """From gradients to steps of learning rate 1, to be subtracted."""
  import optax

  decay = optax.add_decayed_weights(weight_decay)
  parts = []
  if protocol.max_gradient_norm is not None:
    parts.append(optax.clip_by_global_norm(protocol.max_gradient_norm))
  if protocol.optimiser == "sgd":
    parts += [decay, optax.trace(protocol.momentum, protocol.nesterov)]
  else:
    parts += [optax.scale_by_adam(), decay]
  return optax.chain(*parts)


def descend(
  params: dict[str, Any],
  steps: dict[str, Any],
  rate: Float[Array, ""],
  head_factor: float,
) -> dict[str, Any]:
  """Subtracts the steps, those of the head `head_factor` times as large."""
  rates = {"network": rate, "head": rate * head_factor}
  return {
    part: jax.tree.map(lambda p, s, r=rates[part]: p - r * s, params[part], steps[part])
    for part in params
  }
