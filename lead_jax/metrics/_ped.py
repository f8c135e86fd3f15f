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

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.metrics import (
  _gbc as gbc,
  _logme as logme,
  _nleep as nleep,
  _sfda as sfda,
)
from lead_jax.metrics._metric import Problem, Value, join
from lead_jax.statistics import class_means
from lead_jax.typing import Array, Bool, Float, Int

_HIGHEST = jax.lax.Precision.HIGHEST
_LEAST_STD = 1e-3

PUSH_OPTIONS = ("n_sigma", "k", "time_step", "exit_ratio")


class Push(NamedTuple):
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


def push(
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
) -> Push:
  """Moves overlapping classes apart.

  Args:
    features: Samples, one a row.
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
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")
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

  def move(mean_kd):
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
    return jnp.matmul(c_kk, m_kd, precision=_HIGHEST)

  def step(state):
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
  return Push(features + offset_kd[labels], movement_s, steps, coincide)


def _apart(mean_kd, pair_kk):
  """Returns which pairs of means have a line between them, and their squared distances."""
  m_kd = mean_kd - jnp.mean(mean_kd, axis=0)[None, :]
  square_k = jnp.sum(m_kd**2, axis=1)
  inner_kk = jnp.matmul(m_kd, m_kd.T, precision=_HIGHEST)
  sum_kk = square_k[:, None] + square_k[None, :]
  distance2_kk = sum_kk - 2 * inner_kk
  eps = jnp.finfo(mean_kd.dtype).eps
  return pair_kk & (distance2_kk > 4 * eps * sum_kk), distance2_kk


_push = jax.jit(push, static_argnames=("num_classes", "max_steps"))


def check_push(
  *,
  n_sigma: float = 0.6,
  k: float = 1.0,
  time_step: float = 0.1,
  exit_ratio: float = 0.5,
) -> dict[str, float]:
  """Checks the options of the push; returns them.

  Raises:
    ValueError: If one is out of its bounds.
  """
  for name, value in (("n_sigma", n_sigma), ("k", k), ("time_step", time_step)):
    if not isinstance(value, int | float) or not 0 < value < float("inf"):
      raise ValueError(f"{name} must be a number above 0, got {value!r}")
  if not isinstance(exit_ratio, int | float) or not 0 <= exit_ratio < 1:
    raise ValueError(f"exit_ratio must be in [0, 1), got {exit_ratio!r}")
  return {"n_sigma": n_sigma, "k": k, "time_step": time_step, "exit_ratio": exit_ratio}


class _Pushed(NamedTuple):
  problem: Problem
  movements: list[float]
  steps: int
  status: str


def _pushed(problem: Problem, **options) -> _Pushed:
  """Moves the classes of a problem; once for all base scores."""

  def compute():
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
      **options,
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

  return problem.once(("ped", tuple(sorted(options.items()))), compute)


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
  """Returns the options of the push, and those of the base score."""
  ours = {name: value for name, value in options.items() if name in PUSH_OPTIONS}
  return ours, {name: options[name] for name in options if name not in ours}


def _check(check_base: Callable[..., object], options: dict[str, Any]) -> None:
  ours, theirs = _split(options)
  check_push(**ours)
  check_base(**theirs)


def _evaluate(
  problem: Problem, evaluate_base: Callable[..., Value], options: dict[str, Any]
) -> Value:
  ours, theirs = _split(options)
  pushed = _pushed(problem, **check_push(**ours))
  base = evaluate_base(pushed.problem, **theirs)
  details = {**base.details, "movements": pushed.movements, "steps": pushed.steps}
  return base._replace(status=join(pushed.status, base.status), details=details)


def check_sfda(**options) -> None:
  """Checks the options of `ped_sfda`."""
  _check(sfda.check, options)


def evaluate_sfda(problem: Problem, **options) -> Value:
  """SFDA of features whose overlapping classes were pushed apart."""
  return _evaluate(problem, sfda.evaluate, options)


def check_logme(**options) -> None:
  """Checks the options of `ped_logme`."""
  _check(logme.check, options)


def evaluate_logme(problem: Problem, **options) -> Value:
  """LogME of features whose overlapping classes were pushed apart."""
  return _evaluate(problem, logme.evaluate, options)


def check_gbc(**options) -> None:
  """Checks the options of `ped_gbc`."""
  _check(gbc.check, options)


def evaluate_gbc(problem: Problem, **options) -> Value:
  """GBC of features whose overlapping classes were pushed apart."""
  return _evaluate(problem, gbc.evaluate, options)


def check_nleep(**options) -> None:
  """Checks the options of `ped_nleep`."""
  _check(nleep.check, options)


def evaluate_nleep(problem: Problem, **options) -> Value:
  """NLEEP of features whose overlapping classes were pushed apart."""
  return _evaluate(problem, nleep.evaluate, options)
