"""Mixtures of Gaussians with full covariances, by expectation maximisation.

Written for many components of few samples, where nearly all responsibilities are zero,
and equal to the dense algorithm within rounding:

- A component keeps a list of at most `capacity` *candidates*, the samples to which it can
  matter. Means, covariances and densities are computed for those alone.
- After every maximisation all samples are screened against all components. With
  Sigma = R^T R, R upper triangular, and y = R^-T (x - mu), the squared Mahalanobis
  distance is |y|^2, and the first p entries of y depend on the first p features alone: a
  partial sum bounds the distance from below, the density from above. Where that bound is
  `_MARGIN` nats below the sample's best density, the responsibility is below rounding,
  and the sample is no candidate. Put the features of the largest variance first.
- R comes from the QR decomposition of the weighted centred candidates stacked on
  sqrt(reg) I. No covariance is formed, so that components of fewer samples than features,
  with a ridge far below rounding of the covariance, are right in float32.

Start: k-means, whose own start is k-means++.

Nearest kin: scikit-learn's `GaussianMixture(covariance_type="full")`, the same fixed
points, stopping rule and ridge, dense.

References:
  Dempster et al., `Maximum Likelihood from Incomplete Data via the EM Algorithm
  <https://doi.org/10.1111/j.2517-6161.1977.tb01600.x>`_, 1977.
  Arthur and Vassilvitskii, `k-means++: The Advantages of Careful Seeding
  <https://dl.acm.org/doi/10.5555/1283383.1283494>`_, SODA 2007.
  Lloyd, `Least squares quantization in PCM
  <https://doi.org/10.1109/TIT.1982.1056489>`_, 1982.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Rule, check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Bool, Float, Int, Key

_MARGIN = 45.0  # nats; e^-45 is below float64's rounding of a sum of probabilities
_SCREEN_DIM = 64  # features of the partial distance
_BLOCK = 8  # components handled at once

# Steps, centres, labels, squared distances, whether a label changed.
_Lloyd = tuple[Array, Array, Array, Array, Array]
# Steps, candidates, their posteriors, log-likelihood; converged, overflow, still.
_Em = tuple[Array, Array, Array, Array, Array, Array, Array]


class KMeans(NamedTuple):
  """Clusters of samples.

  Attributes:
    labels_n: Cluster of each sample.
    centre_cd: Mean of each cluster.
    inertia: Sum of squared distances from the centres.
    steps: Lloyd's iterations done.
    converged: Whether the labels stopped changing.
  """

  labels_n: Int[Array, " n"]
  centre_cd: Float[Array, "c d"]
  inertia: Float[Array, ""]
  steps: Int[Array, ""]
  converged: Bool[Array, ""]


class Mixture(NamedTuple):
  """A fitted mixture, as posteriors of its own samples.

  Attributes:
    index_cb: Samples that matter to each component; N where there are fewer than b.
    posterior_cb: Of those, the probability of the component.
    log_likelihood: Mean over samples of the log density, in nats.
    steps: Iterations done.
    converged: Whether the log-likelihood changed by less than the tolerance.
    overflow: Whether a component had more than `capacity` candidates; the result is then
      wrong, and the fit has to be repeated with a larger one.
    size_c: Sum of the posteriors of each component.
  """

  index_cb: Int[Array, "c b"]
  posterior_cb: Float[Array, "c b"]
  log_likelihood: Float[Array, ""]
  steps: Int[Array, ""]
  converged: Bool[Array, ""]
  overflow: Bool[Array, ""]
  size_c: Float[Array, " c"]

  def posteriors(self, samples: int) -> Float[Array, "n c"]:
    """Returns the dense float[N, C] matrix of posteriors."""
    components, _ = self.index_cb.shape
    # Padding lands in a row of its own, which is cut off.
    dense = jnp.zeros((samples + 1, components), self.posterior_cb.dtype)
    dense = dense.at[self.index_cb, jnp.arange(components)[:, None]].add(
      self.posterior_cb
    )
    return dense[:samples]


@check_arguments()
def kmeans(
  features: Float[Array, "n d"],
  *,
  clusters: int,
  key: Key[Array, ""],
  max_iter: int = 100,
) -> KMeans:
  """Clusters samples by Lloyd's iterations from a k-means++ start.

  A cluster that loses all its samples takes up one of those farthest from their centres.

  Args:
    features: Samples, one per row.
    clusters: Static number of clusters, in `[1, N]`.
    key: Decides the start.
    max_iter: Static bound on the iterations, at least one.

  Returns:
    A `KMeans`. Clusters may be empty only where there are fewer distinct samples.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Arthur and Vassilvitskii, 2007, Section 2.2; the choice among draws: Section 7.
  """
  n, _ = features.shape
  if not 1 <= clusters <= n:
    raise ValueError(f"clusters must be in [1, {n}] for {n} samples, got {clusters}")
  if max_iter < 1:
    raise ValueError(f"max_iter must be at least 1, got {max_iter}")
  # Centred and of unit scale: distances by inner products lose no digits to the mean.
  mean_d = jnp.mean(features, axis=0)
  x_nd = features - mean_d[None, :]
  largest = jnp.max(jnp.abs(x_nd))
  scale = jnp.where(largest > 0, largest, 1)
  x_nd = x_nd / scale
  square_n = jnp.sum(x_nd**2, axis=1)
  first_key, rest_key = jax.random.split(key)
  first = jax.random.randint(first_key, (), 0, n)

  def distances_from(index_t: Array) -> Array:
    inner_nt = jnp.matmul(x_nd, x_nd[index_t].T, precision=HIGHEST)
    square_nt = square_n[:, None] + square_n[index_t][None, :] - 2 * inner_nt
    square_nt = square_nt.at[index_t, jnp.arange(index_t.size)].set(0)
    return jnp.maximum(square_nt, 0)

  def draw(nearest_n: Array, uniform_t: Array) -> tuple[Array, Array]:
    # By the cumulative squared distances; uniformly where all samples are centres.
    weight_n = jnp.where(jnp.sum(nearest_n) > 0, nearest_n, 1)
    below_n = jnp.cumsum(weight_n)
    index_t = jnp.searchsorted(below_n, uniform_t * below_n[-1], side="right")
    index_t = jnp.minimum(index_t, n - 1)
    # Of several draws the one that leaves the least distance (the paper's conclusion).
    nearest_nt = jnp.minimum(nearest_n[:, None], distances_from(index_t))
    best = jnp.argmin(jnp.sum(nearest_nt, axis=0))
    return nearest_nt[:, best], index_t[best]

  trials = 2 + int(math.log(clusters))
  uniform = jax.random.uniform(rest_key, (clusters - 1, trials), x_nd.dtype)
  _, others = jax.lax.scan(draw, distances_from(first[None])[:, 0], uniform)
  centre_cd = x_nd[jnp.concatenate([first[None], others])]

  def nearest(centre_cd: Array) -> tuple[Array, Array]:
    inner_nc = jnp.matmul(x_nd, centre_cd.T, precision=HIGHEST)
    half_nc = 0.5 * jnp.sum(centre_cd**2, axis=1)[None, :] - inner_nc
    labels_n = jnp.argmin(half_nc, axis=1).astype(jnp.int32)
    return labels_n, jnp.maximum(square_n + 2 * jnp.min(half_nc, axis=1), 0)

  def proceed(state: _Lloyd) -> Array:
    step, _, _, _, moved = state
    return (step < max_iter) & moved

  def lloyd(state: _Lloyd) -> _Lloyd:
    step, _, labels_n, distance_n, _ = state
    count_c = jnp.zeros((clusters,), x_nd.dtype).at[labels_n].add(1)
    sum_cd = jnp.zeros((clusters, x_nd.shape[1]), x_nd.dtype).at[labels_n].add(x_nd)
    centre_cd = sum_cd / jnp.maximum(count_c, 1)[:, None]
    empty_c = count_c == 0
    _, farthest_c = jax.lax.top_k(distance_n, clusters)
    rank_c = jnp.maximum(jnp.cumsum(empty_c) - 1, 0)
    centre_cd = jnp.where(empty_c[:, None], x_nd[farthest_c[rank_c]], centre_cd)
    reached_n, distance_n = nearest(centre_cd)
    moved = jnp.any(reached_n != labels_n)
    return step + 1, centre_cd, reached_n, distance_n, moved

  labels_n, distance_n = nearest(centre_cd)
  state = (jnp.int32(0), centre_cd, labels_n, distance_n, jnp.asarray(True))
  steps, centre_cd, labels_n, distance_n, moved = jax.lax.while_loop(
    proceed, lloyd, state
  )
  return KMeans(
    labels_n,
    centre_cd * scale + mean_d[None, :],
    jnp.sum(distance_n) * scale**2,
    steps,
    ~moved,
  )


@check_arguments(tol=Rule(least=0))
def fit_mixture(
  features: Float[Array, "n p"],
  start: Int[Array, " n"],
  *,
  components: int,
  capacity: int | None = None,
  reg: float = 1e-6,
  tol: float = 1e-3,
  max_iter: int = 100,
) -> Mixture:
  """Fits a mixture of Gaussians with full covariances from given clusters.

  Args:
    features: Samples, one per row; fastest where the columns are principal components by
      decreasing variance.
    start: Component of each sample in `[0, components)`, as from `kmeans`.
    components: Static C, at least one.
    capacity: Static bound on the candidates of a component, in `[1, N]`; None: N. Time
      and memory grow with `components * capacity`.
    reg: Added to the variance in every direction, above zero; static.
    tol: Change of the mean log-likelihood below which the fit is done; static.
    max_iter: Static bound on the iterations, at least one.

  Returns:
    A `Mixture`.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Bishop, Pattern Recognition and Machine Learning, 2006, Eq. 9.23 to 9.28.
  """
  n, p = features.shape
  capacity = n if capacity is None else capacity
  if components < 1:
    raise ValueError(f"components must be at least 1, got {components}")
  if not 1 <= capacity <= n:
    raise ValueError(f"capacity must be in [1, {n}] for {n} samples, got {capacity}")
  if not reg > 0:
    raise ValueError(f"reg must be above 0, got {reg}")
  if max_iter < 1:
    raise ValueError(f"max_iter must be at least 1, got {max_iter}")
  dtype = features.dtype
  few = min(p, _SCREEN_DIM)
  block = math.gcd(_BLOCK, components)  # no remainder, which would be compiled too
  x_np = features - jnp.mean(features, axis=0, keepdims=True)
  ridge_pp = math.sqrt(reg) * jnp.eye(p, dtype=dtype)
  # The triangular factors of all components are the largest thing here: without zeros.
  above = np.triu_indices(p)
  pack: Callable[[Array], Array] = lambda r_pp: r_pp[above]
  unpack: Callable[[Array], Array] = lambda r_q: (
    jnp.zeros((p, p), dtype).at[above].set(r_q)
  )

  def listed(chosen_n: Array) -> tuple[Array, Array]:
    """The first `capacity` chosen samples, N where there are fewer, and their number."""
    rank_n = jnp.cumsum(chosen_n.astype(jnp.int32))
    wanted_b = jnp.arange(1, capacity + 1, dtype=jnp.int32)
    index_b = jnp.searchsorted(rank_n, wanted_b)
    return index_b.astype(jnp.int32), rank_n[-1]

  def maximise(inputs: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """Mean, triangular factor and log normaliser of a component."""
    index_b, r_b = inputs
    x_bp = x_np[jnp.minimum(index_b, n - 1)]
    # As scikit-learn: an empty component has a weight, next to nothing.
    size = jnp.sum(r_b) + 10 * jnp.finfo(dtype).eps
    mean_p = jnp.matmul(r_b, x_bp, precision=HIGHEST) / size
    root_b1 = jnp.sqrt(r_b / size)[:, None]
    stacked = jnp.concatenate([root_b1 * (x_bp - mean_p[None, :]), ridge_pp])
    r_pp = jnp.linalg.qr(stacked, mode="r")
    log_det = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(r_pp))))
    offset = jnp.log(size / n) - log_det - 0.5 * p * math.log(2 * math.pi)
    return mean_p, pack(r_pp), offset

  def log_joint(inputs: tuple[Array, Array, Array, Array]) -> Array:
    """log w_c + log N(x; mu_c, Sigma_c) of the candidates of a component."""
    index_b, mean_p, r_q, offset = inputs
    x_bp = x_np[jnp.minimum(index_b, n - 1)] - mean_p[None, :]
    y_pb = jax.scipy.linalg.solve_triangular(unpack(r_q), x_bp.T, trans="T")
    value_b = offset - 0.5 * jnp.sum(y_pb**2, axis=0)
    return jnp.where(index_b < n, value_b, -jnp.inf)

  def best_of(index_cb: Array, joint_cb: Array) -> Array:
    best = jnp.full((n + 1,), -jnp.inf, dtype)
    return best.at[index_cb].max(joint_cb)

  def step(index_cb: Array, r_cb: Array) -> tuple[Array, Array, Array, Array]:
    """Maximises over the parameters, then finds candidates and posteriors."""
    mean_cp, r_cq, offset_c = jax.lax.map(maximise, (index_cb, r_cb), batch_size=block)
    joint_cb = jax.lax.map(
      log_joint, (index_cb, mean_cp, r_cq, offset_c), batch_size=block
    )
    floor_n = best_of(index_cb, joint_cb)[:n] - _MARGIN

    def screen(inputs: tuple[Array, Array, Array]) -> tuple[Array, Array]:
      mean_p, r_q, offset = inputs
      mean_f, r_ff = mean_p[:few], unpack(r_q)[:few, :few]
      inverse_ff = jax.scipy.linalg.solve_triangular(r_ff, jnp.eye(few, dtype=dtype))
      shift_f = jnp.matmul(mean_f, inverse_ff, precision=HIGHEST)
      y_nf = jnp.matmul(x_np[:, :few], inverse_ff, precision=HIGHEST)
      bound_n = offset - 0.5 * jnp.sum((y_nf - shift_f[None, :]) ** 2, axis=1)
      return listed(bound_n >= floor_n)

    index_cb, count_c = jax.lax.map(screen, (mean_cp, r_cq, offset_c), batch_size=block)
    joint_cb = jax.lax.map(
      log_joint, (index_cb, mean_cp, r_cq, offset_c), batch_size=block
    )
    best = best_of(index_cb, joint_cb)
    best = jnp.where(jnp.isfinite(best), best, 0)  # of the padding
    shifted_cb = jnp.exp(joint_cb - best[index_cb])
    total = jnp.zeros((n + 1,), dtype).at[index_cb].add(shifted_cb)
    total = jnp.where(total > 0, total, 1)
    log_likelihood = jnp.mean(best[:n] + jnp.log(total[:n]))
    overflow = jnp.any(count_c > capacity)
    return index_cb, shifted_cb / total[index_cb], log_likelihood, overflow

  def hard(index_cb: Array, r_cb: Array) -> Array:
    """Component of each sample, -1 where its posterior is divided."""
    sure_cb = r_cb >= 1 - 2 * jnp.finfo(dtype).eps
    label = jnp.full((n + 1,), -1, jnp.int32)
    which_cb = jnp.where(sure_cb, jnp.arange(components, dtype=jnp.int32)[:, None], -1)
    return label.at[index_cb].max(which_cb)[:n]

  def proceed(state: _Em) -> Array:
    iteration, _, _, _, converged, overflow, _ = state
    return (iteration < max_iter) & ~converged & ~overflow

  def iterate(state: _Em) -> _Em:
    iteration, index_cb, r_cb, before, _, _, _ = state
    label_n = hard(index_cb, r_cb)
    index_cb, r_cb, value, overflow = step(index_cb, r_cb)
    # Undivided posteriors that came back as they were would do so for ever.
    still = jnp.all((label_n >= 0) & (hard(index_cb, r_cb) == label_n))
    converged = (jnp.abs(value - before) < tol) | still
    return iteration + 1, index_cb, r_cb, value, converged, overflow, still

  index_cb, count_c = jax.lax.map(
    lambda c: listed(start == c), jnp.arange(components), batch_size=block
  )
  state = (
    jnp.int32(0),
    index_cb,
    (index_cb < n).astype(dtype),
    jnp.asarray(-jnp.inf, dtype),
    jnp.asarray(False),
    jnp.any(count_c > capacity),
    jnp.asarray(False),
  )
  state = jax.lax.while_loop(proceed, iterate, state)
  steps, index_cb, r_cb, value, converged, overflow, still = state
  # Posteriors under the parameters that the last responsibilities give.
  index_cb, r_cb, value, overflow = jax.lax.cond(
    still | overflow,
    lambda: (index_cb, r_cb, value, overflow),
    lambda: step(index_cb, r_cb),
  )
  return Mixture(
    index_cb, r_cb, value, steps, converged, overflow, jnp.sum(r_cb, axis=1)
  )
