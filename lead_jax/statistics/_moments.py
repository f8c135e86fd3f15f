"""Moments of labelled samples: all that linear methods need, in one pass over batches.

Sums are taken about a fixed shift (the first batch's mean), because sums about the origin
lose the digits of a spread that is small beside the mean; and in float64 whatever the
samples' dtype, so that a million samples lose no more digits than ten do and a covariance
keeps its small eigenvalues. A batch is summed on the device, the batches on the host.
Memory is that of the sums, O(D^2 + K D), however many the samples.

References:
  Chan, Golub and LeVeque, `Algorithms for Computing the Sample Variance
  <https://doi.org/10.1080/00031305.1983.10483115>`_, 1983, Section 2 (shifted data).
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import InputError, check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Float, Int


class TotalScatter(NamedTuple):
  """Second moments of samples about their mean, and where the classes lie.

  Attributes:
    mean_d: Mean of all samples.
    count_k: Samples of each class, in the features' dtype.
    deviation_kd: Sum over the class of x - mean; its columns sum to zero.
    gram_dd: Sum over all samples of (x - mean)(x - mean)^T.
  """

  mean_d: Float[Array, " d"]
  count_k: Float[Array, " k"]
  deviation_kd: Float[Array, "k d"]
  gram_dd: Float[Array, "d d"]


class Moments(NamedTuple):
  """Sums over labelled samples, of y = x - shift; float64 on the host.

  Attributes:
    shift_d: Near the samples' mean.
    count_k: Samples of each class.
    sum_kd: Sum of y over each class.
    square_kd: Sum of y^2 over each class.
    gram_dd: Sum of y y^T.
    norm4: Sum of |y|^4.
    cube_d: Sum of |y|^2 y.
  """

  shift_d: np.ndarray
  count_k: np.ndarray
  sum_kd: np.ndarray
  square_kd: np.ndarray
  gram_dd: np.ndarray
  norm4: np.ndarray
  cube_d: np.ndarray


@check_arguments()
def total_scatter(
  features: Float[Array, "n d"], labels: Int[Array, " n"], *, num_classes: int
) -> TotalScatter:
  """Computes the scatter of samples in memory.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K.
  """
  n = features.shape[0]
  shift_d = jnp.mean(features, axis=0)
  x_nd = features - shift_d[None, :]
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=features.dtype)
  count_k = jnp.sum(onehot_nk, axis=0)
  sum_kd = jnp.matmul(onehot_nk.T, x_nd, precision=HIGHEST)
  gram_dd = jnp.matmul(x_nd.T, x_nd, precision=HIGHEST)
  # The mean as rounded leaves a rest, which is taken out exactly.
  rest_d = jnp.sum(sum_kd, axis=0) / n
  return TotalScatter(
    shift_d + rest_d,
    count_k,
    sum_kd - count_k[:, None] * rest_d[None, :],
    gram_dd - n * rest_d[:, None] * rest_d[None, :],
  )


@check_arguments()
def zero_moments(
  shift_d: Float[Array | np.ndarray, " d"], *, num_classes: int
) -> Moments:
  """Returns the moments of no samples.

  Args:
    shift_d: float[D]; any gives right sums, one near the samples' mean accurate ones.
    num_classes: K, at least one.

  Raises:
    ValueError: If `num_classes` is below one.
  """
  if num_classes < 1:
    raise ValueError(f"num_classes must be at least 1, got {num_classes}")
  shift = np.asarray(shift_d, np.float64)
  k, d = num_classes, shift.shape[0]
  return Moments(
    shift,
    np.zeros(k),
    np.zeros((k, d)),
    np.zeros((k, d)),
    np.zeros((d, d)),
    np.zeros(()),
    np.zeros(d),
  )


@check_arguments()
def add_batch(
  moments: Moments,
  features: Float[Array | np.ndarray, "b d"],
  labels: Int[Array | np.ndarray, " b"],
) -> Moments:
  """Adds samples; batches of any sizes give the sums of all their samples.

  Batches are filled up to a power of two with samples of weight zero, so that few sizes
  are compiled.

  Args:
    moments: So far; not changed.
    features: float[B, D], finite.
    labels: int[B], ids in `[0, K)`.

  Raises:
    InputError: If there are no samples, an axis has another length than the moments say,
      or a label is no class.
  """
  x_bd = np.asarray(features)
  rows, dim = x_bd.shape
  if dim != moments.shift_d.size:
    raise InputError(
      f"features have {dim} columns, earlier ones {moments.shift_d.size}"
    )
  if (most := int(np.max(labels))) >= moments.count_k.size:
    raise InputError(f"labels must be below {moments.count_k.size}, got {most}")
  size = 1 << max(rows - 1, 0).bit_length()
  filled_bd = np.zeros((size, dim), x_bd.dtype)
  filled_bd[:rows] = x_bd
  filled_b = np.zeros(size, np.int32)
  filled_b[:rows] = labels
  weight_b = (np.arange(size) < rows).astype(np.float64)
  with jax.enable_x64(True):
    sums = _batch_sums(
      filled_bd,
      filled_b,
      weight_b,
      moments.shift_d,
      num_classes=moments.count_k.shape[0],
    )
  return _added(moments, [np.asarray(part) for part in sums])


def _added(moments: Moments, parts: Sequence[np.ndarray]) -> Moments:
  totals = [total + part for total, part in zip(moments[1:], parts, strict=True)]
  return Moments(moments.shift_d, *totals)


@functools.partial(jax.jit, static_argnames=("num_classes",))
def _batch_sums(
  features: Float[Array, "b d"],
  labels: Int[Array, " b"],
  weight_b: Float[Array, " b"],
  shift_d: Float[Array, " d"],
  *,
  num_classes: int,
) -> tuple[Array, ...]:
  y_bd = weight_b[:, None] * (features.astype(shift_d.dtype) - shift_d[None, :])
  onehot_bk = weight_b[:, None] * jax.nn.one_hot(
    labels, num_classes, dtype=shift_d.dtype
  )
  norm2_b = jnp.sum(y_bd**2, axis=1)
  return (
    jnp.sum(onehot_bk, axis=0),
    jnp.matmul(onehot_bk.T, y_bd, precision=HIGHEST),
    jnp.matmul(onehot_bk.T, y_bd**2, precision=HIGHEST),
    jnp.matmul(y_bd.T, y_bd, precision=HIGHEST),
    jnp.sum(norm2_b**2),
    jnp.matmul(norm2_b, y_bd, precision=HIGHEST),
  )


@check_arguments()
def moments_scatter(moments: Moments) -> TotalScatter:
  """Returns the scatter of all samples, as `total_scatter` of them; float64.

  Args:
    moments: Of at least one sample.
  """
  n = moments.count_k.sum()
  rest_d = moments.sum_kd.sum(axis=0) / n
  parts = (
    moments.shift_d + rest_d,
    moments.count_k,
    moments.sum_kd - np.outer(moments.count_k, rest_d),
    moments.gram_dd - n * np.outer(rest_d, rest_d),
  )
  with jax.enable_x64(True):
    return TotalScatter(*(jnp.asarray(part) for part in parts))


@check_arguments()
def moments_classes(moments: Moments) -> tuple[np.ndarray, np.ndarray]:
  """Returns means less the shift, and biased variances, of the classes: float64[K, D].

  Args:
    moments: An empty class has mean and variance zero.
  """
  count_k1 = np.maximum(moments.count_k, 1)[:, None]
  mean_kd = moments.sum_kd / count_k1
  return mean_kd, np.maximum(moments.square_kd / count_k1 - mean_kd**2, 0)


@check_arguments()
def moments_intensity(moments: Moments) -> float:
  """Returns Ledoit and Wolf's shrinkage, as `ledoit_wolf_intensity` of the samples.

  The sum of |x - mean|^4 follows from sums about the shift: with r the mean of y,
  |y - r|^2 = |y|^2 - 2 y.r + |r|^2, squared and summed.

  Args:
    moments: Of at least one sample.

  Returns:
    Intensity in `[0, 1]`; 1 for samples without any spread.

  References:
    Ledoit and Wolf, `A well-conditioned estimator for large-dimensional covariance
    matrices <https://doi.org/10.1016/S0047-259X(03)00096-4>`_, 2004, Lemma 3.2.
  """
  n, d = moments.count_k.sum(), moments.shift_d.shape[0]
  r_d = moments.sum_kd.sum(axis=0) / n
  r2 = float(r_d @ r_d)
  norm2 = float(np.trace(moments.gram_dd))
  norm4 = (
    moments.norm4
    + 4 * r_d @ moments.gram_dd @ r_d
    + n * r2**2
    - 4 * moments.cube_d @ r_d
    + 2 * r2 * norm2
    - 4 * n * r2**2
  ) / n
  covariance_dd = moments.gram_dd / n - np.outer(r_d, r_d)
  frobenius = float(np.sum(covariance_dd**2))
  delta = frobenius - float(np.trace(covariance_dd)) ** 2 / d
  beta = (norm4 - frobenius) / n
  return float(min(max(beta, 0), delta) / delta) if delta > 0 else 1.0
