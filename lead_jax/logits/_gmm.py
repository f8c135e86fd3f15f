"""One Gaussian per class: log q_c + log N(x; mu_c, S_c) for every sample and class.

The covariance of a class is its own, full, and shrunk towards the sphere of the same
trace: S_c = (1 - a) Cov_c + a (tr Cov_c / D) I with Cov_c biased (divided by n_c). The
shrinkage is what makes classes with fewer samples than features possible. A class
without spread (one sample, or copies of one) takes the pooled within-class variance as
its sphere.

Classes are worked through `batch_size` at a time, so that no K x D x D array exists.
"""

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments, check_num_classes
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import class_means
from lead_jax.typing import Array, Float, Int


@check_arguments()
def gmm_decision(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  shrinkage: float = 0.1,
  batch_size: int = 1,
) -> Float[Array, "n k"]:
  """Computes the log joint density of every sample with every class.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    shrinkage: Intensity `a` in `(0, 1]`, the same for all classes. The default 0.1 keeps
      the condition number of a class's covariance below 9 D + 1.
    batch_size: Classes handled at once; memory is `batch_size` (N D + D^2) floats.

  Returns:
    log q_c + log N(x_i; mu_c, S_c) in nats; larger means more likely; -inf for an empty
    class.

  Raises:
    ValueError: If a static argument is out of its bounds.
  """
  check_num_classes(num_classes)
  if not 0 < shrinkage <= 1:
    raise ValueError(f"shrinkage must be in (0, 1], got {shrinkage}")
  if batch_size < 1:
    raise ValueError(f"batch_size must be at least 1, got {batch_size}")

  n, d = features.shape
  dtype = features.dtype
  x_nd = features - jnp.mean(features, axis=0, keepdims=True)
  mean_kd, count_k, _ = class_means(x_nd, labels, num_classes=num_classes)
  pooled = jnp.mean((x_nd - mean_kd[labels]) ** 2)
  pooled = jnp.where(pooled > 0, pooled, 1)

  def log_joint(inputs: tuple[Array, Array, Array]) -> Array:
    class_id, count, mean_d = inputs
    centred_nd = x_nd - mean_d[None, :]
    weight_n = (labels == class_id).astype(dtype) / jnp.maximum(count, 1)
    own_nd = centred_nd * jnp.sqrt(weight_n)[:, None]
    variance = jnp.sum(own_nd**2) / d
    # Spread at the level of rounding is none.
    tiny = (10 * jnp.finfo(dtype).eps) ** 2 * jnp.mean(centred_nd**2)
    variance = jnp.where(variance > tiny, variance, pooled)
    # S_c = variance * (unit covariance + a I): factored at unit scale.
    unit_dd = jnp.matmul(own_nd.T, own_nd, precision=HIGHEST) * (
      (1 - shrinkage) / variance
    )
    factor_dd = jnp.linalg.cholesky(unit_dd + shrinkage * jnp.eye(d, dtype=dtype))
    white_dn = jax.scipy.linalg.solve_triangular(factor_dd, centred_nd.T, lower=True)
    distance_n = jnp.sum(white_dn**2, axis=0) / variance
    log_det = 2 * jnp.sum(jnp.log(jnp.diagonal(factor_dd))) + d * jnp.log(variance)
    log_prior = jnp.where(count > 0, jnp.log(jnp.maximum(count, 1) / n), -jnp.inf)
    return log_prior - 0.5 * (distance_n + log_det + d * jnp.log(2 * jnp.pi))

  classes = (jnp.arange(num_classes), count_k, mean_kd)
  joint_kn: Array = jax.lax.map(log_joint, classes, batch_size=batch_size)
  return joint_kn.T
