"""LogME: the evidence of a Bayesian linear regression onto the labels.

For every class, its one-hot column y is regressed on the features with a Gaussian prior of
precision alpha on the weights and noise of precision beta, both of which maximise the
evidence; the score is the mean over classes of

  (1/N) [D/2 log alpha + N/2 log beta - 1/2 log|alpha I + beta X^T X|
         - beta/2 |y - X w|^2 - alpha/2 |w|^2 - N/2 log 2 pi],
  w = (X^T X + t I)^-1 X^T y,   t = alpha / beta.

alpha and beta are found by MacKay's fixed point in t, which needs the spectrum of X^T X
alone. The features are not centred. X^T X is, however, never decomposed as it stands: a
mean far from zero adds one eigenvalue many times the others, and in float32 its rounding
covers them. With x = mu + x', sum x' = 0 and X'^T X' = V diag(s) V^T,

  X^T X = V (diag(s) + v v^T) V^T,   v = sqrt(N) V^T mu,

so that every quantity follows from the centred spectrum and one rank-one correction
(Sherman and Morrison). With x_i = <u_i, y>, u_i = X' v_i / sqrt(s_i), and c = sum(y):

  q  = sum v_i^2 / (s_i + t)
  b  = (c / sqrt(N) - sum v_i sqrt(s_i) x_i / (s_i + t)) / (1 + q)
  w_i = (sqrt(s_i) x_i + v_i b) / (s_i + t)
  |y - X w|^2 = sum ((t x_i - sqrt(s_i) v_i b) / (s_i + t))^2 + b^2 + |y' outside span U|^2
  log|I + X^T X / t| = sum log(1 + s_i / t) + log(1 + q)
  gamma = sum s_i / (s_i + t) + t / (1 + q) sum v_i^2 / (s_i + t)^2

sums of squares but for the last part of the residual, a difference that loses its digits
where the classes are almost separable, and x_i where s_i is near rounding. So the residual
starts from that of a ridge r just above rounding, computed sample by sample: with
z_i = sqrt(s_i) x_i,

  (t x_i / (s_i + t))^2 - (r x_i / (s_i + r))^2
      = (z_i / (s_i + r))^2 (t - r)(s_i (t + r) + 2 t r) / (s_i + t)^2.

The evidence does not depend on the unit of the features, but the published fixed point
does: it starts from t = 1 and adds 1e-5 to |w|^2 and the residual, not to divide by zero.
For features times a, |w|^2 is a^2 times smaller. So the fixed point is that of the features
in the power of ten that is nearest to their root mean square: the published one for
features of ordinary size, and the same for the same features times any power of ten. alpha
is given for the features as they are; `variant="official"` takes them as they are.

Where N <= D the N x N matrix X' X'^T gives the same s and u, and x without a division.

Nearest kin: `h_score`, which compares the same two spectra without a prior; `linear_probe`.

Paper: You, Liu, Wang and Long, `LogME: Practical Assessment of Pre-trained Models for
Transfer Learning <https://arxiv.org/abs/2102.11005>`_, ICML 2021; the fixed point in
`Ranking and Tuning Pre-trained Models <https://arxiv.org/abs/2110.10545>`_, JMLR 2022.

The authors' fixed-point code sums the log-determinant over min(N, D) eigenvalues, so that
where D > N it misses the D - N zero ones and the score is too large by the mean over
classes of (D - N)/(2N) log alpha: `variant="official"`.
"""

import dataclasses
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._metric import OK, Problem, Value, own_metric
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import TotalScatter, total_scatter
from lead_jax.typing import Array, Bool, Float, Int

Variant = Literal["corrected", "official"]

_MAX_ITERATIONS = 11
_TOLERANCE = 1e-3  # relative, in t
_FLOOR = 1e-5  # beside |w|^2 (in the unit of size) and the residual, as published


class LogMEResult(NamedTuple):
  """The evidence and where it was attained.

  Attributes:
    score: Mean evidence, in nats per sample; unbounded; larger is better.
    evidence_k: Of each class.
    alpha_k: Precision of the weights.
    beta_k: Precision of the noise.
    converged_k: Whether the class's fixed point came to rest.
    resolved_k: Whether the class's evidence is a number, and its ridge t above what the
      precision tells from zero.
  """

  score: Float[Array, ""]
  evidence_k: Float[Array, " k"]
  alpha_k: Float[Array, " k"]
  beta_k: Float[Array, " k"]
  converged_k: Bool[Array, " k"]
  resolved_k: Bool[Array, " k"]


