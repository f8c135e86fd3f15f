"""How much a network file may ask for: memory, time, and steps of its program.

A file of 200 bytes can ask for gigabytes: an array of any size by its shape, repeated
outer products, functions that call one another. What a step asks for is therefore known
from shapes, and counted against the file and the machine, before the step is run.
"""

import os
from typing import NoReturn

from lead_jax.checks import InputError, parameter

# Half-precision or quantised weights are widened, in a few steps each; masks and
# positions are made from next to nothing.
_FACTOR, _MORE = 16, 1 << 28

# Bytes that one value may take for one image, per byte of the image, beside the above;
# of memory there must be enough for sixteen images.
_PER_INPUT, _IMAGES = 1024, 16

# Multiply-adds of one step for one image; ten times the largest of common networks.
_PRODUCTS = 1 << 37

# Of all steps for one image; three times the largest of public networks.
_ALL_PRODUCTS = 1 << 42

# Multiply-adds that take about as long as making a byte.
_PER_BYTE = 16

# Steps that are left for the compiler, whose time grows with their square: 20,000 take
# two minutes.
_MOST_STEPS = 10_000

# Bytes that count for a step copied out of a function.
STEP = 4096


class Allowance:
  """Counts down what may still be made of a file."""

  def __init__(self, size: int, source: str, budget: int = 1):
    """
    Args:
      size: Bytes of the file, with the weights outside it.
      source: How messages call it.
      budget: Factor of everything that is allowed.
    """
    self._size, self._source, self._budget = size, source, budget
    self._machine = budget * _machine_memory()
    self._most = min(budget * (_FACTOR * size + _MORE), self._machine / 2)
    self._left = self._most
    self._products = 0.0

  def fresh(self) -> "Allowance":
    """Returns the same with nothing spent."""
    return Allowance(self._size, self._source, self._budget)

  def spend(self, amount: float, what: object, products: int = 0) -> None:
    """Counts bytes that are about to be made of constants, and multiply-adds.

    Raises:
      InputError: If the file has asked for too many, all together.
    """
    self._left -= max(amount, products / _PER_BYTE)
    if self._left < 0:
      self._refuse(
        f"{what} would bring what the file makes of its constants to more than "
        f"{self._most / 1e6:,.0f} MB (or as much time)"
      )

  def check_value(
    self, amount: float, products: float, image: float, what: object
  ) -> None:
    """Looks at what the network is about to compute; adds up its multiply-adds.

    Args:
      amount: Bytes for one image.
      products: Multiply-adds for one image.
      image: Bytes of the image.
      what: The step that asks for them.

    Raises:
      InputError: If one image would take too much.
    """
    most = min(self._machine / _IMAGES, self._most + self._budget * _PER_INPUT * image)
    if amount > most:
      self._refuse(f"{what} would take more than {most / 1e6:,.0f} MB for one image")
    most = self._budget * _PRODUCTS
    if products > most:
      self._refuse(
        f"{what} would take more than {most:.1g} multiply-adds for one image"
      )
    self._products += products
    most = self._budget * _ALL_PRODUCTS
    if self._products > most:
      self._refuse(f"asks for more than {most:.1g} multiply-adds for one image")

  def check_steps(self, count: int) -> None:
    """Refuses a network of too many steps.

    Raises:
      InputError: If it has.
    """
    most = self._budget * _MOST_STEPS
    if count > most:
      self._refuse(
        f"has {count:,} steps that depend on the image, and compiling takes a time that "
        f"grows with their square: more than {most:,}"
      )

  def _refuse(self, asked: str) -> NoReturn:
    raise InputError(
      f"{self._source}: {asked}, which is the most that a file of {self._size:,} bytes "
      "may ask for here; if you trust the file, raise the limit by "
      f"{parameter('network_budget', 10 * self._budget)}"
    )


def _machine_memory() -> int:
  """Bytes of memory of this machine; 8 GiB where it does not say."""
  try:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
  except (AttributeError, OSError, ValueError):
    return 8 << 30
