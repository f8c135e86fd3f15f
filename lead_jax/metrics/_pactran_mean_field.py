"""PACTran-Dirichlet and PACTran-Gamma: PAC-Bayesian bounds by mean field.

They need no features but a distribution s_i over Z source classes (or the components of a
mixture): p(y | z) is unknown, with a Dirichlet prior per source class, or a Gamma prior
per rate, of parameters a0_y = n_y / N. Mean field, coordinate by coordinate (psi is the
digamma function, q starts as s):

  a_yz = a0_y + sum_i 1[y_i = y] q_iz,
  Dirichlet: q_iz ~ s_iz exp(psi(a_{y_i} z) - psi(sum_y a_yz)),
  Gamma:     q_iz ~ s_iz exp(psi(a_{y_i} z)).

With log B(a) = sum_y log Gamma(a_y) - log Gamma(sum_y a_y),

  PACTran-Dirichlet = 1/(N K) [sum_z log B(a_z) - Z log B(a0) - sum_iz q log(q / s)],
  PACTran-Gamma = -1 - 1/(N K) [sum_yz log Gamma(a0_y) - log Gamma(a_yz)
                  + sum_iz q log(q / s) + sum_i log(sum_z s_iz sum_y a_yz) - N].

The official code minimises the negatives of these, in ten iterations as here, which leave
the bound up to a few per cent short of convergence. Nearest kin: LEEP (the empirical
p(y | z) in place of its posterior).

References:
  Ding et al., `PACTran: PAC-Bayesian Metrics for Estimating the Transferability of
  Pretrained Models to Classification Tasks <https://arxiv.org/abs/2203.05126>`_,
  ECCV 2022, Section 4.
"""

import dataclasses
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln

from lead_jax.checks import Options, Rule, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import Problem, Value, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Float, Int

Prior = Literal["dirichlet", "gamma"]

_LEAST = 1e-10  # added to source probabilities and priors, as officially
_BLOCK = 512  # rows whose posteriors exist at once


@check_arguments(source_probs=Rule(least=0, most=1.01))
def pactran_mean_field(
  source_probs: Float[Array, "n z"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  prior: Prior,
  iterations: int = 10,
) -> Float[Array, ""]:
  """Computes the bound of the Dirichlet or of the Gamma prior.

  Args:
    source_probs: s, a distribution over source classes (or components) in each row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    prior: Static; of p(y | z), or of its rates.
    iterations: Static number of updates, at least one.

  Returns:
    Scalar, larger is better: at most 0 up to rounding (Dirichlet), about -1 (Gamma).

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Ding et al., 2022, Sections 4.1 (Dirichlet) and 4.2 (Gamma).
  """
  check_num_classes(num_classes)
  if prior not in get_args(Prior):
    raise ValueError(f"prior must be one of {get_args(Prior)}, got {prior!r}")
  PACTranOptions.check(iterations=iterations)
  n = source_probs.shape[0]
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=source_probs.dtype)
  prior_k1 = jnp.mean(onehot_nk, axis=0)[:, None] + _LEAST

  def update(_: Array, carry: tuple[_Field, Array]) -> tuple[_Field, Array]:
    count_kz = carry[0].count_kz
    a_kz = prior_k1 + count_kz
    tilt_kz = digamma(a_kz)
    if prior == "dirichlet":
      tilt_kz -= digamma(jnp.sum(a_kz, axis=0))[None, :]
    return _posterior(source_probs, labels, tilt_kz), a_kz

  count_kz = jnp.matmul(onehot_nk.T, source_probs, precision=HIGHEST)
  start = (_Field(count_kz, jnp.zeros((), count_kz.dtype)), count_kz)
  field, a_kz = jax.lax.fori_loop(0, iterations, update, start)
  rate_z = jnp.sum(a_kz, axis=0)
  # Differences entry by entry: the sums themselves are large and nearly equal.
  gain = jnp.sum(gammaln(a_kz) - gammaln(prior_k1)) - field.divergence
  if prior == "dirichlet":
    gain -= jnp.sum(gammaln(rate_z) - gammaln(jnp.sum(prior_k1)))
    return jnp.asarray(gain / (n * num_classes))
  rate_n = jnp.matmul(source_probs, rate_z, precision=HIGHEST)
  return jnp.asarray((gain - jnp.sum(jnp.log(rate_n)) + n) / (n * num_classes) - 1)


