"""How much a file may make: what it builds and names, against what it holds.

A pickle may fetch one value again and again, name one tensor many times, or have it
copied by every call. A few bytes each, so that a small file could fill memory or disk.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lead_jax.backbones._weights._constructions import Array, NamedTupleType
from lead_jax.checks import InputError

# Half precision is widened to twice its bytes, and a tensor may have a few names (tied
# weights, averages that start as copies).
_FACTOR, _MORE = 8, 1 << 24

_OBJECT, _POINTER, _ENTRY = 64, 8, 100  # bytes, about


def allowance(size: int) -> int:
  """How many bytes a file of `size` bytes may come to."""
  return _FACTOR * size + _MORE


class Budget:
  """Counts down what may still be made of a file."""

  def __init__(self, size: int, source: str):
    """
    Args:
      size: Bytes of the file, of a compressed one uncompressed.
      source: How the error message names it.
    """
    self._source = source
    self._left = self._most = allowance(size)

  def spend(self, amount: int) -> None:
    """Counts bytes that are about to be made.

    Raises:
      InputError: If the file has made too many.
    """
    self._left -= amount
    if self._left < 0:
      raise InputError(
        f"{self._source} would take more than {self._most / 1e6:.0f} MB of memory, far "
        "more than it holds, by copies of the same: it is refused"
      )

  def spend_call(self, args: Sequence[Any]) -> None:
    """Counts a call, which may walk through its arguments."""
    walked = sum(len(arg) for arg in args if isinstance(arg, list | tuple | dict))
    self.spend(_OBJECT + _POINTER * (len(args) + walked))

  def spend_made(self, made: Any) -> None:
    """Counts what a call gave, without what lies in its items."""
    if isinstance(made, bytes | bytearray | str):
      self.spend(len(made))
    elif isinstance(made, list | tuple):
      self.spend(_POINTER * len(made))
    elif isinstance(made, dict):
      self.spend(_ENTRY * len(made))
    elif isinstance(made, NamedTupleType):
      self.spend(_POINTER * len(made.fields))
    elif isinstance(made, Array | np.ndarray):
      self.spend(made.nbytes)

  def spend_build(self, target: Any) -> None:
    """Counts what an object was completed with."""
    self.spend(_OBJECT)
    if isinstance(target, Array):
      self.spend(target.nbytes)
