"""NLEEP: LEEP over the components of a Gaussian mixture of the features.

The features' principal components that hold `pca_variance` of the variance; a mixture of
`components_per_class` x K Gaussians with full covariances fitted to them; its posteriors
p(z | x) in place of the source classes' probabilities:

  p(y | z) = sum_i p(z | x_i) 1[y_i = y] / sum_i p(z | x_i),
  NLEEP = 1/N sum_i sum_z p(y_i | z) p(z | x_i).

The paper averages the *logarithm* of the inner sum (`log=True`), the public code that
published tables used does not. Where 5 K components would be more than half the samples
there are K; PACTran's code has another rule for their number (and the logarithm), which
its posteriors given as `gmm_responsibilities` reproduce. The mixture is that of
scikit-learn (ridge 1e-6, tolerance 1e-3, start by k-means), which fails in float32 where
a component has fewer samples than features; this one does not (see
`statistics.fit_mixture`).

Nearest kin: LEEP. With few samples per component, the mixture is its k-means start, and
NLEEP the purity of those clusters.

References:
  Li et al., `Ranking Neural Checkpoints <https://arxiv.org/abs/2011.11200>`_, CVPR 2021.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from lead_jax.checks import Options, check_arguments, option
from lead_jax.metrics._leep import empirical_prediction
from lead_jax.metrics._metric import Problem, Spread, Value, join, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import Mixture, fit_mixture, kmeans, pca
from lead_jax.typing import Array, Float, Int

_KEY = 101  # folded into the problem's key
_PCA_STEP = 16  # dimensions are filled up to a multiple, to compile few programs
_REG = 1e-6  # scikit-learn's ridge


@check_arguments()
def nleep(
  responsibilities: Float[Array, "n z"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  log: bool = False,
) -> Float[Array, ""]:
  """Computes the mean predicted probability of the true label, given the mixture.

  Args:
    responsibilities: p(z | x), a distribution over components in each row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    log: Whether the mean is of logarithms, as in the paper; static.

  Returns:
    Scalar in `(0, 1]`, or in nats at most 0 with `log`; larger is better.

  Raises:
    ValueError: If `num_classes` is below two.

  References:
    Li et al., 2021, Eq. 2 and 3.
  """
  predicted_n = empirical_prediction(responsibilities, labels, num_classes=num_classes)
  return jnp.mean(jnp.log(predicted_n) if log else predicted_n)


class _Fit(NamedTuple):
  """One seed's score with what is to be said of it."""

  score: float
  mixture: Mixture


_nleep = jax.jit(nleep, static_argnames=("num_classes", "log"))


class _Axes(NamedTuple):
  """All principal directions; what is projected on all of them where that is small."""

  mean_d: Array
  axes_dp: Array | None
  variance_p: Array
  projected_np: Array | None


@jax.jit
def _all_axes(features: Array) -> _Axes:
  n, d = features.shape
  found = pca(features, dim=min(n, d))
  if d <= n:
    return _Axes(found.mean_d, found.axes_dp, found.variance_p, None)
  # Where there are fewer samples than features, the axes are the less exact.
  return _Axes(found.mean_d, None, found.variance_p, found.projected_np)


@functools.partial(jax.jit, static_argnames="wide")
def _project(features: Array, axes: _Axes, dims: Array, *, wide: int) -> Array:
  if axes.projected_np is not None:
    x_np = axes.projected_np[:, :wide]
  else:
    assert axes.axes_dp is not None  # one of the two is there
    x_nd = features - axes.mean_d[None, :]
    x_np = jnp.matmul(x_nd, axes.axes_dp[:, :wide], precision=HIGHEST)
  return jnp.where(jnp.arange(wide)[None, :] < dims, x_np, 0)


_kmeans = jax.jit(kmeans, static_argnames="clusters")
_fit_mixture = jax.jit(fit_mixture, static_argnames=("components", "capacity", "reg"))
_posteriors = jax.jit(Mixture.posteriors, static_argnames="samples")


def project_to_variance(
  features: Float[Array, "n d"], *, pca_variance: float
) -> tuple[Float[Array, "n p"], int]:
  """Projects on the fewest principal components with more than a share of the variance.

  Args:
    features: Samples, one per row.
    pca_variance: The share, in (0, 1].

  Returns:
    The samples in these directions, filled up by zeros to a multiple of 16 columns, and
    the number of directions. Depends on the data: not to be called under `jit`.

  Raises:
    ValueError: If the features are constant.
  """
  n, d = features.shape
  found = _all_axes(features)
  variance_p = np.asarray(found.variance_p, np.float64)
  if not variance_p[0] > 0:
    raise ValueError("the features are constant: there is nothing to fit a mixture to")
  share_p = np.cumsum(variance_p) / variance_p.sum()
  dims = int(np.searchsorted(share_p, pca_variance, side="right")) + 1
  dims = min(dims, int(np.sum(variance_p > 0)))
  wide = min(_PCA_STEP * math.ceil(dims / _PCA_STEP), max(dims, min(n, d)))
  return _project(features, found, dims, wide=wide), dims


