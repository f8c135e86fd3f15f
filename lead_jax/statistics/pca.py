"""Principal components, through the smaller of the two matrices of inner products.

The D x D covariance where N >= D, the N x N matrix of inner products otherwise: one
symmetric eigen-decomposition, several times cheaper than the singular value decomposition
of the samples. It squares the condition number; components whose variance is below
machine epsilon times the largest are noise, and have their variance set to zero.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.typing import Array, Float

_HIGHEST = jax.lax.Precision.HIGHEST


class PCA(NamedTuple):
  """Principal components of samples, by decreasing variance.

  Attributes:
    mean_d: The centre.
    axes_dp: Orthonormal directions; the sign of each is arbitrary. Zero for a direction
      without variance.
    variance_p: Unbiased variance along each (divided by N - 1), as in scikit-learn's
      `explained_variance_`.
    projected_np: The centred samples in these directions.
  """

  mean_d: Float[Array, " d"]
  axes_dp: Float[Array, "d p"]
  variance_p: Float[Array, " p"]
  projected_np: Float[Array, "n p"]


def pca(features: Float[Array, "n d"], *, dim: int) -> PCA:
  """Computes the first principal components.

  Args:
    features: Samples, one a row; at least two.
    dim: Static number of components, in `[1, min(N, D)]`.

  Raises:
    ValueError: If `dim` is out of its bounds.

  References:
    Jolliffe, Principal Component Analysis, 2002, Section 2.1.
  """
  n, d = features.shape
  if not 1 <= dim <= min(n, d):
    raise ValueError(f"dim must be in [1, {min(n, d)}] for N={n}, D={d}, got {dim}")
  mean_d = jnp.mean(features, axis=0)
  x_nd = features - mean_d[None, :]
  small = x_nd if d <= n else x_nd.T
  gram = jnp.matmul(small.T, small, precision=_HIGHEST)
  # At unit scale, so that neither tiny nor large features leave the range of the dtype.
  scale = jnp.max(jnp.abs(jnp.diagonal(gram)))
  scale = jnp.where(scale > 0, scale, 1)
  value_p, vector = jnp.linalg.eigh(0.5 * (gram + gram.T) / scale)
  value_p, vector = value_p[::-1][:dim], vector[:, ::-1][:, :dim]
  noise = jnp.finfo(x_nd.dtype).eps * jnp.maximum(value_p[0], 0)
  alive_p = value_p > noise
  value_p = jnp.where(alive_p, value_p, 0) * scale
  if d <= n:
    axes_dp = vector * alive_p.astype(x_nd.dtype)[None, :]
  else:
    root_p = jnp.sqrt(jnp.where(alive_p, value_p, 1))
    back_dp = jnp.matmul(x_nd.T, vector, precision=_HIGHEST)
    axes_dp = jnp.where(alive_p[None, :], back_dp / root_p[None, :], 0)
  projected_np = jnp.matmul(x_nd, axes_dp, precision=_HIGHEST)
  return PCA(mean_d, axes_dp, value_p / (n - 1), projected_np)
