"""The learning rate of a step: a linear rise, then half a cosine down to zero."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def scheduled_rate(
  step: Int[Array, ""],
  *,
  peak: Float[Array, ""],
  warmup: int,
  total: Int[Array, ""],
) -> Float[Array, ""]:
  """Returns the learning rate of one step.

  Steps count from 0. Step s of the rise has `peak (s + 1) / warmup`; step s after it
  `peak (1 + cos(pi (s - warmup) / (total - warmup))) / 2`, torch's `CosineAnnealingLR`.
  `peak` and `total` may be traced, so that one compiled step serves all runs.

  Args:
    step: Number of steps done before this one.
    peak: The largest value.
    warmup: Steps of the rise; 0 for none.
    total: Steps in all.

  Returns:
    A value in `[0, peak]`.
  """
  step = jnp.asarray(step, jnp.float32)
  left = jnp.maximum(jnp.asarray(total, jnp.float32) - warmup, 1.0)
  place = jnp.clip((step - warmup) / left, 0.0, 1.0)
  falling = 0.5 * peak * (1 + jnp.cos(jnp.pi * place))
  if not warmup:
    return falling
  return jnp.where(step < warmup, peak * (step + 1) / warmup, falling)
