"""PACTran-Gauss: a PAC-Bayesian bound on a linear classifier's loss.

With x centred, p the probabilities at the optimum and m = K D / (lambda N),

  L* = min_W,b  1/N sum_i -log softmax(W^T x_i + b)[y_i] + |W|^2 / (2 lambda N),  b free,
  H = sum_i,k (|x_i|^2 + 1) (p_ik - p_ik^2) + m,
  PACTran-Gauss = -[L* + m / 2 (s^2 / D) log(H / m + 1e-10)].

The official code minimises the negative of it, starts L-BFGS at random and stops it after
100 iterations, about 1e-3 from the optimum that is found here; ETran's copy of it stops
after 10. Nearest kin: the other priors of the paper, which need no features but source
probabilities (`metrics.pactran_mean_field`); LogME.

References:
  Ding et al., `PACTran: PAC-Bayesian Metrics for Estimating the Transferability of
  Pretrained Models to Classification Tasks <https://arxiv.org/abs/2203.05126>`_,
  ECCV 2022, Section 4.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, Rule, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import OK, Problem, Value, own_metric
from lead_jax.statistics import fit_logistic
from lead_jax.typing import Array, Bool, Float, Int


class PACTranGaussResult(NamedTuple):
  """The bound and its parts.

  Attributes:
    score: Larger is better.
    optimum: L*, in nats per sample.
    curvature: H.
    steps: steps.
    converged: Whether the optimum was reached.
  """

  score: Float[Array, ""]
  optimum: Float[Array, ""]
  curvature: Float[Array, ""]
  steps: Int[Array, ""]
  converged: Bool[Array, ""]


@check_arguments(lam=Rule(above=0), s2=Rule(above=0))
def pactran_gauss(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  lam: float = 1.0,
  s2: float = 100.0,
  max_iter: int = 500,
) -> PACTranGaussResult:
  """Computes the bound of the Gaussian prior.

  Args:
    features: Samples, one per row; they are centred.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    lam: lambda, the weight of the data against the prior, above zero; static. The paper
      takes the best of 10, 1 and 0.1.
    s2: Variance of the prior times D, above zero; static.
    max_iter: Static bound on the steps.

  Returns:
    A `PACTranGaussResult`; its score is larger for better features.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Ding et al., 2022, Eq. 10.
  """
  check_num_classes(num_classes)
  PACTranGaussOptions.check(lam=lam, s2=s2)
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
  spread_n = _uncertainty(fit.logits_nk, labels)
  square_n = scale**2 * jnp.sum(x_nd**2, axis=1)
  m = num_classes * d / (lam * n)
  curvature = jnp.sum((square_n + 1) * spread_n) + m
  flatness = 0.5 * m * (s2 / d) * jnp.log(curvature / m + 1e-10)
  return PACTranGaussResult(
    -(optimum + flatness), optimum, curvature, fit.steps, fit.converged
  )


def _uncertainty(z_nk: Array, labels: Array) -> Array:
  """Returns sum_k p (1 - p) of softmax, to its digits where one p is all but 1."""
  own_nk = jax.nn.one_hot(labels, z_nk.shape[1], dtype=bool)
  own_n1 = jnp.sum(jnp.where(own_nk, z_nk, 0), axis=1, keepdims=True)
  excess_nk = jnp.where(own_nk, -jnp.inf, z_nk - own_n1)
  # Of the other classes; one minus the own class's is their sum, in which nothing cancels.
  log_odds_n1 = jax.nn.logsumexp(excess_nk, axis=1, keepdims=True)
  others_nk = jnp.exp(excess_nk - jax.nn.softplus(log_odds_n1))
  wrong_n1 = jax.nn.sigmoid(log_odds_n1)
  of_others_n = jnp.sum(others_nk * (1 - others_nk), axis=1)
  return of_others_n + wrong_n1[:, 0] * jax.nn.sigmoid(-log_odds_n1)[:, 0]


_jitted = jax.jit(pactran_gauss, static_argnames=("num_classes", "lam", "s2"))


@dataclasses.dataclass(frozen=True)
class PACTranGaussOptions(Options):
  """Options of `pactran_gauss`."""

  lam: float = option(
    1.0, above=0, help="lambda, the weight of the data against the prior."
  )
  s2: float = option(100.0, above=0, help="Variance of the prior times D.")


def _compute_pactran_gauss(problem: Problem, options: PACTranGaussOptions) -> Value:
  static = {
    "num_classes": problem.num_classes,
    "lam": options.lam,
    "s2": options.s2,
  }
  found = _jitted(problem.features, problem.labels, **static)
  if problem.features.dtype == jnp.float32 and not bool(found.converged):
    # Large features leave a ridge that float32 cannot tell from none.
    with jax.enable_x64(True):
      features = jnp.asarray(np.asarray(problem.features, np.float64))
      found = _jitted(features, problem.labels, **static)
  details = {
    "optimum": float(found.optimum),
    "curvature": float(found.curvature),
    "steps": int(found.steps),
  }
  status = OK if bool(found.converged) else "the classifier did not converge"
  return Value(float(found.score), status, details)


PACTRAN_GAUSS = own_metric(
  "pactran_gauss",
  _compute_pactran_gauss,
  "PAC-Bayesian bound of a linear classifier with a Gaussian prior",
  "minus nats",
  "about 400 N D K",
  options=PACTranGaussOptions,
  version=4,  # the curvature of separated classes in float32
)
