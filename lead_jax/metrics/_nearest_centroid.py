"""Leave-one-out accuracy of the nearest class mean.

The cheapest anchor that is calibrated: an accuracy, nothing fitted but the means. A sample
is compared with the mean of its own class without it,

  mu_y' = (n_y mu_y - x) / (n_y - 1),

and with the means of the other classes as they are. The nearest kin are the k nearest
neighbours (`metrics.knn_accuracy`) and ETran's discriminant without whitening
(`metrics.etran_lda`). The sample of a class of one has no mean to be near: it counts as
an error.

Cosines are the default because they rank real networks best (docs/findings.md), whose
features are mostly positive. They look at directions from the origin: classes that lie
around zero may be far apart and have no direction. The Euclidean accuracy is therefore
computed too, and where it is clearly larger the status says so.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import Problem, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import Take, class_means, directions_about, fold_rows
from lead_jax.typing import Array, Float, Int

Distance = Literal["cosine", "euclidean"]

# Squared length of the mean direction of the class means above which they share an offset.
_SHARED = 0.999
# How far the cosine may stay behind the Euclidean distance before the row says so. Of 54
# pairs of a real network and a data set none is as far behind.
_BEHIND = 0.05
# Compared at once.
_ROWS = 512


@check_arguments()
def nearest_centroid(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  distance: Distance = "cosine",
) -> Float[Array, ""]:
  """Computes the leave-one-out accuracy of the nearest class mean.

  Args:
    features: Samples, one per row.
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
  check_num_classes(num_classes)
  NearestCentroidOptions.check(distance=distance)
  n = features.shape[0]
  x_nd = features
  if distance == "euclidean":
    # |x - m|^2 / 2 = const(x) - (x.m - |m|^2 / 2); centring saves digits.
    x_nd = features - jnp.mean(features, axis=0, keepdims=True)
  # To unit size, so that no square leaves the range of the dtype; powers of two are exact.
  exponent = jnp.frexp(jnp.max(jnp.abs(x_nd)))[1]
  scale = jnp.ldexp(jnp.ones((), x_nd.dtype), -exponent)
  mean_kd, count_k, prior_k = class_means(x_nd, labels, num_classes=num_classes)
  mean_kd = scale * mean_kd
  if distance == "euclidean":
    right = _right(x_nd, scale, labels, mean_kd, count_k, cosine=False)
  else:
    mean_d = jnp.sum(prior_k[:, None] * _unit(mean_kd), axis=0)
    right = jax.lax.cond(
      jnp.sum(mean_d**2) > _SHARED,
      lambda: _right_about(x_nd, scale, labels, count_k),
      lambda: _right(x_nd, scale, labels, mean_kd, count_k, cosine=True),
    )
  return right.astype(features.dtype) / n


def _right(
  x_nd: Array,
  scale: Array,
  labels: Array,
  mean_kd: Array,
  count_k: Array,
  *,
  cosine: bool,
) -> Array:
  """Counts the samples that are nearest to their class, with means as they are."""
  compared_kd, half_k = mean_kd, 0.5 * jnp.sum(mean_kd**2, axis=1)
  if cosine:
    compared_kd, half_k = _unit(mean_kd), jnp.zeros_like(half_k)

  def count(right: Array, take: Take, fresh_b: Array) -> Array:
    x_bd, label_b = scale * take(x_nd), take(labels)
    count_b1 = count_k[label_b][:, None]
    own_bd = (count_b1 * mean_kd[label_b] - x_bd) / jnp.maximum(count_b1 - 1, 1)
    if cosine:
      norm_b = jnp.sqrt(jnp.sum(own_bd**2, axis=1))
      own_b = jnp.sum(x_bd * own_bd, axis=1) / jnp.where(norm_b > 0, norm_b, 1)
    else:
      own_b = jnp.sum(own_bd * (x_bd - 0.5 * own_bd), axis=1)
    near_bk = jnp.matmul(x_bd, compared_kd.T, precision=HIGHEST) - half_k[None, :]
    return right + jnp.sum(_is_right(near_bk, own_b, label_b, count_k) & fresh_b)

  return fold_rows(count, jnp.zeros((), int), x_nd.shape[0], rows=_ROWS)


