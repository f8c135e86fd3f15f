"""The scale of features, which heads and kernels see: as it is, or taken away.

Networks of mixed origin give features whose mean squared norms differ by thousands. What a
kernel says of them would first of all be that.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from lead_jax.typing import Array, Float

FeatureScale = Literal["none", "rms", "sample"]


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


scale_features_jit = jax.jit(scale_features, static_argnames="feature_scale")
