"""Linear discriminant analysis with a shrunk covariance, in closed form.

All classes share one covariance S, the pooled within-class one (biased: divided by N),
shrunk towards the sphere of the same trace, S = (1 - a) Sw + a (tr Sw / D) I. The
intensity `a` is Ledoit and Wolf's unless given. The discriminant of class k is

  x^T S^-1 mu_k - 1/2 mu_k^T S^-1 mu_k + log q_k,

its softmax over k the posterior. One Cholesky factor serves all classes; with D > N the
N x N matrix of inner products is factored in place of S (Woodbury's identity).
"""

from typing import Literal

import jax
import jax.numpy as jnp

from lead_jax.statistics import class_means, ledoit_wolf_intensity
from lead_jax.typing import Array, Float, Int

_HIGHEST = jax.lax.Precision.HIGHEST


def lda_decision(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  shrinkage: Literal["ledoit_wolf"] | float = "ledoit_wolf",
) -> Float[Array, "n k"]:
  """Computes the discriminants of shrunk LDA on the samples it is fitted to.

  Args:
    features: Samples, one a row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    shrinkage: Intensity in `(0, 1]`, or `ledoit_wolf` (of the samples less their class
      means). Zero is refused: without a ridge S is singular for N - K < D.

  Returns:
    Discriminants, up to a term that is common to all classes; larger means more likely;
    -inf for an empty class. Features without spread within the classes give discriminants
    of a sphere of variance 1.

  Raises:
    ValueError: If `num_classes` or `shrinkage` is out of its bounds.

  References:
    Hastie et al., The Elements of Statistical Learning, 2009, Eq. 4.10.
  """
  if num_classes < 2:
    raise ValueError(f"num_classes must be at least 2, got {num_classes}")
  if isinstance(shrinkage, str):
    if shrinkage != "ledoit_wolf":
      raise ValueError(
        f"shrinkage must be 'ledoit_wolf' or in (0, 1], got {shrinkage!r}"
      )
  elif not 0 < shrinkage <= 1:
    raise ValueError(f"shrinkage must be in (0, 1], got {shrinkage}")

  n, d = features.shape
  # A shift common to all samples changes every discriminant of a sample alike, save
  # through rounding: centred features lose fewer digits in the quadratic terms.
  x_nd = features - jnp.mean(features, axis=0, keepdims=True)
  mean_kd, count_k, _ = class_means(x_nd, labels, num_classes=num_classes)
  within_nd = x_nd - mean_kd[labels]

  if isinstance(shrinkage, str):
    intensity = ledoit_wolf_intensity(within_nd)
    # Estimated as 0 only where N is far above D; the ridge then guards constant features.
    intensity = jnp.maximum(intensity, 10 * jnp.finfo(x_nd.dtype).eps)
  else:
    intensity = jnp.asarray(shrinkage, x_nd.dtype)
  variance = jnp.mean(within_nd**2)  # tr(Sw) / D
  variance = jnp.where(variance > 0, variance, 1)
  # S = variance (B^T B + a I), with B the rows scaled to unit mean variance.
  b_nd = within_nd * jnp.sqrt((1 - intensity) / (n * variance))
  if d <= n:
    s_dd = jnp.matmul(b_nd.T, b_nd, precision=_HIGHEST)
    factor = jnp.linalg.cholesky(s_dd + intensity * jnp.eye(d, dtype=x_nd.dtype))
    solved_dk = jax.scipy.linalg.cho_solve((factor, True), mean_kd.T)
  else:
    g_nn = jnp.matmul(b_nd, b_nd.T, precision=_HIGHEST)
    factor = jnp.linalg.cholesky(g_nn + intensity * jnp.eye(n, dtype=x_nd.dtype))
    projected_nk = jnp.matmul(b_nd, mean_kd.T, precision=_HIGHEST)
    inner_nk = jax.scipy.linalg.cho_solve((factor, True), projected_nk)
    back_dk = jnp.matmul(b_nd.T, inner_nk, precision=_HIGHEST)
    solved_dk = (mean_kd.T - back_dk) / intensity
  solved_dk = solved_dk / variance
  constant_k = -0.5 * jnp.sum(mean_kd.T * solved_dk, axis=0)
  prior_k = jnp.where(count_k > 0, jnp.log(jnp.maximum(count_k, 1) / n), -jnp.inf)
  linear_nk = jnp.matmul(x_nd, solved_dk, precision=_HIGHEST)
  return linear_nk + (constant_k + prior_k)[None, :]