def fit_growing(
  x_np: Float[Array, "n p"], start: Int[Array, " n"], components: int
) -> Mixture:
  """Fits a mixture with lists of candidates as long as they have to be."""
  n = x_np.shape[0]
  largest = int(np.bincount(start).max())
  capacity = min(n, max(32, 2 ** math.ceil(math.log2(1.25 * largest))))
  while True:
    mixture: Mixture = _fit_mixture(
      x_np, start, components=components, capacity=capacity, reg=_REG
    )
    if not bool(mixture.overflow):
      return mixture
    capacity = min(n, 4 * capacity)


@dataclasses.dataclass(frozen=True)
class NLEEPOptions(Options):
  """Options of `nleep`."""

  pca_variance: float = option(
    0.8,
    above=0,
    most=1,
    help="Share of the variance that the principal components keep.",
  )
  components_per_class: int = option(
    5,
    least=1,
    help="Components of the mixture over K; one where that would be more than half the "
    "samples.",
  )
  log: bool = option(
    False, help="Whether to average logarithms, as in the paper's equation."
  )
  seeds: int = option(
    3, least=1, help="Number of mixtures, each from a k-means start of its own."
  )


def _compute_nleep(problem: Problem, options: NLEEPOptions) -> Value:
  """The mean over `seeds` mixtures, or NLEEP of `gmm_responsibilities` where given."""
  k = problem.num_classes
  if problem.gmm_responsibilities is not None:
    given = _nleep(
      problem.gmm_responsibilities, problem.labels, num_classes=k, log=options.log
    )
    components = problem.gmm_responsibilities.shape[1]
    return Value(float(given), details={"components": components})

  n = problem.features.shape[0]
  components, fewer = options.components_per_class * k, ""
  if components > n / 2 and components > k:
    fewer = f"{k} components: {components} need {2 * components} samples, not {n}"
    components = k
  x_np, dims = project_to_variance(problem.features, pca_variance=options.pca_variance)
  fits = []
  # Thousands of small factorisations: on a busy machine, LAPACK's threads waiting for one
  # another take twenty times as long as one thread does.
  with threadpool_limits(limits=1, user_api="blas"):
    for seed in range(options.seeds):
      key = jax.random.fold_in(jax.random.fold_in(problem.key, _KEY), seed)
      start = _kmeans(x_np, clusters=components, key=key).labels_n
      mixture = fit_growing(x_np, start, components)
      responsibilities = _posteriors(mixture, samples=n)
      score = _nleep(responsibilities, problem.labels, num_classes=k, log=options.log)
      fits.append(_Fit(float(score), mixture))
  # Of the columns of zeros, whose variance is the ridge alone.
  filling = -0.5 * (x_np.shape[1] - dims) * math.log(2 * math.pi * _REG)
  sizes = [np.asarray(one.mixture.size_c) for one in fits]
  singletons = max(int(np.sum(size_c < 1.5)) for size_c in sizes)
  scores = np.array([one.score for one in fits])
  collapsed = not_converged = ""
  if singletons:
    collapsed = f"{singletons} of {components} components hold at most one sample"
  if not all(bool(one.mixture.converged) for one in fits):
    not_converged = "a mixture did not converge"
  details = {
    "components": components,
    "pca_dim": dims,
    "log_likelihood": [float(one.mixture.log_likelihood) - filling for one in fits],
    "steps": [int(one.mixture.steps) for one in fits],
  }
  spread = None
  if options.seeds > 1:
    spread = Spread(float(scores.std(ddof=1)), f"{options.seeds} mixtures")
  status = join(fewer, collapsed, not_converged)
  return Value(float(scores.mean()), status, details, spread)


NLEEP = own_metric(
  "nleep",
  _compute_nleep,
  "LEEP over the components of a Gaussian mixture of the features",
  "probability",
  "PCA: N D^2; 3 x mixtures: iterations x N C P^2",
  options=NLEEPOptions,
  random=True,
  uses=("gmm_responsibilities",),
)
