"""The scale and the place of features: as they are, or taken away.

Networks of mixed origin give features whose mean squared norms differ by thousands, and
which share an offset that may be many times their spread. What a kernel says of them would
first of all be that.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.typing import Array, Float

FeatureScale = Literal["none", "rms", "sample"]


@check_arguments()
def scale_features(
  features: Float[Array, "n d"], feature_scale: FeatureScale = "none"
) -> Float[Array, "n d"]:
  """Divides features by their size.

  Args:
    features: One row per sample.
    feature_scale: `none`; `rms`: by the root mean square of all entries, one number per
      model; `sample`: each row by its own, which leaves its direction alone.

  Returns:
    Features whose entries have a mean square of one (over all, or in each row); what is
    zero stays zero.
  """
  if feature_scale == "none":
    return features
  axis = 1 if feature_scale == "sample" else None
  # In two steps, so that squares of large features cannot overflow.
  largest = jnp.max(jnp.abs(features), axis=axis, keepdims=True)
  scaled = features / jnp.where(largest > 0, largest, 1)
  mean_square = jnp.mean(jnp.square(scaled), axis=axis, keepdims=True)
  return scaled / jnp.sqrt(jnp.where(mean_square > 0, mean_square, 1))


def centre_features(features: Float[Array, "n d"]) -> Float[Array, "n d"]:
  """Subtracts the mean of all samples, to the digits of the differences.

  Args:
    features: One row per sample.

  Returns:
    Rows of mean zero. A row that is at the mean up to rounding is zero: what rounding
    leaves of it has no direction.
  """
  eps = jnp.finfo(features.dtype).eps
  largest = jnp.max(jnp.abs(features))
  # At unit scale, so that the sums of large features cannot overflow; exact.
  scale = jnp.ldexp(jnp.ones((), features.dtype), -jnp.frexp(largest)[1])
  scaled = features * scale
  centred = scaled - jnp.mean(scaled, axis=0, keepdims=True)
  # Far from the origin the first mean is off by its rounding; that of the rest is not.
  centred = centred - jnp.mean(centred, axis=0, keepdims=True)
  square_n1 = jnp.sum(jnp.square(centred), axis=1, keepdims=True)
  usual = jnp.mean(jnp.sum(jnp.square(scaled), axis=1))
  at_mean_n1 = square_n1 <= (4 * eps) ** 2 * usual
  return jnp.where(at_mean_n1, 0, centred) / scale


scale_features_jit = jax.jit(scale_features, static_argnames="feature_scale")
