"""Leave-one-out accuracy of a k-nearest-neighbour classifier.

The cheapest calibrated anchor: an accuracy, without anything fitted. Every sample is
classified by the k nearest of the others; the majority wins, and among classes with
equally many votes the one whose nearest member is nearest.
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp

from lead_jax.metrics.base import Problem, Value
from lead_jax.typing import Array, Float, Int

Distance = Literal["cosine", "euclidean"]


def knn_accuracy(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  k: int = 1,
  distance: Distance = "cosine",
  batch_size: int = 512,
) -> Float[Array, ""]:
  """Computes leave-one-out k-nearest-neighbour accuracy.

  Args:
    features: Samples, one a row; at least `k + 1` of them.
    labels: Class ids in `[0, num_classes)`.
    num_classes: Static K; at least two.
    k: Neighbours, at least one; static.
    distance: `cosine`, one minus the cosine of the angle, where a zero vector is at
      distance one from everything, other zero vectors included; or `euclidean`.
      Equal distances: the sample with the lower index is the nearer.
    batch_size: Rows compared at once; memory is `batch_size` x N floats.

  Returns:
    Accuracy in `[0, 1]`; larger is better; about max q_c for useless features.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Cover and Hart, `Nearest Neighbor Pattern Classification
    <https://doi.org/10.1109/TIT.1967.1053964>`_, 1967.
  """
  n = features.shape[0]
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")
  if not 1 <= k < n:
    raise ValueError(f"k must be in [1, {n - 1}] for {n} samples, got {k}")
  if distance not in get_args(Distance):
    raise ValueError(f"distance must be one of {get_args(Distance)}, got {distance!r}")
  if batch_size < 1:
    raise ValueError(f"batch_size must be at least 1, got {batch_size}")

  if distance == "cosine":
    # Dividing by the largest entry first keeps the squares from over- or underflowing.
    largest_n1 = jnp.max(jnp.abs(features), axis=1, keepdims=True)
    x_nd = features / jnp.where(largest_n1 > 0, largest_n1, 1)
    norm_n1 = jnp.linalg.norm(x_nd, axis=1, keepdims=True)
    x_nd = x_nd / jnp.where(norm_n1 > 0, norm_n1, 1)
    half_n = jnp.zeros((n,), x_nd.dtype)
  else:
    # |a - b|^2 / 2 = const(a) - (a.b - |b|^2 / 2); centring saves digits.
    x_nd = features - jnp.mean(features, axis=0, keepdims=True)
    half_n = 0.5 * jnp.sum(x_nd**2, axis=1)

  def is_right(index):
    x_d, label = x_nd[index], labels[index]
    near_n = jnp.matmul(x_nd, x_d, precision=jax.lax.Precision.HIGHEST) - half_n
    near_n = jnp.where(jnp.arange(n) == index, -jnp.inf, near_n)
    neighbours = labels[jax.lax.top_k(near_n, k)[1]]
    # votes[i]: how many neighbours share the class of neighbour i. The first maximum is
    # the nearest member of a class with the most votes.
    same = neighbours[:, None] == neighbours[None, :]
    return neighbours[jnp.argmax(jnp.sum(same, axis=1))] == label

  right_n = jax.lax.map(is_right, jnp.arange(n), batch_size=min(batch_size, n))
  return jnp.mean(right_n.astype(features.dtype))


_knn_accuracy = jax.jit(knn_accuracy, static_argnames=("num_classes", "k", "distance"))


def check(*, k: int = 1, distance: str = "cosine") -> None:
  """Checks the options, as far as they do not depend on the data."""
  if not isinstance(k, int) or k < 1:
    raise ValueError(f"k must be a whole number of at least 1, got {k!r}")
  if distance not in get_args(Distance):
    raise ValueError(f"distance must be one of {get_args(Distance)}, got {distance!r}")


def evaluate(problem: Problem, *, k: int = 1, distance: str = "cosine") -> Value:
  """Leave-one-out accuracy of the k nearest neighbours."""
  accuracy = _knn_accuracy(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    k=k,
    distance=distance,
  )
  return Value(float(accuracy))
