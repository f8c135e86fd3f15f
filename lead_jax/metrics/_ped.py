"""PED: push overlapping classes apart, as fine-tuning will, and score what results.

Every class is a ball about its mean mu_c of radius R_c, the root of its total variance, in
features standardised by the network's own source data. Balls that overlap repel each other
like springs: from o_ij = max(n (R_i + R_j) - |mu_i - mu_j|, 0) comes a force k o_ij, and in
a time step tau each of the two is moved by min(1/2 tau^2 k o_ij, o_ij) along the line of
their means. Steps go on while they move more than a fraction of what the first one did.

All samples of a class move alike, so that its variances stay: the dynamics is one of K
points, and the samples are touched once, at the end. The sum over pairs is a matrix
product: sum_j c_ij (mu_i - mu_j) = (sum_j c_ij) mu_i - (C mu)_i.

Nearest kin: `sfda`, whose ConfMix moves samples towards the other classes instead.

Paper: Li et al., `Exploring Model Transferability through the Lens of Potential Energy
<https://arxiv.org/abs/2308.15074>`_, ICCV 2023.

The public code needs the source features; where a network has none, the target's own take
their place here and the status says so.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Options, check_arguments, check_num_classes, option
from lead_jax.metrics._gbc import GBC, GBCOptions
from lead_jax.metrics._logme import LOGME, LogMEOptions
from lead_jax.metrics._metric import Metric, Problem, Value, join, own_metric
from lead_jax.metrics._nleep import NLEEP, NLEEPOptions
from lead_jax.metrics._sfda import SFDA, SFDAOptions
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import class_means
from lead_jax.typing import Array, Bool, Float, Int

_LEAST_STD = 1e-3

_State = tuple[Array, Array, Array, Array]


class PushResult(NamedTuple):
  """Where the samples went.

  Attributes:
    features: float[N, D], moved.
    movement_s: Sum over classes and dimensions of |movement| at each step, in standardised
      units; the last that is not zero may be of the step that was dropped.
    steps: int[], steps kept; zero where no classes overlap.
    coincide: bool[], whether two classes have the same mean, and no line between them.
  """

  features: Float[Array, "n d"]
  movement_s: Float[Array, " s"]
  steps: Int[Array, ""]
  coincide: Bool[Array, ""]


@check_arguments()
def push_overlapping_classes(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  mean_d: Float[Array, " d"],
  std_d: Float[Array, " d"],
  *,
  num_classes: int,
  n_sigma: float = 0.6,
  k: float = 1.0,
  time_step: float = 0.1,
  exit_ratio: float = 0.5,
  max_steps: int = 6,
) -> PushResult:
  """Moves overlapping classes apart.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; an empty class takes no part.
    mean_d: Mean of the network's features on its source data.
    std_d: Their standard deviation; below 1e-3 it counts as 1e-3.
    num_classes: Static K; at least two.
    n_sigma: Radii a class's ball extends to; above zero.
    k: Elastic coefficient; above zero.
    time_step: tau; above zero.
    exit_ratio: A step is kept while its movement exceeds this fraction of the first's;
      in `[0, 1)`.
    max_steps: Static bound on the steps; at least one.

  Returns:
    The moved features, the movement of every step and how many were kept.

  Raises:
    ValueError: If a static argument is out of its bounds.

  References:
    Li et al., 2023, Section 3.3.
  """
  check_num_classes(num_classes)
  if max_steps < 1:
    raise ValueError(f"max_steps must be at least 1, got {max_steps}")
  dtype = features.dtype
  scale_d = jnp.maximum(std_d, _LEAST_STD)
  z_nd = (features - mean_d[None, :]) / scale_d[None, :]
  start_kd, count_k, _ = class_means(z_nd, labels, num_classes=num_classes)
  square_n = jnp.sum((z_nd - start_kd[labels]) ** 2, axis=1)
  square_k = jax.ops.segment_sum(square_n, labels, num_segments=num_classes)
  radius_k = jnp.sqrt(square_k / jnp.maximum(count_k, 1))
  reach_kk = n_sigma * (radius_k[:, None] + radius_k[None, :])
  full_k = count_k > 0
  pair_kk = full_k[:, None] & full_k[None, :] & ~jnp.eye(num_classes, dtype=bool)

  def move(mean_kd: Array) -> Array:
    centre_d = jnp.mean(mean_kd, axis=0)
    m_kd = mean_kd - centre_d[None, :]
    # Means that coincide have no line between them: they stay.
    apart_kk, distance2_kk = _apart(mean_kd, pair_kk)
    distance_kk = jnp.sqrt(jnp.where(apart_kk, distance2_kk, 1))
    overlap_kk = jnp.maximum(reach_kk - distance_kk, 0)
    length_kk = jnp.minimum(0.5 * time_step**2 * k * overlap_kk, overlap_kk)
    c_kk = jnp.where(apart_kk, length_kk / distance_kk, 0)
    # On the diagonal the two terms cancel in one product.
    c_kk = jnp.diag(jnp.sum(c_kk, axis=1)) - c_kk
    return jnp.matmul(c_kk, m_kd, precision=HIGHEST)

  def step(state: _State) -> _State:
    index, moved_kd, movement_s, _ = state
    change_kd = move(start_kd + moved_kd)
    total = jnp.sum(jnp.abs(change_kd))
    movement_s = movement_s.at[index].set(total)
    kept = total > exit_ratio * movement_s[0]
    moved_kd = jnp.where(kept, moved_kd + change_kd, moved_kd)
    return index + kept.astype(index.dtype), moved_kd, movement_s, kept

  start = (
    jnp.zeros((), jnp.int32),
    jnp.zeros_like(start_kd),
    jnp.zeros((max_steps,), dtype),
    jnp.asarray(True),
  )
  steps, moved_kd, movement_s, _ = jax.lax.while_loop(
    lambda state: (state[0] < max_steps) & state[3], step, start
  )
  offset_kd = moved_kd * scale_d[None, :]
  coincide = jnp.any(pair_kk & ~_apart(start_kd, pair_kk)[0])
  return PushResult(features + offset_kd[labels], movement_s, steps, coincide)


def _apart(mean_kd: Array, pair_kk: Array) -> tuple[Array, Array]:
  """Returns which pairs of means have a line between them, and their squared distances."""
  m_kd = mean_kd - jnp.mean(mean_kd, axis=0)[None, :]
  square_k = jnp.sum(m_kd**2, axis=1)
  inner_kk = jnp.matmul(m_kd, m_kd.T, precision=HIGHEST)
  sum_kk = square_k[:, None] + square_k[None, :]
  distance2_kk = sum_kk - 2 * inner_kk
  eps = jnp.finfo(mean_kd.dtype).eps
  return pair_kk & (distance2_kk > 4 * eps * sum_kk), distance2_kk


_push = jax.jit(push_overlapping_classes, static_argnames=("num_classes", "max_steps"))


class _Pushed(NamedTuple):
  problem: Problem
  movements: list[float]
  steps: int
  status: str


@dataclasses.dataclass(frozen=True)
class PushOptions(Options):
  """Options of the push that all PED metrics share."""

  n_sigma: float = option(0.6, above=0, help="Radii that a class's ball extends to.")
  k: float = option(1.0, above=0, help="Elastic coefficient of the springs.")
  time_step: float = option(0.1, above=0, help="tau, the time of one step.")
  exit_ratio: float = option(
    0.5,
    least=0,
    below=1,
    help="Steps go on while they move more than this fraction of what the first one did.",
  )


@dataclasses.dataclass(frozen=True)
class PedSFDAOptions(SFDAOptions, PushOptions):
  """Options of `ped_sfda`."""


@dataclasses.dataclass(frozen=True)
class PedLogMEOptions(LogMEOptions, PushOptions):
  """Options of `ped_logme`."""


@dataclasses.dataclass(frozen=True)
class PedGBCOptions(GBCOptions, PushOptions):
  """Options of `ped_gbc`."""


@dataclasses.dataclass(frozen=True)
class PedNLEEPOptions(NLEEPOptions, PushOptions):
  """Options of `ped_nleep`."""


def _pushed(problem: Problem, options: PushOptions) -> _Pushed:
  """Moves the classes of a problem; once for all base scores."""
  static = {name: getattr(options, name) for name in PushOptions.names()}

  def compute() -> _Pushed:
    source = problem.source_features
    own = ""
    if source is None:
      source = problem.features
      own = "no source features: scaled by the target's own"
    result = _push(
      problem.features,
      problem.labels,
      jnp.mean(source, axis=0),
      jnp.std(source, axis=0),
      num_classes=problem.num_classes,
      **static,
    )
    steps = int(result.steps)
    # Features and labels alone: whatever else is known is of the unmoved features.
    moved = Problem(
      result.features if steps else problem.features,
      problem.labels,
      class_names=problem.class_names,
    )
    moved.key = problem.key
    still = "" if steps else "no overlap: base score"
    if not steps and bool(result.coincide):
      still = "classes with equal means cannot be pushed apart: base score"
    movements = [float(total) for total in np.asarray(result.movement_s)]
    return _Pushed(moved, movements, steps, join(own, still))

  return problem.once(("ped", *static.items()), compute)


def _compute_after_push(problem: Problem, options: PushOptions, base: Metric) -> Value:
  pushed = _pushed(problem, options)
  value = base.compute(pushed.problem, options)
  details = {**value.details, "movements": pushed.movements, "steps": pushed.steps}
  return value._replace(status=join(pushed.status, value.status), details=details)


def _compute_ped_sfda(problem: Problem, options: PedSFDAOptions) -> Value:
  return _compute_after_push(problem, options, SFDA)


def _compute_ped_logme(problem: Problem, options: PedLogMEOptions) -> Value:
  return _compute_after_push(problem, options, LOGME)


def _compute_ped_gbc(problem: Problem, options: PedGBCOptions) -> Value:
  return _compute_after_push(problem, options, GBC)


def _compute_ped_nleep(problem: Problem, options: PedNLEEPOptions) -> Value:
  return _compute_after_push(problem, options, NLEEP)


PED_SFDA = own_metric(
  "ped_sfda",
  _compute_ped_sfda,
  "SFDA of features whose overlapping classes were pushed apart",
  "probability",
  "as sfda + 6 K^2 D",
  options=PedSFDAOptions,
  least_per_class=2,
  uses=("source_features",),
)
PED_LOGME = own_metric(
  "ped_logme",
  _compute_ped_logme,
  "LogME of features whose overlapping classes were pushed apart",
  "nats per sample",
  "as logme + 6 K^2 D",
  options=PedLogMEOptions,
  version=4,  # as the score that it changes
  least_per_class=2,
  uses=("source_features",),
)
PED_GBC = own_metric(
  "ped_gbc",
  _compute_ped_gbc,
  "GBC of features whose overlapping classes were pushed apart",
  "minus overlap",
  "as gbc + 6 K^2 D",
  options=PedGBCOptions,
  version=4,  # as the score that it changes
  least_per_class=2,
  uses=("source_features",),
)
PED_NLEEP = own_metric(
  "ped_nleep",
  _compute_ped_nleep,
  "NLEEP of features whose overlapping classes were pushed apart",
  "probability",
  "as nleep + 6 K^2 D",
  options=PedNLEEPOptions,
  random=True,
  least_per_class=2,
  uses=("source_features",),
)
