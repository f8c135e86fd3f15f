"""The one order in which images are looked at: any first part of it is class-balanced.

Features of the first images are then a prefix of those of all, and a score of the first
2,000 says the most that 2,000 images can say.
"""

import hashlib

import numpy as np


def balanced_order(labels: np.ndarray) -> np.ndarray:
  """Returns the order of samples; the same labels give the same order everywhere.

  One sample of each class comes first, then a second one of each. From there on classes
  appear in proportion: in a first part in which class c would have q samples by its
  share, it has about q of them, and at least two. Which samples of a class come first is
  drawn with a fixed seed.

  Args:
    labels: int[N], class ids.

  Returns:
    int64[N], a permutation.
  """
  labels = np.asarray(labels)
  drawn = np.random.Generator(np.random.PCG64(0)).random(len(labels))
  by_class = np.lexsort((drawn, labels))
  sorted_labels = labels[by_class]
  _, first, inverse, count = np.unique(
    sorted_labels, return_index=True, return_inverse=True, return_counts=True
  )
  rank = np.arange(len(labels)) - first[inverse]
  # Sample j of a class of n is due when (j + 1/2) / n of all are taken.
  due = (rank + 0.5) / count[inverse]
  return by_class[np.lexsort((drawn[by_class], due, np.minimum(rank, 2)))]


def order_digest(order: np.ndarray) -> str:
  """Returns the identity of an order, for keys of what is kept by it."""
  return hashlib.sha256(np.ascontiguousarray(order, np.int64).tobytes()).hexdigest()
