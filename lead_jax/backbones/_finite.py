"""Parameters that are no numbers, refused where a network enters.

Looking at features alone would not do: XLA's fused ReLU for CPUs gives 0 for NaN, so a
damaged network may well have features that are finite.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lead_jax.checks import InputError, shown


def check_finite(arrays: Iterable[tuple[str, Any]], source: str) -> None:
  """Refuses arrays that hold NaN or infinity; integers pass.

  Args:
    arrays: Names and arrays of numbers.
    source: What they belong to, to begin the message.

  Raises:
    InputError: Naming the first such array, and how many of its values are wrong.
  """
  for name, array in arrays:
    array = np.asarray(array)
    # Extremes need no mask of the whole array, and NaN is one wherever it stands.
    if array.dtype.kind in "biu" or not array.size or _finite(array):
      continue
    bad = int((~np.isfinite(array)).sum())
    raise InputError(
      f"{source}: {bad:,} of the {array.size:,} values of {shown(name)!r} are NaN or "
      "infinite: the file is damaged; fetch or export it again"
    )


def _finite(array: np.ndarray) -> bool:
  # bfloat16 (kind V) loses NaN in min and max; complex numbers have no order.
  if array.dtype.kind != "f":
    return bool(np.isfinite(array).all())
  return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def check_parameters(params: Any, source: str) -> None:
  """Refuses a pytree of parameters that are not finite; see `check_finite`.

  Values that are only being traced are not known, and pass.
  """
  import jax
  import jax.numpy as jnp

  leaves = jax.tree_util.tree_leaves_with_path(params)
  check_finite(
    (
      (jax.tree_util.keystr(path, simple=True, separator="/"), leaf)
      for path, leaf in leaves
      if isinstance(leaf, np.ndarray | jax.Array)
      and not isinstance(leaf, jax.core.Tracer)
      and jnp.issubdtype(leaf.dtype, np.number)  # and no key of random numbers
    ),
    source,
  )
