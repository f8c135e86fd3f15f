"""The units of ResNet-50, each a convolution and its batch normalisation, in two orders."""

from collections.abc import Iterator
from typing import NamedTuple

_BLOCKS = (3, 4, 6, 3)


class Unit(NamedTuple):
  """A convolution and its normalisation, as torchvision names them."""

  convolution: str
  norm: str
  kernel: int  # Its height and width.


def units() -> Iterator[Unit]:
  """Yields the 53 units in the order in which SimCLR's code makes them.

  The stem; then block by block the projection of the shortcut, where there is one,
  before the block's own three (google-research/simclr, resnet.py).
  """
  yield Unit("conv1", "bn1", 7)
  for group, count in enumerate(_BLOCKS, start=1):
    for block in range(count):
      prefix = f"layer{group}.{block}"
      if not block:
        yield Unit(f"{prefix}.downsample.0", f"{prefix}.downsample.1", 1)
      for place, kernel in ((1, 1), (2, 3), (3, 1)):
        yield Unit(f"{prefix}.conv{place}", f"{prefix}.bn{place}", kernel)
