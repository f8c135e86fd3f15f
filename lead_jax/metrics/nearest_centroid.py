"""Leave-one-out accuracy of the nearest class mean.

The cheapest anchor that is calibrated: an accuracy, nothing fitted but the means. A sample
is compared with the mean of its own class without it,

  mu_y' = (n_y mu_y - x) / (n_y - 1),

and with the means of the other classes as they are. The nearest kin are the k nearest
neighbours (`metrics.knn`) and ETran's discriminant without whitening (`metrics.etran`).
The sample of a class of one has no mean to be near: it counts as an error.
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.metrics.base import OK, Problem, Value
from lead_jax.statistics import class_means
from lead_jax.typing import Array, Float, Int

Distance = Literal["cosine", "euclidean"]

_HIGHEST = jax.lax.Precision.HIGHEST


def nearest_centroid(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  distance: Distance = "cosine",
) -> Float[Array, ""]:
  """Computes the leave-one-out accuracy of the nearest class mean.

  Args:
    features: Samples, one a row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    distance: `cosine`, one minus the cosine of the angle to the mean of the features as
      they are, where a zero vector is at distance one from everything; or `euclidean`.
      Equal distances: the class with the lower id is the nearer.

  Returns:
    Accuracy in `[0, 1]`; larger is better.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Hastie et al., The Elements of Statistical Learning, 2009, Section 4.3.
  """
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")
  check(distance=distance)
  x_nd = features
  if distance == "euclidean":
    # |x - m|^2 / 2 = const(x) - (x.m - |m|^2 / 2); centring saves digits.
    x_nd = features - jnp.mean(features, axis=0, keepdims=True)
  # At unit size, so that no square leaves the range of the dtype.
  largest = jnp.max(jnp.abs(x_nd))
  x_nd = x_nd / jnp.where(largest > 0, largest, 1)
  mean_kd, count_k, _ = class_means(x_nd, labels, num_classes=num_classes)
  count_n1 = count_k[labels][:, None]
  own_nd = count_n1 * mean_kd[labels] - x_nd
  own_nd = own_nd / jnp.maximum(count_n1 - 1, 1)
  if distance == "cosine":
    mean_kd, own_nd = _unit(mean_kd), _unit(own_nd)
    half_k = jnp.zeros_like(count_k)
    half_n = jnp.zeros_like(own_nd[:, 0])
  else:
    half_k = 0.5 * jnp.sum(mean_kd**2, axis=1)
    half_n = 0.5 * jnp.sum(own_nd**2, axis=1)
  near_nk = jnp.matmul(x_nd, mean_kd.T, precision=_HIGHEST) - half_k[None, :]
  own_n = jnp.sum(x_nd * own_nd, axis=1) - half_n
  own_n = jnp.where(count_n1[:, 0] > 1, own_n, -jnp.inf)
  own_nk = jnp.arange(num_classes)[None, :] == labels[:, None]
  near_nk = jnp.where(own_nk, own_n[:, None], near_nk)
  near_nk = jnp.where((count_k > 0)[None, :], near_nk, -jnp.inf)
  # A class of one is no answer to its own sample, even where there is no other.
  right_n = (jnp.argmax(near_nk, axis=1) == labels) & (own_n > -jnp.inf)
  return jnp.mean(right_n.astype(features.dtype))


def _unit(rows_md):
  norm_m1 = jnp.linalg.norm(rows_md, axis=1, keepdims=True)
  return rows_md / jnp.where(norm_m1 > 0, norm_m1, 1)


_jitted = jax.jit(nearest_centroid, static_argnames=("num_classes", "distance"))


def check(*, distance: str = "cosine") -> None:
  """Checks the options.

  Raises:
    ValueError: If the distance is unknown.
  """
  if distance not in get_args(Distance):
    raise ValueError(f"distance must be one of {get_args(Distance)}, got {distance!r}")


def evaluate(problem: Problem, *, distance: Distance = "cosine") -> Value:
  """The leave-one-out accuracy of a problem."""
  check(distance=distance)
  score = _jitted(
    problem.features, problem.labels, num_classes=problem.num_classes, distance=distance
  )
  alone = int(np.sum(np.bincount(problem.labels) == 1))
  note = OK
  if alone:
    classes = "class" if alone == 1 else "classes"
    note = f"{alone} {classes} of one sample, counted as an error"
  return Value(float(score), note)
