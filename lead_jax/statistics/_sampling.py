"""Samples of a labelled data set in which every class has its share."""

import functools

import jax
import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.typing import Array, Float, Int, Key


@check_arguments()
def stratified_subsample(
  labels: Int[Array | np.ndarray, " n"],
  key: Key[Array, ""],
  *,
  size: int,
  num_classes: int,
  least: int = 1,
) -> Int[np.ndarray, " s"]:
  """Draws samples without replacement, each class in proportion to its own number.

  Shares are rounded by largest remainders. A class whose share is below one sample gets
  one, as long as there are not more classes than samples drawn; the other classes then
  divide what is left. Not for use under `jit`: how many a class gets depends on values.

  Args:
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    key: Of the draw: the same key draws the same samples.
    size: How many to draw; all samples where there are not more.
    num_classes: K.
    least: Where not every class can have as many samples, only `size // least` classes
      that have them, drawn at random, take part.

  Returns:
    Indices of the samples, ascending.

  Raises:
    ValueError: If `size` or `least` is below 1.
  """
  for name, value in (("size", size), ("least", least)):
    if value < 1:
      raise ValueError(f"{name} must be at least 1, got {value}")
  label_n = np.asarray(labels)
  n = len(label_n)
  if size >= n:
    return np.arange(n)
  count_k = np.bincount(label_n, minlength=num_classes)
  chances = _chances(key, n=n, num_classes=num_classes)
  chance_k, chance_n = (np.asarray(chance) for chance in chances)
  enough_k = count_k >= least
  if size < least * np.sum(count_k > 0) and enough_k.sum() > size // least:
    chosen = np.argsort(np.where(enough_k, chance_k, 2))[: max(size // least, 1)]
    rows = np.flatnonzero(np.isin(label_n, chosen))
    found = stratified_subsample(
      label_n[rows], jax.random.fold_in(key, 1), size=size, num_classes=num_classes
    )
    return np.asarray(rows[found])
  quota_k = _quotas(count_k, size, chance_k)
  # By class, and at random within one: a class is the upper half of the key.
  order = np.argsort((label_n.astype(np.int64) << 32) | chance_n)
  start_k = np.cumsum(count_k) - count_k
  place_n = np.arange(n) - start_k[label_n[order]]  # of each sample within its class
  return np.sort(order[place_n < quota_k[label_n[order]]])


@functools.partial(jax.jit, static_argnames=("n", "num_classes"))
def _chances(
  key: Key[Array, ""], *, n: int, num_classes: int
) -> tuple[Float[Array, " k"], Int[Array, " n"]]:
  class_key, sample_key = jax.random.split(key)
  return (
    jax.random.uniform(class_key, (num_classes,)),
    jax.random.bits(sample_key, (n,), "uint32"),
  )


def _quotas(count_k: np.ndarray, size: int, chance_k: np.ndarray) -> np.ndarray:
  """Divides `size` in proportion to counts; `chance_k` decides among equal remainders."""
  present_k = count_k > 0
  single_k = np.zeros_like(present_k)
  if size >= present_k.sum():
    # Giving one to a class takes from the shares of the others, which may then fall below
    # one as well: repeat until none does.
    while True:
      share_k = _shares(count_k, single_k, size)
      below_k = present_k & ~single_k & (share_k < 1)
      if not below_k.any():
        break
      single_k |= below_k
  share_k = _shares(count_k, single_k, size)
  quota_k = np.floor(share_k + 1e-9).astype(np.int64)
  left = size - int(quota_k.sum())
  remainder_k = np.where(quota_k < count_k, share_k - quota_k, -1)
  quota_k[np.lexsort((chance_k, -remainder_k.round(9)))[:left]] += 1
  return quota_k


def _shares(count_k: np.ndarray, single_k: np.ndarray, size: int) -> np.ndarray:
  rest_k = np.where(single_k, 0, count_k)
  left = size - single_k.sum()
  return np.where(single_k, 1.0, rest_k * (left / max(rest_k.sum(), 1)))
