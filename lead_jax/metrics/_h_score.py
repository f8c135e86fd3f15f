"""H-score: how much of the features' variance lies between the classes.

  H = tr(cov(f)^+ cov(E[f | y])) = sum over principal directions i of b_i / s_i,

where s_i is the variance along direction i and b_i <= s_i the part of it that the class
means explain: each direction adds its share of between-class variance, in [0, 1]. Nothing
changes under invertible linear maps, so that every feature is first brought to unit
variance, which improves the conditioning.

With as many directions as samples less one (D >= N - 1, no duplicates) every labelling is
explained wholly: H = K - 1 whatever the features. The regularised form replaces cov(f) by
Ledoit and Wolf's shrunk covariance, alpha its intensity and rho the mean variance,

  H_alpha = (1 - alpha) tr([(1 - alpha) cov(f) + alpha rho I]^-1 cov(E[f | y]))
          = (1 - alpha) N / (N - 1) sum_i b_i / ((1 - alpha) s_i + alpha rho),

since published values divide the covariance between classes by N - 1 and the shrunk one by
N. It depends on the axes' scales (not on rotations or a common scale). Where D > N both
are computed in the space of samples.

Nearest kin: `logme` (the same spectra under a prior); `sfda` (a posterior in place of a
trace).

Papers: Bao et al., `An Information-Theoretic Approach to Transferability in Task Transfer
Learning <https://arxiv.org/abs/2212.10082>`_, ICIP 2019; Ibrahim, Ponomareva and Mazumder,
`Newer is not always better: Rethinking transferability metrics, their peculiarities,
stability and performance <https://arxiv.org/abs/2110.06893>`_, ECML PKDD 2022 (shrinkage).

Public versions agree but for small ridges; one multiplies the two matrices entry by entry,
which is another number.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, check_arguments, check_num_classes
from lead_jax.metrics._metric import OK, Problem, Value, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import (
  TotalScatter,
  axes_of_gram,
  ledoit_wolf_intensity,
  total_scatter,
)
from lead_jax.typing import Array, Float, Int

# From inner products to eigenvalues and eigenvectors.
Decompose = Callable[[Array], tuple[Array, Array]]

# Shares of directions with less variance than this, of the largest, may err by percents.
_LEAST = 1e-9


class HScoreResult(NamedTuple):
  """The score and what decides how far to trust it.

  Attributes:
    score: At least 0, at most about `min(D, K - 1)`; larger is better.
    rank: int[], directions in which the features vary.
    intensity: Shrinkage, in `[0, 1]`; 0 for the plain score.
    least: The least variance of a direction in use, over the largest; 0 without any.
  """

  score: Float[Array, ""]
  rank: Int[Array, ""]
  intensity: Float[Array, ""]
  least: Float[Array, ""]


@check_arguments()
def h_score(
  features: Float[Array, "n d"], labels: Int[Array, " n"], *, num_classes: int
) -> HScoreResult:
  """Computes tr(cov(f)^+ cov(E[f | y])).

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.

  Returns:
    The score in `[0, min(D, K - 1)]`, larger is better; 0 for constant features.

  Raises:
    ValueError: If `num_classes` is below two.

  References:
    Bao et al., 2019, Definition 2.
  """
  check_num_classes(num_classes)
  n, d = features.shape
  if n > d:
    moments = total_scatter(features, labels, num_classes=num_classes)
    square_d, mean_d = jnp.diagonal(moments.gram_dd), moments.mean_d
    unit_d = _unit(square_d, mean_d, n)
    decompose = functools.partial(
      axes_of_gram,
      rows_bm=lambda take: (take(features) - mean_d[None, :]) * unit_d[None, :],
      rows=n,
      largest=jnp.max(unit_d**2 * (square_d + n * mean_d**2)),
      wanted=d,
    )
    return _plain(*_feature_space(moments, unit_d, decompose))
  x_nd, mean_d = _centre(features)
  unit_d = _unit(jnp.sum(x_nd**2, axis=0), mean_d, n)
  x_nd = x_nd * unit_d[None, :]
  decompose = functools.partial(
    axes_of_gram,
    rows_bm=lambda take: take(x_nd.T),
    rows=d,
    largest=jnp.max(jnp.sum((x_nd + (mean_d * unit_d)[None, :]) ** 2, axis=1)),
    wanted=n,
  )
  found = _plain(*_sample_space(x_nd, labels, num_classes, decompose))
  return found._replace(score=jnp.minimum(found.score, num_classes - 1))


def h_score_of_scatter(moments: TotalScatter) -> HScoreResult:
  """Computes the same from one pass's sums; accurate for more samples than features.

  Args:
    moments: See `statistics.total_scatter`; K at least two.

  Raises:
    ValueError: If there are fewer than two classes.
  """
  check_num_classes(moments.count_k.shape[0])
  n = jnp.sum(moments.count_k)
  unit_d = _unit(jnp.diagonal(moments.gram_dd), moments.mean_d, n)
  return _plain(*_feature_space(moments, unit_d))


@check_arguments()
def h_score_regularized(
  features: Float[Array, "n d"], labels: Int[Array, " n"], *, num_classes: int
) -> HScoreResult:
  """Computes the H-score under Ledoit and Wolf's covariance, times 1 - alpha.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.

  Returns:
    The score in `[0, min(D, K - 1) N / (N - 1)]`, larger is better; 0 for constant
    features.

  Raises:
    ValueError: If `num_classes` is below two.

  References:
    Ibrahim et al., 2022, Definition 2.
  """
  check_num_classes(num_classes)
  n, d = features.shape
  x_nd, mean_d = _centre(features)
  x_nd = jnp.where(_varies(jnp.sum(x_nd**2, axis=0), mean_d, n)[None, :], x_nd, 0)
  alpha = ledoit_wolf_intensity(x_nd)
  if n > d:
    moments = total_scatter(features, labels, num_classes=num_classes)
    return h_score_regularized_of_scatter(moments, alpha)
  s_i, b_i = _sample_space(x_nd, labels, num_classes)
  return _regularized(s_i, b_i, alpha, n, d)


def h_score_regularized_of_scatter(
  moments: TotalScatter, intensity: Float[Array, ""]
) -> HScoreResult:
  """Computes the same from one pass's sums.

  Args:
    moments: See `statistics.total_scatter`; K at least two.
    intensity: Ledoit and Wolf's, see `statistics.moments_intensity`.

  Raises:
    ValueError: If there are fewer than two classes.
  """
  check_num_classes(moments.count_k.shape[0])
  d = moments.mean_d.shape[0]
  n = jnp.sum(moments.count_k)
  varies_d = _varies(jnp.diagonal(moments.gram_dd), moments.mean_d, n)
  s_d, b_d = _feature_space(moments, varies_d.astype(moments.mean_d.dtype))
  return _regularized(s_d, b_d, jnp.asarray(intensity, s_d.dtype), n, d)


def _centre(features: Array) -> tuple[Array, Array]:
  """Subtracts the mean; twice, since the first is rounded where it is large."""
  mean_d = jnp.mean(features, axis=0)
  x_nd = features - mean_d[None, :]
  return x_nd - jnp.mean(x_nd, axis=0)[None, :], mean_d


def _varies(square_d: Array, mean_d: Array, n: Array | int) -> Array:
  """Whether a feature's spread is more than the rounding of its mean."""
  return square_d > n * (4 * jnp.finfo(square_d.dtype).eps * mean_d) ** 2


