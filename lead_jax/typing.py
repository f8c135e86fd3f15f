"""Array aliases and the axis suffixes used throughout.

`n` samples, `d` features, `k` classes, `c` a class, `s` samples kept of a class, `h` drawn
heads. Subscript 0 or t is time: `logits_0`, `logits_t`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, Key

from lead_jax import numerics as numerics  # bounds how many programs stay compiled

if TYPE_CHECKING:
  Array = jax.Array
else:
  # At run time a NumPy array serves wherever a JAX one does.
  Array = jax.Array | np.ndarray

Params = Any  # a pytree of arrays
ArrayLike = jax.Array | np.ndarray | Sequence

__all__ = ["Array", "ArrayLike", "Bool", "Float", "Int", "Key", "Params"]
