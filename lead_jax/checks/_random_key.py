"""What draws at random needs a key of JAX."""

from typing import Any

import jax
import jax.numpy as jnp

from lead_jax.checks._errors import InputError, parameter


def check_key(key: Any, name: str = "key") -> None:
  """Refuses what is no single random key of JAX, old style (uint32[2]) or new.

  Args:
    key: What was given; may be traced.
    name: Of the parameter.

  Raises:
    InputError: If it is something else: a seed, most often.
  """
  if isinstance(key, jax.Array):
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0:
      return
    if key.dtype == jnp.uint32 and key.ndim == 1:
      return
  seed = key if isinstance(key, int) else 0
  got = f"an array {key.dtype}{list(key.shape)}" if hasattr(key, "shape") else repr(key)
  raise InputError(
    f"{parameter(name)} must be one random key, got {got}: give jax.random.key({seed})"
  )
