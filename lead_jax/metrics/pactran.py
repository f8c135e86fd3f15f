"""PACTran: PAC-Bayesian bounds on the transferred classifier's loss.

Three priors. The Gaussian one is about a linear classifier on the features. With x
centred, p the probabilities at the optimum and m = K D / (lambda N),

  L* = min_W,b  1/N sum_i -log softmax(W^T x_i + b)[y_i] + |W|^2 / (2 lambda N),  b free,
  H = sum_i,k (|x_i|^2 + 1) (p_ik - p_ik^2) + m,
  PACTran-Gauss = -[L* + m / 2 (s^2 / D) log(H / m + 1e-10)].

The other two need no features but a distribution s_i over Z source classes (or the
components of a mixture): p(y | z) is unknown, with a Dirichlet prior per source class, or
a Gamma prior per rate, of parameters a0_y = n_y / N. Mean field, coordinate by coordinate
(psi is the digamma function, q starts as s):

  a_yz = a0_y + sum_i 1[y_i = y] q_iz,
  Dirichlet: q_iz ~ s_iz exp(psi(a_{y_i} z) - psi(sum_y a_yz)),
  Gamma:     q_iz ~ s_iz exp(psi(a_{y_i} z)).

With log B(a) = sum_y log Gamma(a_y) - log Gamma(sum_y a_y),

  PACTran-Dirichlet = 1/(N K) [sum_z log B(a_z) - Z log B(a0) - sum_iz q log(q / s)],
  PACTran-Gamma = -1 - 1/(N K) [sum_yz log Gamma(a0_y) - log Gamma(a_yz)
                  + sum_iz q log(q / s) + sum_i log(sum_z s_iz sum_y a_yz) - N].

The official code minimises (the negative of each), starts L-BFGS at random and stops it
after 100 iterations, about 1e-3 from the optimum that is found here; ETran's copy of it
stops after 10. The other two are its ten iterations, which leave the bound up to a few
per cent short of convergence. Nearest kin: LEEP (the empirical
p(y | z) in place of its posterior), LogME.

References:
  Ding et al., `PACTran: PAC-Bayesian Metrics for Estimating the Transferability of
  Pretrained Models to Classification Tasks <https://arxiv.org/abs/2203.05126>`_,
  ECCV 2022, Section 4.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln

from lead_jax.metrics.base import OK, Problem, Value
from lead_jax.statistics.logistic import fit_logistic
from lead_jax.typing import Array, Bool, Float, Int

_HIGHEST = jax.lax.Precision.HIGHEST
_LEAST = 1e-10  # added to source probabilities and priors, as officially
_BLOCK = 512  # rows whose posteriors exist at once


class PACTranGauss(NamedTuple):
  """The bound and its parts.

  Attributes:
    score: Larger is better.
    optimum: L*, in nats a sample.
    curvature: H.
    steps: steps.
    converged: Whether the optimum was reached.
  """

  score: Float[Array, ""]
  optimum: Float[Array, ""]
  curvature: Float[Array, ""]
  steps: Int[Array, ""]
  converged: Bool[Array, ""]


def pactran_gauss(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  lam: float = 1.0,
  s2: float = 100.0,
  max_iter: int = 500,
) -> PACTranGauss:
  """Computes the bound of the Gaussian prior.

  Args:
    features: Samples, one a row; they are centred.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    lam: lambda, the weight of the data against the prior, above zero; static. The paper
      takes the best of 10, 1 and 0.1.
    s2: Variance of the prior times D, above zero; static.
    max_iter: Static bound on the steps.

  Returns:
    A `PACTranGauss`; its score is larger for better features.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Ding et al., 2022, Eq. 10.
  """
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")
  check_gauss(lam=lam, s2=s2)
  if max_iter < 1:
    raise ValueError(f"max_iter must be at least 1, got {max_iter}")
  n, d = features.shape
  dtype = features.dtype
  mean_d = jnp.mean(features, axis=0)
  x_nd = features - mean_d[None, :]
  scale = jnp.sqrt(jnp.mean(x_nd**2))
  scale = jnp.where(scale > 0, scale, 1)
  x_nd = x_nd / scale
  # With V = scale W the data see unit features, and the ridge is 1 / (lambda scale^2).
  fit = fit_logistic(
    x_nd,
    jax.nn.one_hot(labels, num_classes, dtype=dtype),
    jnp.ones((n,), dtype),
    jnp.zeros((d,), dtype),
    jnp.ones((d,), dtype),
    1 / (lam * scale**2),
    tolerance=1e-8 if dtype == jnp.float64 else 3e-5,
    max_iter=max_iter,
  )
  optimum = fit.loss / n
  log_p_nk = jax.nn.log_softmax(fit.logits_nk, axis=1)
  p_nk = jnp.exp(log_p_nk)
  spread_n = jnp.sum(p_nk * -jnp.expm1(log_p_nk), axis=1)
  square_n = scale**2 * jnp.sum(x_nd**2, axis=1)
  m = num_classes * d / (lam * n)
  curvature = jnp.sum((square_n + 1) * spread_n) + m
  flatness = 0.5 * m * (s2 / d) * jnp.log(curvature / m + 1e-10)
  return PACTranGauss(
    -(optimum + flatness), optimum, curvature, fit.steps, fit.converged
  )


class _Field(NamedTuple):
  """What one pass over the samples gathers.

  Attributes:
    count_kz: sum_i 1[y_i = y] q_iz.
    divergence: sum_iz q log(q / s).
    log_rate: sum_i log sum_z s_iz rate_z.
  """

  count_kz: Float[Array, "k z"]
  divergence: Float[Array, ""]
  log_rate: Float[Array, ""]


def _posterior(s_nz, labels, tilt_kz, rate_z) -> _Field:
  """Gathers q ~ s exp(tilt_y) over blocks of samples, in which it exists alone."""
  n, z = s_nz.shape
  k = tilt_kz.shape[0]

  def of_block(s_bz, y_b):
    log_s_bz = jnp.log(s_bz + _LEAST)
    log_q_bz = jax.nn.log_softmax(log_s_bz + tilt_kz[y_b], axis=1)
    q_bz = jnp.exp(log_q_bz)
    onehot_bk = jax.nn.one_hot(y_b, k, dtype=s_bz.dtype)
    return _Field(
      jnp.matmul(onehot_bk.T, q_bz, precision=_HIGHEST),
      jnp.sum(q_bz * (log_q_bz - log_s_bz)),
      jnp.sum(jnp.log(jnp.matmul(s_bz, rate_z, precision=_HIGHEST))),
    )

  def add(index, field):
    s_bz = jax.lax.dynamic_slice_in_dim(s_nz, index * _BLOCK, _BLOCK)
    y_b = jax.lax.dynamic_slice_in_dim(labels, index * _BLOCK, _BLOCK)
    return jax.tree.map(jnp.add, field, of_block(s_bz, y_b))

  whole = n // _BLOCK
  zero = jnp.zeros((), s_nz.dtype)
  field = _Field(jnp.zeros((k, z), s_nz.dtype), zero, zero)
  if whole:
    field = jax.lax.fori_loop(0, whole, add, field)
  if n % _BLOCK:
    last = of_block(s_nz[whole * _BLOCK :], labels[whole * _BLOCK :])
    field = jax.tree.map(jnp.add, field, last)
  return field


def _start(source_probs, labels, num_classes, iterations):
  """Checks, and returns the prior and the counts of q = s."""
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")
  if iterations < 1:
    raise ValueError(f"iterations must be at least 1, got {iterations}")
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=source_probs.dtype)
  prior_k1 = jnp.mean(onehot_nk, axis=0)[:, None] + _LEAST
  return prior_k1, jnp.matmul(onehot_nk.T, source_probs, precision=_HIGHEST)


def pactran_dirichlet(
  source_probs: Float[Array, "n z"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  iterations: int = 10,
) -> Float[Array, ""]:
  """Computes the bound of the Dirichlet prior.

  Args:
    source_probs: s, a distribution over source classes (or components) in each row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    iterations: Static number of updates, at least one.

  Returns:
    Scalar, at most 0 up to rounding; larger is better.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Ding et al., 2022, Section 4.1.
  """
  prior_k1, count_kz = _start(source_probs, labels, num_classes, iterations)
  no_rate_z = jnp.ones((source_probs.shape[1],), source_probs.dtype)

  def update(_, carry):
    count_kz = carry[0].count_kz
    a_kz = prior_k1 + count_kz
    tilt_kz = digamma(a_kz) - digamma(jnp.sum(a_kz, axis=0))[None, :]
    return _posterior(source_probs, labels, tilt_kz, no_rate_z), a_kz

  zero = jnp.zeros((), source_probs.dtype)
  start = (_Field(count_kz, zero, zero), count_kz)
  field, a_kz = jax.lax.fori_loop(0, iterations, update, start)
  # Differences entry by entry: the sums themselves are large and nearly equal.
  gain = jnp.sum(gammaln(a_kz) - gammaln(prior_k1))
  gain -= jnp.sum(gammaln(jnp.sum(a_kz, axis=0)) - gammaln(jnp.sum(prior_k1)))
  return (gain - field.divergence) / (source_probs.shape[0] * num_classes)


def pactran_gamma(
  source_probs: Float[Array, "n z"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  iterations: int = 10,
) -> Float[Array, ""]:
  """Computes the bound of the Gamma prior.

  Args:
    source_probs: s, a distribution over source classes (or components) in each row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    iterations: Static number of updates, at least one.

  Returns:
    Scalar, about -1; larger is better.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Ding et al., 2022, Section 4.2.
  """
  prior_k1, count_kz = _start(source_probs, labels, num_classes, iterations)

  def update(_, carry):
    a_kz = prior_k1 + carry[0].count_kz
    rate_z = jnp.sum(a_kz, axis=0)
    return _posterior(source_probs, labels, digamma(a_kz), rate_z), a_kz

  zero = jnp.zeros((), source_probs.dtype)
  start = (_Field(count_kz, zero, zero), count_kz)
  field, a_kz = jax.lax.fori_loop(0, iterations, update, start)
  n = source_probs.shape[0]
  gain = jnp.sum(gammaln(a_kz) - gammaln(prior_k1))
  return (gain - field.divergence - field.log_rate + n) / (n * num_classes) - 1


_gauss = jax.jit(pactran_gauss, static_argnames=("num_classes", "lam", "s2"))
_dirichlet = jax.jit(pactran_dirichlet, static_argnames=("num_classes", "iterations"))
_gamma = jax.jit(pactran_gamma, static_argnames=("num_classes", "iterations"))


def check_gauss(*, lam: float = 1.0, s2: float = 100.0) -> None:
  """Checks the options of `evaluate_gauss`."""
  if not isinstance(lam, int | float) or not 0 < lam < float("inf"):
    raise ValueError(f"lam must be a number above 0, got {lam!r}")
  if not isinstance(s2, int | float) or not 0 < s2 < float("inf"):
    raise ValueError(f"s2 must be a number above 0, got {s2!r}")


def check_iterations(*, iterations: int = 10) -> None:
  """Checks the options of `evaluate_dirichlet` and `evaluate_gamma`."""
  if not isinstance(iterations, int) or iterations < 1:
    raise ValueError(
      f"iterations must be a whole number of at least 1, got {iterations!r}"
    )


def evaluate_gauss(problem: Problem, *, lam: float = 1.0, s2: float = 100.0) -> Value:
  """PACTran-Gauss at the converged optimum."""
  check_gauss(lam=lam, s2=s2)
  found = _gauss(
    problem.features, problem.labels, num_classes=problem.num_classes, lam=lam, s2=s2
  )
  details = {
    "optimum": float(found.optimum),
    "curvature": float(found.curvature),
    "steps": int(found.steps),
  }
  status = OK if bool(found.converged) else "the classifier did not converge"
  return Value(float(found.score), status, details)


def _distributions(problem: Problem) -> tuple[Array, dict[str, str]]:
  """The mixture's posteriors where given, the source probabilities otherwise."""
  for name in ("gmm_responsibilities", "source_probs"):
    found = getattr(problem, name)
    if found is not None:
      return found, {"distributions": name}
  raise ValueError(
    "source_probs are needed, or gmm_responsibilities: probabilities over the source "
    "classes, or over the components of a mixture"
  )


def evaluate_dirichlet(problem: Problem, *, iterations: int = 10) -> Value:
  """PACTran-Dirichlet of `gmm_responsibilities`, or else of `source_probs`."""
  check_iterations(iterations=iterations)
  given, details = _distributions(problem)
  score = _dirichlet(
    given, problem.labels, num_classes=problem.num_classes, iterations=iterations
  )
  return Value(float(score), details=details)


def evaluate_gamma(problem: Problem, *, iterations: int = 10) -> Value:
  """PACTran-Gamma of `gmm_responsibilities`, or else of `source_probs`."""
  check_iterations(iterations=iterations)
  given, details = _distributions(problem)
  score = _gamma(
    given, problem.labels, num_classes=problem.num_classes, iterations=iterations
  )
  return Value(float(score), details=details)
