"""Array aliases and the axis suffixes used throughout.

`n` samples, `d` features, `k` classes, `c` a class, `s` samples kept of a class, `l` a
layer. Subscript 0 or t is time: `logits_0_nk`, `logits_t_nk`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

Params = Any  # a pytree of arrays
ArrayLike = jax.Array | np.ndarray | Sequence

__all__ = ["Array", "ArrayLike", "Bool", "Float", "Int", "Key", "Params"]
