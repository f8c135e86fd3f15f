"""Scores of features that do not fit in memory, from passes over their batches.

LogME, both H-scores and GBC without a projection need the moments of the samples alone:
one pass. GBC with a projection needs a second one for the class variances along the
principal components, which are known after the first. A linear discriminant follows from
the first pass and is applied in a second; SFDA moves the samples by it, sums the moved
ones, and applies their discriminant in a third.

Sums and decompositions are in float64, and memory is O(D^2 + K D) beside one batch. The
values are those of `lead_jax.score` on all samples at once.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax import statistics as sums
from lead_jax.checks import InputError, Options, check_arguments, plain_array, shown
from lead_jax.metrics._etran import ETranLDAOptions
from lead_jax.metrics._gbc import GBCOptions, gaussian_overlap
from lead_jax.metrics._h_score import h_score_of_scatter, h_score_regularized_of_scatter
from lead_jax.metrics._logme import LogMEOptions, logme_of_scatter
from lead_jax.metrics._lookup import find_metric
from lead_jax.metrics._metric import Metric
from lead_jax.metrics._sfda import SFDAOptions
from lead_jax.statistics import Moments
from lead_jax.typing import ArrayLike

Batches = Iterable[tuple[ArrayLike, ArrayLike]]

STREAMING = ("logme", "h_score", "h_score_regularized", "gbc", "sfda", "etran_lda")

_LARGEST = 1e140  # whose squares, and sums of them, are numbers of 64 bits

_LEAST_SHRINKAGE = 1e-10  # of SFDA and of ETran's covariance


class _Stream(NamedTuple):
  """Batches that can be gone through, and what the first pass found.

  Attributes:
    passes: Each call goes through all batches.
    moments: Of the classes that have samples.
    id_k: The id of each class among those that have samples.
  """

  passes: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
  moments: Moments
  id_k: np.ndarray


class _Discriminant(NamedTuple):
  """`(x - centre) @ linear + constant`, float64."""

  centre_d: np.ndarray
  linear_dk: np.ndarray
  constant_k: np.ndarray


@check_arguments()
def score_stream(
  metric: str | Metric,
  batches: Batches | Callable[[], Batches],
  *,
  num_classes: int,
  **options: Any,
) -> float:
  """Scores features given batch by batch.

  Args:
    metric: One of `STREAMING`, or that metric itself.
    batches: Pairs of features float[B, D] and labels int[B] in `[0, num_classes)`; sizes
      may differ. Anything iterable serves `logme`, `h_score`, `h_score_regularized` and
      `gbc` with `pca_dim=None`, which need one pass. The others need two or three: a
      list, or a function of no arguments that returns the same batches afresh.
    num_classes: K; a class without samples is left out, as `score` does.
    **options: The metric's own, as for `score`.

  Returns:
    The score; larger is better.

  Raises:
    ValueError: If the metric cannot be streamed, an option or a batch is wrong, a second
      pass is needed and impossible, or there are no more samples than features.
  """
  name = metric.name if isinstance(metric, Metric) else metric
  if name not in STREAMING:
    raise InputError(
      f"metric {name!r} needs all features at once; those that can be streamed are "
      f"{', '.join(STREAMING)}"
    )
  checked = find_metric(metric).read_options(options)
  single = name in ("logme", "h_score", "h_score_regularized")
  single |= isinstance(checked, GBCOptions) and checked.pca_dim is None
  if not callable(batches) and iter(batches) is batches and not single:
    raise InputError(
      f"{name} goes through the batches more than once: give a list, or a function "
      "that returns them afresh, in place of an iterator"
      + (" (or pca_dim=None, which needs one pass)" if name == "gbc" else "")
    )
  return _SCORES[name](_first_pass(batches, num_classes), checked)


def _first_pass(batches: Batches | Callable[[], Batches], num_classes: int) -> _Stream:
  """Sums all samples; checks that there are enough."""

  first: tuple[int, float, float] | None = None

  def passes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    count, total, size = 0, 0.0, 0.0
    for batch in batches() if callable(batches) else batches:
      if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise InputError(
          f"batches must be pairs (features, labels), got {shown(batch)}"
        )
      features, labels = batch
      x_bd, y_b = _checked(features, labels, num_classes)
      count += len(y_b)
      moved = x_bd.sum(axis=1, dtype=np.float64) * (1.0 + y_b)
      total, size = total + moved.sum(), size + np.abs(moved).sum()
      yield x_bd, y_b
    nonlocal first
    if first is None:
      first = count, total, size
    elif count != first[0] or abs(total - first[1]) > 1e-9 * first[2]:
      raise InputError(
        f"the batches held {first[0]} samples at first and {count}"
        f"{'' if count != first[0] else ' others'} in a later pass: give a list, or a "
        "function that returns the same ones afresh"
      )

  moments = None
  for x_bd, y_b in passes():
    if moments is None:
      shift_d = x_bd.mean(axis=0, dtype=np.float64)
      moments = sums.zero_moments(shift_d, num_classes=num_classes)
    if x_bd.shape[1] != moments.shift_d.size:
      raise InputError(
        f"a batch has {x_bd.shape[1]} features, the first has {moments.shift_d.size}"
      )
    moments = sums.add_batch(moments, x_bd, y_b)
  if moments is None:
    raise InputError("there are no samples in the batches")
  count, dim = int(moments.count_k.sum()), moments.shift_d.size
  present_k = moments.count_k > 0
  if present_k.sum() < 2:
    raise InputError("the batches hold samples of one class: at least 2 are needed")
  if count <= dim:
    raise InputError(
      f"{count} samples are no more than the {dim} features: use score, in memory"
    )
  moments = moments._replace(
    count_k=moments.count_k[present_k],
    sum_kd=moments.sum_kd[present_k],
    square_kd=moments.square_kd[present_k],
  )
  return _Stream(passes, moments, np.cumsum(present_k) - 1)


def _checked(
  features: ArrayLike, labels: ArrayLike, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns a batch as arrays, without empty ones' trouble."""
  x_bd, y_b = plain_array(features, "features"), plain_array(labels, "labels")
  if x_bd.ndim != 2 or x_bd.shape[0] < 1 or y_b.shape != x_bd.shape[:1]:
    raise InputError(
      "a batch must be features [B, D] and labels [B], B at least 1; got "
      f"{list(x_bd.shape)} and {list(y_b.shape)}"
    )
  if x_bd.dtype.kind not in "fiub" and x_bd.dtype.name != "bfloat16":
    raise InputError(f"features must be numbers, got dtype {x_bd.dtype}")
  if x_bd.dtype != np.float32:
    x_bd = x_bd.astype(np.float64)
  if not np.isfinite(x_bd).all():
    raise InputError("a batch holds NaN or infinite values")
  if (largest := float(np.abs(x_bd).max())) > _LARGEST:
    raise InputError(
      f"features are as large as {largest:.3g}: sums of their squares overflow; divide "
      "them by a number first"
    )
  if y_b.dtype.kind not in "iu" or y_b.min() < 0 or y_b.max() >= num_classes:
    raise InputError(f"labels must be whole numbers in [0, {num_classes})")
  return x_bd, y_b