class _Spectrum(NamedTuple):
  """What the evidence needs of the samples; names as in the module's docstring.

  Attributes:
    s_i: Eigenvalues.
    v_i: The mean along the axes, times sqrt(N).
    z_ki: Labels along the axes, times sqrt(s).
    weight_ki: `(z / (s + r))^2`.
    ridge: r.
    residual_k: Of the ridge r, centred.
  """

  s_i: Float[Array, " i"]
  v_i: Float[Array, " i"]
  z_ki: Float[Array, "k i"]
  weight_ki: Float[Array, "k i"]
  ridge: Float[Array, ""]
  residual_k: Float[Array, " k"]


@check_arguments()
def logme(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  variant: Variant = "corrected",
) -> LogMEResult:
  """Computes the mean evidence of one-hot labels under Bayesian linear regression.

  Args:
    features: Samples, one per row; not centred.
    labels: Class ids in `[0, num_classes)`; an empty class counts as a column of zeros.
    num_classes: Static K; at least two.
    variant: Static. `corrected`; `official` drops the D - N zero eigenvalues from the
      log-determinant where D > N.

  Returns:
    The score in nats per sample, unbounded, larger is better; and per class the evidence,
    alpha, beta and convergence.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    You et al., 2021, Eq. 2 and Algorithm 1; You et al., 2022, Algorithm 3.
  """
  check_num_classes(num_classes)
  LogMEOptions.check(variant=variant)
  n, d = features.shape
  if n > d:
    moments = total_scatter(features, labels, num_classes=num_classes)
    spectrum, v_dd = _of_scatter(moments)
    weight_dk = (spectrum.z_ki / (spectrum.s_i + spectrum.ridge)[None, :]).T
    solution_dk = jnp.matmul(v_dd, weight_dk, precision=HIGHEST)
    residual_nk = (
      jax.nn.one_hot(labels, num_classes, dtype=features.dtype)
      - (moments.count_k / n)[None, :]
      - jnp.matmul(features - moments.mean_d[None, :], solution_dk, precision=HIGHEST)
    )
    spectrum = spectrum._replace(residual_k=jnp.sum(residual_nk**2, axis=0))
    spectrum, size2 = _at_unit_size(spectrum, n=n, d=d, variant=variant)
    return _fixed_points(spectrum, moments.count_k, size2, n=n, missing=0)
  mean_d = jnp.mean(features, axis=0)
  x_nd = features - mean_d[None, :]
  # The mean as rounded leaves a rest, which belongs to the mean.
  rest_d = jnp.mean(x_nd, axis=0)
  x_nd, mean_d = x_nd - rest_d[None, :], mean_d + rest_d
  s_n, u_nn = _decompose(jnp.matmul(x_nd, x_nd.T, precision=HIGHEST))
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=features.dtype)
  count_k = jnp.sum(onehot_nk, axis=0)
  centred_nk = onehot_nk - (count_k / n)[None, :]
  x_kn = jnp.matmul(centred_nk.T, u_nn, precision=HIGHEST)
  along_n = jnp.matmul(
    jnp.matmul(x_nd, mean_d, precision=HIGHEST), u_nn, precision=HIGHEST
  )
  alive_n = s_n > 0
  root_n = jnp.sqrt(jnp.where(alive_n, s_n, 1))
  along_n = jnp.where(alive_n, along_n / root_n, 0)
  # The part of the mean in no direction of X': one more axis, of eigenvalue zero.
  beyond = jnp.sqrt(jnp.maximum(jnp.sum(mean_d**2) - jnp.sum(along_n**2), 0))
  one_more = ((0, 0), (0, 1))
  spectrum = _Spectrum(
    s_i=jnp.append(s_n, 0),
    v_i=jnp.sqrt(jnp.asarray(n, x_nd.dtype)) * jnp.append(along_n, beyond),
    z_ki=jnp.pad(x_kn * jnp.where(alive_n, root_n, 0)[None, :], one_more),
    weight_ki=jnp.pad(
      (x_kn * jnp.where(alive_n, 1 / root_n, 0)[None, :]) ** 2, one_more
    ),
    ridge=jnp.zeros((), x_nd.dtype),
    residual_k=jnp.sum(jnp.where(alive_n[None, :], 0, x_kn**2), axis=1),
  )
  spectrum, size2 = _at_unit_size(spectrum, n=n, d=d, variant=variant)
  missing = _missing(n, d, variant)
  return _fixed_points(spectrum, count_k, size2, n=n, missing=missing)