def _unit(square_d: Array, mean_d: Array, n: Array | int) -> Array:
  """Returns the factors to unit variance; zero for a feature without spread."""
  varies_d = _varies(square_d, mean_d, n)
  return jnp.where(varies_d, 1, 0) / jnp.sqrt(jnp.where(varies_d, square_d, 1))


def _feature_space(
  moments: TotalScatter, unit_d: Array, decompose: Decompose | None = None
) -> tuple[Array, Array]:
  """Returns the scatter along each principal direction, and that between classes."""
  gram_dd = unit_d[:, None] * moments.gram_dd * unit_d[None, :]
  value_d, vector_dd, scale = _decompose(gram_dd, decompose)
  count_k = jnp.maximum(moments.count_k, 1)
  between_kd = moments.deviation_kd * unit_d[None, :] / jnp.sqrt(count_k)[:, None]
  between_kd = jnp.matmul(between_kd, vector_dd, precision=HIGHEST)
  return value_d * scale, jnp.sum(between_kd**2, axis=0)


def _sample_space(
  x_nd: Array, labels: Array, num_classes: int, decompose: Decompose | None = None
) -> tuple[Array, Array]:
  """As `_feature_space`, through the N x N inner products of centred samples."""
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=x_nd.dtype)
  onehot_nk = onehot_nk / jnp.sqrt(jnp.maximum(jnp.sum(onehot_nk, axis=0), 1))[None, :]
  gram_nn = jnp.matmul(x_nd, x_nd.T, precision=HIGHEST)
  value_n, vector_nn, scale = _decompose(gram_nn, decompose)
  share_kn = jnp.matmul(onehot_nk.T, vector_nn, precision=HIGHEST) ** 2
  return value_n * scale, value_n * scale * jnp.sum(share_kn, axis=0)


