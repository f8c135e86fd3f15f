"""Linear discriminant analysis with a shrunk covariance, in closed form.

The pooled within-class covariance is shrunk towards the sphere of the same trace by an
intensity that is Ledoit and Wolf's unless given; see `statistics.linear_discriminants`
for the discriminants and how they are solved for.
"""

from typing import Literal

import jax.numpy as jnp

from lead_jax.checks import check_arguments, check_num_classes
from lead_jax.statistics import (
  centre_and_rotate,
  class_means,
  ledoit_wolf_intensity,
  linear_discriminants,
  pooled_scatter,
)
from lead_jax.typing import Array, Float, Int


@check_arguments()
def lda_decision(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  shrinkage: Literal["ledoit_wolf"] | float = "ledoit_wolf",
) -> Float[Array, "n k"]:
  """Computes the discriminants of shrunk LDA on the samples it is fitted to.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.
    shrinkage: Intensity in `(0, 1]`, or `ledoit_wolf` (of the samples less their class
      means). Zero is refused: without a ridge S is singular for N - K < D.

  Returns:
    Discriminants, up to a term that is common to all classes; larger means more likely;
    -inf for an empty class. Features without spread within the classes give discriminants
    of a sphere as small as rounding.

  Raises:
    ValueError: If `num_classes` or `shrinkage` is out of its bounds.

  References:
    Hastie et al., The Elements of Statistical Learning, 2009, Eq. 4.10.
  """
  check_num_classes(num_classes)
  if not isinstance(shrinkage, str) and not 0 < shrinkage <= 1:
    raise ValueError(f"shrinkage must be in (0, 1], got {shrinkage}")

  x_nm = centre_and_rotate(features)
  means = class_means(x_nm, labels, num_classes=num_classes)
  scatter = pooled_scatter(x_nm, labels, means.mean_kd, dim=features.shape[1])
  if isinstance(shrinkage, str):
    # It counts the features, so it needs them in their own axes.
    centred_nd = features - jnp.mean(features, axis=0, keepdims=True)
    own_kd = class_means(centred_nd, labels, num_classes=num_classes).mean_kd
    intensity = ledoit_wolf_intensity(centred_nd - own_kd[labels])
    # Estimated as 0 only where N is far above D; the ridge then guards constant features.
    intensity = jnp.maximum(intensity, 10 * jnp.finfo(x_nm.dtype).eps)
  else:
    intensity = jnp.asarray(shrinkage, x_nm.dtype)
  return linear_discriminants(
    x_nm, means.mean_kd, means.count_k, scatter, intensity
  ).decision_nk