def logme_of_scatter(
  moments: TotalScatter, *, variant: Variant = "corrected"
) -> LogMEResult:
  """Computes the same from one pass's sums, for more samples than features.

  Args:
    moments: See `statistics.total_scatter`; K at least two, N above D.
    variant: See `logme`.

  Returns:
    See `logme`.

  Raises:
    ValueError: If a static argument is out of its bounds.
  """
  check_num_classes(moments.count_k.shape[0])
  LogMEOptions.check(variant=variant)
  spectrum, _ = _of_scatter(moments)
  n, d = jnp.sum(moments.count_k), moments.mean_d.shape[0]
  spectrum, size2 = _at_unit_size(spectrum, n=n, d=d, variant=variant)
  return _fixed_points(spectrum, moments.count_k, size2, n=n, missing=0)


def _of_scatter(moments: TotalScatter) -> tuple[_Spectrum, Array]:
  """Returns the spectrum and its axes."""
  s_d, v_dd = _decompose(moments.gram_dd)
  n = jnp.sum(moments.count_k)
  ridge = 100 * jnp.finfo(s_d.dtype).eps * s_d[-1]
  ridge = jnp.maximum(ridge, jnp.finfo(s_d.dtype).tiny)
  z_kd = jnp.matmul(moments.deviation_kd, v_dd, precision=HIGHEST)
  weight_kd = (z_kd / (s_d + ridge)[None, :]) ** 2
  spread_k = moments.count_k * (1 - moments.count_k / n)
  spectrum = _Spectrum(
    s_i=s_d,
    v_i=jnp.sqrt(n) * jnp.matmul(moments.mean_d, v_dd, precision=HIGHEST),
    z_ki=z_kd,
    weight_ki=weight_kd,
    ridge=ridge,
    residual_k=spread_k - jnp.sum(weight_kd * (s_d + 2 * ridge)[None, :], axis=1),
  )
  return spectrum, v_dd


def _at_unit_size(
  spectrum: _Spectrum, *, n: Array | int, d: int, variant: Variant
) -> tuple[_Spectrum, Array]:
  """Returns the spectrum of features in a unit of their size, and that unit's square."""
  if variant == "official":
    return spectrum, jnp.ones((), spectrum.s_i.dtype)
  size2 = (jnp.sum(spectrum.s_i) + jnp.sum(spectrum.v_i**2)) / (n * d)
  # At most a factor of three away: as published where features are of ordinary size.
  size = 10.0 ** jnp.round(0.5 * jnp.log10(jnp.where(size2 > 0, size2, 1)))
  size2 = size**2
  unit = spectrum._replace(
    s_i=spectrum.s_i / size2,
    v_i=spectrum.v_i / size,
    z_ki=spectrum.z_ki / size,
    weight_ki=spectrum.weight_ki * size2,
    ridge=spectrum.ridge / size2,
  )
  return unit, size2


def _missing(n: int, d: int, variant: Variant) -> int:
  """How many eigenvalues the public code leaves out."""
  return max(d - n, 0) if variant == "official" else 0


def _decompose(gram: Array) -> tuple[Array, Array]:
  """Returns eigenvalues, zero where they are rounding, and eigenvectors."""
  scale = jnp.max(jnp.diagonal(gram))  # at unit scale: see `statistics.pca`
  scale = jnp.where(scale > 0, scale, 1)
  value, vector = jnp.linalg.eigh(0.5 * (gram + gram.T) / scale)
  noise = jnp.finfo(gram.dtype).eps * value[-1]
  return jnp.where(value > noise, value, 0) * scale, vector