def _in_float64(function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
  """Applies a JAX function to the sums; callers' own code never runs in its mode."""
  with jax.enable_x64(True):
    return function(*jax.tree.map(jnp.asarray, arrays), **options)


def _logme(stream: _Stream, options: LogMEOptions) -> float:
  # With more samples than features there is nothing that the official variant drops.
  scatter = sums.moments_scatter(stream.moments)
  result = _in_float64(logme_of_scatter, scatter, variant=options.variant)
  return float(result.score)


def _h_score(stream: _Stream, _: Options) -> float:
  scatter = sums.moments_scatter(stream.moments)
  return float(_in_float64(h_score_of_scatter, scatter).score)


def _h_score_regularized(stream: _Stream, _: Options) -> float:
  scatter = sums.moments_scatter(stream.moments)
  intensity = sums.moments_intensity(stream.moments)
  result = _in_float64(h_score_regularized_of_scatter, scatter, intensity)
  return float(result.score)


def _gbc(stream: _Stream, options: GBCOptions) -> float:
  moments = stream.moments
  mean_kd, variance_kd = sums.moments_classes(moments)
  if options.pca_dim is not None:
    scatter = sums.moments_scatter(moments)
    axes_dp = np.linalg.eigh(scatter.gram_dd)[1][:, ::-1][:, : options.pca_dim]
    # The samples of a class about its own mean, along the axes.
    mean_kd = mean_kd @ axes_dp
    square_kp = np.zeros_like(mean_kd)
    for x_bd, y_b in stream.passes():
      id_b = stream.id_k[y_b]
      along_bp = (x_bd - moments.shift_d[None, :]) @ axes_dp - mean_kd[id_b]
      np.add.at(square_kp, id_b, along_bp**2)
    variance_kd = square_kp / moments.count_k[:, None]
  mean_kd = mean_kd - mean_kd.mean(axis=0, keepdims=True)
  log_overlap = _in_float64(
    gaussian_overlap,
    mean_kd,
    variance_kd,
    moments.count_k,
    gaussian=options.gaussian,
    variant=options.variant,
  )
  return -float(np.exp(float(log_overlap)))


def _within(moments: Moments) -> tuple[np.ndarray, float]:
  """Returns the covariance within the classes (biased) and its mean variance."""
  n = moments.count_k.sum()
  mean_kd, _ = sums.moments_classes(moments)
  between_dd = (moments.count_k[:, None] * mean_kd).T @ mean_kd
  within_dd = (moments.gram_dd - between_dd) / n
  within_dd = 0.5 * (within_dd + within_dd.T)
  variance = float(np.trace(within_dd)) / within_dd.shape[0]
  # What rounding leaves of classes that are points.
  if variance <= 1e-14 * float(np.trace(moments.gram_dd)) / (n * within_dd.shape[0]):
    raise InputError("the classes have no spread: there is no discriminant to fit")
  return within_dd, variance


def _discriminant(moments: Moments, shrinkage: float) -> _Discriminant:
  """Gaussians of the shrunk covariance within the classes."""
  within_dd, variance = _within(moments)
  shrunk_dd = (1 - shrinkage) * within_dd
  shrunk_dd[np.diag_indices_from(shrunk_dd)] += shrinkage * variance
  mean_kd, _ = sums.moments_classes(moments)
  centre_d = moments.sum_kd.sum(axis=0) / moments.count_k.sum()
  mean_kd = mean_kd - centre_d[None, :]
  linear_dk = np.linalg.solve(shrunk_dd, mean_kd.T)
  return _with_priors(moments, moments.shift_d + centre_d, mean_kd, linear_dk)


def _with_priors(
  moments: Moments, centre_d: np.ndarray, mean_kd: np.ndarray, linear_dk: np.ndarray
) -> _Discriminant:
  prior_k = moments.count_k / moments.count_k.sum()
  half_k = 0.5 * np.sum(mean_kd * linear_dk.T, axis=1)
  return _Discriminant(centre_d, linear_dk, np.log(prior_k) - half_k)


def _posterior(discriminant: _Discriminant, x_bd: np.ndarray) -> np.ndarray:
  z_bk = (x_bd - discriminant.centre_d[None, :]) @ discriminant.linear_dk
  return sums.softmax(z_bk + discriminant.constant_k[None, :])


def _true_posterior(
  stream: _Stream,
  discriminant: _Discriminant,
  move: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> float:
  """Returns the mean posterior of the true class."""
  wrong = 0.0
  for x_bd, y_b in stream.passes():
    id_b = stream.id_k[y_b]
    x_bd = x_bd if move is None else move(x_bd, id_b)
    p_bk = _posterior(discriminant, x_bd)
    p_bk[np.arange(len(id_b)), id_b] = 0
    wrong += float(p_bk.sum())
  return 1 - wrong / float(stream.moments.count_k.sum())


def _etran_lda(stream: _Stream, options: ETranLDAOptions) -> float:
  moments = stream.moments
  if options.variant == "paper":
    return _true_posterior(stream, _discriminant(moments, _LEAST_SHRINKAGE))
  mean_kd, _ = sums.moments_classes(moments)
  centre_d = moments.sum_kd.sum(axis=0) / moments.count_k.sum()
  mean_kd = mean_kd - centre_d[None, :]
  discriminant = _with_priors(moments, moments.shift_d + centre_d, mean_kd, mean_kd.T)
  return _true_posterior(stream, discriminant)


def _sfda(stream: _Stream, options: SFDAOptions) -> float:
  moments = stream.moments
  within_dd, _ = _within(moments)
  if options.variant == "official":
    largest, start_d = 0.0, within_dd.sum(axis=1)
    for _ in range(6):
      start_d = within_dd @ start_d
      largest = float(np.linalg.norm(start_d))
      start_d = start_d / largest
  else:
    largest = float(np.linalg.eigvalsh(within_dd)[-1])
  shrinkage = max(float(np.exp(-5 * largest)), _LEAST_SHRINKAGE)
  first = _discriminant(moments, shrinkage)
  mean_kd = moments.shift_d[None, :] + sums.moments_classes(moments)[0]
  others_kd = (mean_kd.sum(axis=0)[None, :] - mean_kd) / (len(mean_kd) - 1)

  def mix(x_bd: np.ndarray, id_b: np.ndarray) -> np.ndarray:
    softened_bk = sums.softmax(_posterior(first, x_bd))
    keep_b1 = softened_bk[np.arange(len(id_b)), id_b][:, None]
    return np.asarray(keep_b1 * x_bd + (1 - keep_b1) * others_kd[id_b])

  mixed = sums.zero_moments(moments.shift_d, num_classes=len(mean_kd))
  for x_bd, y_b in stream.passes():
    id_b = stream.id_k[y_b]
    mixed = sums.add_batch(mixed, mix(x_bd, id_b), id_b)
  return _true_posterior(stream, _discriminant(mixed, shrinkage), mix)


_SCORES: dict[str, Callable[[_Stream, Any], float]] = {
  "logme": _logme,
  "h_score": _h_score,
  "h_score_regularized": _h_score_regularized,
  "gbc": _gbc,
  "sfda": _sfda,
  "etran_lda": _etran_lda,
}