class _Field(NamedTuple):
  """What one pass over the samples gathers.

  Attributes:
    count_kz: sum_i 1[y_i = y] q_iz.
    divergence: sum_iz q log(q / s).
  """

  count_kz: Float[Array, "k z"]
  divergence: Float[Array, ""]


def _posterior(s_nz: Array, labels: Array, tilt_kz: Array) -> _Field:
  """Gathers q ~ s exp(tilt_y) over blocks of samples, in which it exists alone."""
  n, z = s_nz.shape
  k = tilt_kz.shape[0]

  def of_block(s_bz: Array, y_b: Array) -> _Field:
    log_s_bz = jnp.log(s_bz + _LEAST)
    log_q_bz = jax.nn.log_softmax(log_s_bz + tilt_kz[y_b], axis=1)
    q_bz = jnp.exp(log_q_bz)
    onehot_bk = jax.nn.one_hot(y_b, k, dtype=s_bz.dtype)
    return _Field(
      jnp.matmul(onehot_bk.T, q_bz, precision=HIGHEST),
      jnp.sum(q_bz * (log_q_bz - log_s_bz)),
    )

  def add(index: Array, field: _Field) -> _Field:
    s_bz = jax.lax.dynamic_slice_in_dim(s_nz, index * _BLOCK, _BLOCK)
    y_b = jax.lax.dynamic_slice_in_dim(labels, index * _BLOCK, _BLOCK)
    found: _Field = jax.tree.map(jnp.add, field, of_block(s_bz, y_b))
    return found

  whole = n // _BLOCK
  field = _Field(jnp.zeros((k, z), s_nz.dtype), jnp.zeros((), s_nz.dtype))
  if whole:
    field = jax.lax.fori_loop(0, whole, add, field)
  if n % _BLOCK:
    last = of_block(s_nz[whole * _BLOCK :], labels[whole * _BLOCK :])
    field = jax.tree.map(jnp.add, field, last)
  return field


_jitted = jax.jit(
  pactran_mean_field, static_argnames=("num_classes", "prior", "iterations")
)


@dataclasses.dataclass(frozen=True)
class PACTranOptions(Options):
  """Options of `pactran_dirichlet` and `pactran_gamma`."""

  iterations: int = option(10, least=1, help="Number of updates of the mean field.")


def _compute_bound(problem: Problem, prior: Prior, options: PACTranOptions) -> Value:
  """The bound of the mixture's posteriors where given, else of the source's classes."""
  name = "source_probs"
  if problem.gmm_responsibilities is not None:
    name = "gmm_responsibilities"
  score = _jitted(
    getattr(problem, name),
    problem.labels,
    num_classes=problem.num_classes,
    prior=prior,
    iterations=options.iterations,
  )
  return Value(float(score), details={"distributions": name})


def _compute_dirichlet(problem: Problem, options: PACTranOptions) -> Value:
  return _compute_bound(problem, "dirichlet", options)


def _compute_gamma(problem: Problem, options: PACTranOptions) -> Value:
  return _compute_bound(problem, "gamma", options)


PACTRAN_DIRICHLET = own_metric(
  "pactran_dirichlet",
  _compute_dirichlet,
  "PAC-Bayesian bound of p(y | source class) with a Dirichlet prior",
  "minus nats per class",
  "20 N Z K",
  options=PACTranOptions,
  needs=("source_probs|gmm_responsibilities",),
)
PACTRAN_GAMMA = own_metric(
  "pactran_gamma",
  _compute_gamma,
  "PAC-Bayesian bound of p(y | source class) with a Gamma prior",
  "minus nats per class",
  "20 N Z K",
  options=PACTranOptions,
  needs=("source_probs|gmm_responsibilities",),
)