def _fixed_points(
  spectrum: _Spectrum,
  count_k: Array,
  size2: Array,
  *,
  n: Array | int,
  missing: int,
) -> LogMEResult:
  """Runs the fixed point of each class; each stops by its own rule.

  Args:
    spectrum: Of features at unit size.
    count_k: Samples of each class.
    size2: Square of the unit of size, as alpha is for the features as they are.
    n: N.
    missing: See `_missing`.
  """
  s_i, v_i, r = spectrum.s_i, spectrum.v_i, spectrum.ridge
  dtype = s_i.dtype
  tiny = jnp.finfo(dtype).tiny
  n = jnp.asarray(n, dtype)

  def inverse(t: Array) -> Array:
    # Zero features bring t to zero beside zero eigenvalues, whose terms are then zero.
    return 1 / jnp.maximum(s_i + t, tiny)

  def one_class(
    z_i: Array, weight_i: Array, residual: Array, count: Array
  ) -> tuple[Array, ...]:
    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
      count_steps, _, _, _, _, t, _ = state
      inverse_i = inverse(t)
      q = jnp.sum(v_i**2 * inverse_i)
      b = (count / jnp.sqrt(n) - jnp.sum(v_i * z_i * inverse_i)) / (1 + q)
      w_i = (z_i + v_i * b) * inverse_i
      own_i = weight_i * (t - r) * (s_i * (t + r) + 2 * t * r) * inverse_i
      shared_i = (s_i * v_i * b - 2 * t * z_i) * v_i * b * inverse_i
      res2 = residual + jnp.sum((own_i + shared_i) * inverse_i) + b**2
      res2 = jnp.maximum(res2, 0)
      m2 = jnp.sum(w_i**2)
      gamma = jnp.sum(s_i * inverse_i) + t / (1 + q) * jnp.sum((v_i * inverse_i) ** 2)
      alpha = gamma / (m2 + _FLOOR)
      beta = (n - gamma) / (res2 + _FLOOR)
      t_next = alpha / beta
      rest = jnp.abs(t_next - t) <= _TOLERANCE * t
      return count_steps + 1, alpha, beta, m2, res2, t_next, rest

    one = jnp.ones((), dtype)
    start = (0, one, one, one, one, one, jnp.asarray(False))
    state = jax.lax.while_loop(
      lambda state: (state[0] < _MAX_ITERATIONS) & ~state[-1], step, start
    )
    _, alpha, beta, m2, res2, t, rest = state
    t = jnp.maximum(t, tiny)
    log_det = jnp.sum(jnp.log1p(s_i / t)) + jnp.log1p(jnp.sum(v_i**2 * inverse(t)))
    evidence = 0.5 * (
      n * jnp.log(beta) - log_det - beta * res2 - alpha * m2 - n * jnp.log(2 * jnp.pi)
    )
    if missing:
      evidence = evidence + 0.5 * missing * jnp.log(alpha)
    resolved = (t >= r) & jnp.isfinite(evidence)
    return evidence / n, alpha, beta, rest, resolved

  evidence_k, alpha_k, beta_k, rest_k, resolved_k = jax.vmap(one_class)(
    spectrum.z_ki, spectrum.weight_ki, spectrum.residual_k, count_k
  )
  return LogMEResult(
    jnp.mean(evidence_k), evidence_k, alpha_k * size2, beta_k, rest_k, resolved_k
  )


_logme = jax.jit(logme, static_argnames=("num_classes", "variant"))


def _value_of(result: LogMEResult) -> Value:
  """Reads a result: score, what did not converge, precisions."""
  open_k = ~np.asarray(result.converged_k)
  status = OK
  if open_k.any():
    status = (
      f"stopped after {_MAX_ITERATIONS} steps, short of the fixed point of "
      f"{int(open_k.sum())} of {open_k.size} classes"
    )
  details = {
    "alpha_k": np.asarray(result.alpha_k, np.float64).tolist(),
    "beta_k": np.asarray(result.beta_k, np.float64).tolist(),
  }
  return Value(float(result.score), status, details)


@dataclasses.dataclass(frozen=True)
class LogMEOptions(Options):
  """Options of `logme`."""

  variant: Variant = option(
    "corrected",
    help="`official` leaves the zero eigenvalues of D > N out of the log-determinant, as "
    "the authors' code does.",
  )


def _compute_logme(problem: Problem, options: LogMEOptions) -> Value:
  static = {"num_classes": problem.num_classes, "variant": options.variant}
  result = _logme(problem.features, problem.labels, **static)
  if problem.features.dtype == jnp.float32 and not np.all(result.resolved_k):
    # Classes that are all but points, or features that depend on one another: the
    # residual lies below float32's rounding.
    with jax.enable_x64(True):
      features = jnp.asarray(np.asarray(problem.features, np.float64))
      result = _logme(features, problem.labels, **static)
  return _value_of(result)


LOGME = own_metric(
  "logme",
  _compute_logme,
  "LogME: evidence of a Bayesian linear regression onto the labels",
  "nats per sample",
  "N D^2 + 10 D^3",
  options=LogMEOptions,
  version=4,  # no dependence on the features' scale
)
