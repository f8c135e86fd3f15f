"""Ledoit and Wolf's shrinkage of a covariance towards the sphere of the same trace.

References:
  Ledoit and Wolf, `A well-conditioned estimator for large-dimensional covariance matrices
  <https://doi.org/10.1016/S0047-259X(03)00096-4>`_, 2004, Lemma 3.2 and Eq. 14.
"""

import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Float


@check_arguments()
def ledoit_wolf_intensity(centred: Float[Array, "n d"]) -> Float[Array, ""]:
  """Computes the shrinkage that minimises the expected squared Frobenius error.

  Args:
    centred: Samples less their means (of the whole or of their class).

  Returns:
    Intensity in `[0, 1]`; 1 for samples without any spread.

  References:
    Ledoit and Wolf, 2004, Lemma 3.2.
  """
  n, d = centred.shape
  scale = jnp.sqrt(jnp.mean(centred**2))
  centred = centred / jnp.where(scale > 0, scale, 1)
  norm4 = jnp.sum(jnp.sum(centred**2, axis=1) ** 2) / n
  # |S|_F^2 is the same for the D x D and the N x N matrix of inner products.
  small = centred if n > d else centred.T
  gram = jnp.matmul(small.T, small, precision=HIGHEST) / n
  frobenius = jnp.sum(gram**2)
  trace = jnp.sum(centred**2) / n
  delta = frobenius - trace**2 / d  # squared distance of S from its sphere
  beta = (norm4 - frobenius) / n  # squared distance of S from the truth, estimated
  intensity = jnp.minimum(jnp.maximum(beta, 0), delta) / jnp.where(delta > 0, delta, 1)
  return jnp.where(delta > 0, intensity, 1)