def _right_about(x_nd: Array, scale: Array, labels: Array, count_k: Array) -> Array:
  """As `_right` by cosines, of directions that hardly differ: see `directions_about`."""
  n, d = x_nd.shape
  centre_d = scale * jnp.mean(x_nd, axis=0)

  def two(x_bd: Array) -> Array:
    return jnp.concatenate([x_bd, x_bd - centre_d[None, :]], axis=1)

  def add(sum_ke: Array, take: Take, fresh_b: Array) -> Array:
    onehot_bk = jax.nn.one_hot(take(labels), count_k.size, dtype=x_nd.dtype)
    onehot_bk = jnp.where(fresh_b[:, None], onehot_bk, 0)
    return sum_ke + jnp.matmul(onehot_bk.T, two(scale * take(x_nd)), precision=HIGHEST)

  sum_ke = fold_rows(add, jnp.zeros((count_k.size, 2 * d), x_nd.dtype), n, rows=_ROWS)

  def directions(sum_me: Array, count_m: Array) -> tuple[Array, Array, Array]:
    """Returns u - c / |c| of sums, and what is subtracted of the products with it."""
    mean_me = sum_me / jnp.maximum(count_m, 1)[:, None]
    u_md = directions_about(mean_me[:, :d], mean_me[:, d:], centre_d)
    # A zero vector is at distance one; others at half the square of the difference.
    zero_m = jnp.all(mean_me[:, :d] == 0, axis=1)
    return u_md, jnp.where(zero_m, 1, 0.5 * jnp.sum(u_md**2, axis=1)), zero_m

  u_kd, half_k, _ = directions(sum_ke, count_k)

  def count(right: Array, take: Take, fresh_b: Array) -> Array:
    label_b = take(labels)
    x_be = two(scale * take(x_nd))
    u_bd, _, zero_b = directions(x_be, jnp.ones_like(label_b))
    own_bd, half_b, _ = directions(sum_ke[label_b] - x_be, count_k[label_b] - 1)
    own_b = jnp.where(zero_b, 0, jnp.sum(u_bd * own_bd, axis=1) - half_b)
    near_bk = jnp.matmul(u_bd, u_kd.T, precision=HIGHEST) - half_k[None, :]
    near_bk = jnp.where(zero_b[:, None], 0, near_bk)
    return right + jnp.sum(_is_right(near_bk, own_b, label_b, count_k) & fresh_b)

  return fold_rows(count, jnp.zeros((), int), n, rows=_ROWS)


def _is_right(near_nk: Array, own_n: Array, labels: Array, count_k: Array) -> Array:
  """Whether a sample's class is the nearest, `own_n` being how near that is without it."""
  own_n = jnp.where(count_k[labels] > 1, own_n, -jnp.inf)
  own_nk = jnp.arange(count_k.size)[None, :] == labels[:, None]
  near_nk = jnp.where(own_nk, own_n[:, None], near_nk)
  near_nk = jnp.where((count_k > 0)[None, :], near_nk, -jnp.inf)
  # A class of one is no answer to its own sample, even where there is no other.
  return (jnp.argmax(near_nk, axis=1) == labels) & (own_n > -jnp.inf)


def _unit(rows_md: Array) -> Array:
  norm_m1 = jnp.linalg.norm(rows_md, axis=1, keepdims=True)
  return rows_md / jnp.where(norm_m1 > 0, norm_m1, 1)


_jitted = jax.jit(nearest_centroid, static_argnames=("num_classes", "distance"))


@dataclasses.dataclass(frozen=True)
class NearestCentroidOptions(Options):
  """Options of `nearest_centroid`."""

  distance: Distance = option(
    "cosine", help="`cosine`: one minus the cosine of the angle; or `euclidean`."
  )


def _compute_nearest_centroid(
  problem: Problem, options: NearestCentroidOptions
) -> Value:
  score = _jitted(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    distance=options.distance,
  )
  alone = int(np.sum(np.bincount(problem.labels) == 1))
  note = place = ""
  if alone:
    classes = "class" if alone == 1 else "classes"
    note = f"{alone} {classes} of one sample, counted as an error"
  details = {}
  if options.distance == "cosine":
    other = _jitted(
      problem.features,
      problem.labels,
      num_classes=problem.num_classes,
      distance="euclidean",
    )
    details["euclidean"] = float(other)
    if float(other) > float(score) + _BEHIND:
      place = (
        f"directions from the origin tell less than places: {float(other):.2f} by "
        "distance=euclidean"
      )
  return Value(float(score), join(note, place), details)


NEAREST_CENTROID = own_metric(
  "nearest_centroid",
  _compute_nearest_centroid,
  "leave-one-out accuracy of the nearest class mean (cosine)",
  "accuracy",
  "8 N D K",
  options=NearestCentroidOptions,
  least_per_class=2,
  version=4,  # the Euclidean accuracy beside it
)