def _decompose(
  gram: Array, decompose: Decompose | None = None
) -> tuple[Array, Array, Any]:
  """Eigenvalues at unit scale, zero where they are rounding; eigenvectors; the scale.

  Args:
    gram: Inner products.
    decompose: In place of a plain decomposition, one of features of unit variance that
      finds small eigenvalues too.
  """
  if decompose is not None:
    return *decompose(gram), 1
  scale = jnp.max(jnp.diagonal(gram))
  scale = jnp.where(scale > 0, scale, 1)
  value, vector = jnp.linalg.eigh(0.5 * (gram + gram.T) / scale)
  noise = 4 * jnp.finfo(gram.dtype).eps * value[-1]
  return jnp.where(value > noise, value, 0), vector, scale


def _plain(s_i: Array, b_i: Array) -> HScoreResult:
  alive_i = s_i > 0
  share_i = jnp.where(alive_i, b_i / jnp.where(alive_i, s_i, 1), 0)
  # A share above one is rounding.
  score = jnp.sum(jnp.minimum(share_i, 1))
  return HScoreResult(score, jnp.sum(alive_i), jnp.zeros_like(score), _least(s_i))


def _regularized(
  s_i: Array, b_i: Array, alpha: Array, count: Array | int, dim: int
) -> HScoreResult:
  # One feature is its own sphere: there is nothing to shrink.
  alpha = alpha if dim > 1 else jnp.zeros_like(alpha)
  shrunk_i = (1 - alpha) * s_i + alpha * jnp.sum(s_i) / dim
  alive_i = shrunk_i > 0
  share_i = jnp.where(alive_i, b_i / jnp.where(alive_i, shrunk_i, 1), 0)
  score = (1 - alpha) * count / (count - 1) * jnp.sum(share_i)
  return HScoreResult(score, jnp.sum(s_i > 0), alpha, _least(shrunk_i))


def _least(s_i: Array) -> Array:
  largest = jnp.max(s_i)
  least = jnp.min(jnp.where(s_i > 0, s_i, largest))
  return least / jnp.where(largest > 0, largest, 1)


_h_score = jax.jit(h_score, static_argnames=("num_classes",))
_h_score_regularized = jax.jit(h_score_regularized, static_argnames=("num_classes",))


def _compute_plain(problem: Problem, _: Options) -> Value:
  result = _h_score(problem.features, problem.labels, num_classes=problem.num_classes)
  return _plain_value(result, problem.features.shape[0])


def _compute_regularized(problem: Problem, _: Options) -> Value:
  result = _h_score_regularized(
    problem.features, problem.labels, num_classes=problem.num_classes
  )
  return _regularized_value(result)


def _plain_value(result: HScoreResult, count: int) -> Value:
  """Reads a plain score of `count` samples."""
  rank = int(result.rank)
  status = OK
  if rank == 0:
    status = "the features are constant"
  elif rank >= count - 1:
    status = "the features span all N - 1 directions: K - 1 for any labels"
  elif result.least.dtype == jnp.float32 and result.least < _LEAST:
    status = (
      f"a direction has {float(result.least):.1g} of the largest one's variance, too "
      "little for float32: compute in float64 (jax.enable_x64)"
    )
  return Value(float(result.score), status, {"rank": rank})


def _regularized_value(result: HScoreResult) -> Value:
  """Reads a regularised score."""
  intensity = float(np.asarray(result.intensity, np.float64))
  status = OK
  if int(result.rank) == 0:
    status = "the features are constant"
  elif intensity == 1:
    status = "the covariance is shrunk wholly to a sphere"
  return Value(float(result.score), status, {"intensity": intensity})


H_SCORE = own_metric(
  "h_score",
  _compute_plain,
  "H-score: the share of the features' variance that lies between classes",
  "directions",
  "N D^2 + 10 D^3",
  least_per_class=2,
  least_ratio=1,
)
H_SCORE_REGULARIZED = own_metric(
  "h_score_regularized",
  _compute_regularized,
  "H-score under Ledoit and Wolf's shrunk covariance",
  "directions",
  "2 N D^2 + 10 D^3",
  least_per_class=2,
)
