"""Leave-one-out accuracy of a k-nearest-neighbour classifier.

The cheapest calibrated anchor: an accuracy, without anything fitted. Every sample is
classified by the k nearest of the others; the majority wins, and among classes with
equally many votes the one whose nearest member is nearest.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import Problem, Value, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import Take, directions_about, fold_rows
from lead_jax.typing import Array, Float, Int

Distance = Literal["cosine", "euclidean"]

# Squared length of the mean direction above which the samples share an offset.
_SHARED = 0.99


@check_arguments()
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
    features: Samples, one per row; at least `k + 1` of them.
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
  check_num_classes(num_classes)
  if not 1 <= k < n:
    raise ValueError(f"k must be in [1, {n - 1}] for {n} samples, got {k}")
  KnnOptions.check(distance=distance)
  if batch_size < 1:
    raise ValueError(f"batch_size must be at least 1, got {batch_size}")

  if distance == "cosine":
    x_nd, half_n, zero_n = _directions(features, batch_size)
  else:
    # |a - b|^2 / 2 = const(a) - (a.b - |b|^2 / 2); centring saves digits.
    x_nd = features - jnp.mean(features, axis=0, keepdims=True)
    half_n = 0.5 * jnp.sum(x_nd**2, axis=1)
    zero_n = jnp.zeros((n,), bool)

  def is_right(index: Array) -> Array:
    x_d, label = x_nd[index], labels[index]
    near_n = jnp.matmul(x_nd, x_d, precision=HIGHEST) - half_n
    near_n = jnp.where(zero_n[index], 0, near_n)
    near_n = jnp.where(jnp.arange(n) == index, -jnp.inf, near_n)
    neighbours = labels[jax.lax.top_k(near_n, k)[1]]
    # votes[i]: how many neighbours share the class of neighbour i. The first maximum is
    # the nearest member of a class with the most votes.
    same = neighbours[:, None] == neighbours[None, :]
    return neighbours[jnp.argmax(jnp.sum(same, axis=1))] == label

  right_n = jax.lax.map(is_right, jnp.arange(n), batch_size=min(batch_size, n))
  return jnp.mean(right_n.astype(features.dtype))


def _directions(features: Array, batch_size: int) -> tuple[Array, Array, Array]:
  """Returns directions u, about an offset that they share, with which cosines compare.

  Where a.b is the cosine but for what depends on a alone, as -|a - b|^2 / 2 is:
  (u_a - c).(u_b - c) - |u_b - c|^2 / 2, c of length one, or zero where there is no offset
  to speak of: ties then stay ties.

  Args:
    features: Samples, one per row.
    batch_size: Rows treated at once.

  Returns:
    The directions, what is subtracted of their products, and which samples are zero.
  """
  n = features.shape[0]
  largest_n = jnp.max(jnp.abs(features), axis=1)
  # Powers of two are exact, and keep squares from over- or underflowing. One for all, so
  # that a common offset stays one, save for rows beside which they would underflow.
  exponent_n = jnp.frexp(largest_n)[1]
  most = jnp.max(exponent_n)
  exponent_n = jnp.where(exponent_n > most - 30, most, exponent_n)
  scale_n = jnp.ldexp(jnp.ones_like(largest_n), -exponent_n)
  norm_n = jnp.sqrt(jnp.sum((features * scale_n[:, None]) ** 2, axis=1))
  zero_n = norm_n == 0
  weight_n = scale_n / jnp.where(zero_n, 1, norm_n)
  mean_d = jnp.matmul(weight_n, features, precision=HIGHEST) / n

  def about_the_mean() -> tuple[Array, Array]:
    centre_d = jnp.mean(features * jnp.min(scale_n), axis=0)

    def put(u_nd: Array, take: Take, fresh_b: Array) -> Array:
      x_bd = take(features) * take(scale_n)[:, None]
      u_bd = directions_about(x_bd, x_bd - centre_d[None, :], centre_d)
      first = take(jnp.arange(n))[0]
      return jax.lax.dynamic_update_slice_in_dim(u_nd, u_bd, first, axis=0)

    # By blocks: what is in between is as large as the samples.
    u_nd = fold_rows(put, jnp.zeros_like(features), n, rows=batch_size)
    # Of a zero sample the direction is -c: its cosine with any other is zero.
    return u_nd, jnp.where(zero_n, 1, 0.5 * jnp.sum(u_nd**2, axis=1))

  u_nd, half_n = jax.lax.cond(
    jnp.sum(mean_d**2) > _SHARED,
    about_the_mean,
    lambda: (features * weight_n[:, None], jnp.zeros_like(norm_n)),
  )
  return u_nd, half_n, zero_n


_knn_accuracy = jax.jit(knn_accuracy, static_argnames=("num_classes", "k", "distance"))


@dataclasses.dataclass(frozen=True)
class KnnOptions(Options):
  """Options of `knn`."""

  k: int = option(1, least=1, help="Number of neighbours that vote.")
  distance: Distance = option(
    "cosine", help="`cosine`: one minus the cosine of the angle; or `euclidean`."
  )


def _compute_knn(problem: Problem, options: KnnOptions) -> Value:
  accuracy = _knn_accuracy(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    k=options.k,
    distance=options.distance,
  )
  return Value(float(accuracy))


KNN = own_metric(
  "knn",
  _compute_knn,
  "leave-one-out k-nearest-neighbour accuracy (cosine, k = 1)",
  "accuracy",
  "N^2 D",
  options=KnnOptions,
)
