"""Small samples of a data set: n of every class.

LEAD and PACTran state an *average* number of samples a class and not whether each class
gets the same. Here it does, so that no class is ever missing; a class that has fewer gives
all that it has. Hence all draws of one size have the same number of samples, and nothing
is compiled anew for the second of them.
"""

import hashlib

import numpy as np


def stratified_rows(
  labels: np.ndarray, per_class: int, draw: int, *, dataset: str, seed: int = 0
) -> np.ndarray:
  """Draws samples of every class without replacement.

  The sample hangs on the arguments alone: whatever model or metric looks at it, it is the
  same.

  Args:
    labels: int[N].
    per_class: How many of each class.
    draw: Number of the draw.
    dataset: Name of the data set, so that two of one shape are not drawn alike.
    seed: Of all draws.

  Returns:
    Rows, increasing.
  """
  digest = hashlib.sha256(dataset.encode()).digest()
  words = np.frombuffer(digest, np.uint32).tolist()
  rng = np.random.default_rng([*words, seed, per_class, draw])
  labels = np.asarray(labels)
  rows = []
  for label in np.unique(labels):
    members = np.flatnonzero(labels == label)
    rows.append(rng.permutation(members)[:per_class])
  return np.sort(np.concatenate(rows))
