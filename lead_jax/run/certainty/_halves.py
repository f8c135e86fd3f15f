"""Random parts of a data set, no larger than a half, the same for every model.

The images are drawn without replacement. A bootstrap would hold copies of an image, and a
copy of what is held out (by k nearest neighbours, by LEAD out of sample) gives the answer
away. What n images would have varied by, m of them drawn without replacement vary by times
sqrt((n - m) / m): for means exactly, for smooth statistics as the data grow (the delete-d
jackknife: Shao and Wu, A general theory for jackknife variance estimation, Annals of
Statistics 17, 1989). At m = n / 2 the factor is one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lead_jax.checks import InputError

# Of a class with fewer, a half is a single image, of which nothing can be held out.
LEAST_PER_CLASS = 4

# Large data sets are scored in smaller parts than halves, since some metrics take cubic
# time; but never fewer images than these. With two images per class metrics are in another
# regime, and spread too little.
_LEAST_IMAGES, _LEAST_OF_CLASS = 512, 5


class Halves(NamedTuple):
  """Which images a draw takes.

  Attributes:
    sizes: int[K], images of each class in every part; the same in all draws, so that one
      compiled program serves them all.
    seed: Of the draws.
    labels: int[N], class ids.
  """

  sizes: np.ndarray
  seed: int
  labels: np.ndarray

  @property
  def images(self) -> int:
    """Images in each part."""
    return int(self.sizes.sum())

  @property
  def scale(self) -> float:
    """What deviations between parts are to be multiplied by, to be those of all N."""
    return float(np.sqrt(self.images / (len(self.labels) - self.images)))

  def rows(self, draw: int) -> np.ndarray:
    """Returns the images of a draw: int[M], ascending.

    Args:
      draw: Its number; what it gives does not depend on how many others there are.
    """
    rng = np.random.default_rng([self.seed, draw])
    order = rng.permutation(len(self.labels))
    labels = self.labels[order]
    chosen = [
      order[np.flatnonzero(labels == k)[:size]] for k, size in enumerate(self.sizes)
    ]
    return np.sort(np.concatenate(chosen))


def stratified_halves(
  labels: np.ndarray, class_names: Sequence[str], *, seed: int
) -> Halves:
  """Plans draws of about half of every class, or less of large data sets.

  Args:
    labels: int[N], class ids.
    class_names: Their names, for the error.
    seed: Of the draws.

  Returns:
    What draws the parts. Each has the same share of every class, up to rounding: a half,
    or less where that leaves 512 images and five of the smallest class.

  Raises:
    InputError: If a class has fewer than `LEAST_PER_CLASS` images.
  """
  labels = np.asarray(labels)
  counts = np.bincount(labels, minlength=len(class_names))
  if (least := int(counts.min())) < LEAST_PER_CLASS:
    name = class_names[int(counts.argmin())]
    has = f"{least} image" if least == 1 else f"{least} images"
    raise InputError(
      f"class {name!r} has {has}; for intervals every class needs {LEAST_PER_CLASS}"
    )
  # One share of every class, since deviations have one scale.
  share = min(0.5, max(_LEAST_IMAGES / len(labels), _LEAST_OF_CLASS / least))
  # Rounded so that the sum stays near what is wanted: half an image too many of one
  # class is half too few of the next.
  edges = np.round(np.cumsum(counts) * share).astype(int)
  sizes = np.diff(edges, prepend=0)
  return Halves(np.clip(sizes, 2, counts // 2), seed, labels)
