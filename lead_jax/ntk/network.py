"""Rates of a whole network: the gradient taken over the backbone as well as the head.

The paper takes it over the head alone "for efficiency" (Hu et al., LEAD, CVPR 2024,
Appendix B). The mean eigenvalue of a class's kernel is the mean squared gradient norm of
its samples, so the whole network costs one reverse pass a sample and no kernel.
"""

from collections.abc import Callable

import jax.numpy as jnp

from lead_jax.ntk.empirical import squared_gradient_norms
from lead_jax.ntk.spectrum import class_indices, mean_eigenvalues_by_trace
from lead_jax.typing import Array, Float, Int, Params


def network_rates(
  apply_fn: Callable[[Params, Array], Array],
  params: Params,
  x: Float[Array, "n ..."],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  samples_per_class: int = 64,
  key: Array | None = None,
  batch_size: int = 1,
) -> Float[Array, " k"]:
  """Computes every class's mean eigenvalue of the summed-logit kernel of any network.

  Args:
    apply_fn: Pure function of `(params, x)` to logits [N, K]; a head on a backbone with
      `params = {"backbone": ..., "head": ...}`, say.
    params: Everything that the gradient is taken over.
    x: Inputs, images for instance.
    labels: Class ids.
    num_classes: Static K.
    samples_per_class: S, samples of a class that are used.
    key: Draws them; the first S of each class where None.
    batch_size: Gradients held at a time.

  Returns:
    Rates [K]; NaN for a class without samples.
  """
  indices, mask = class_indices(
    labels, num_classes=num_classes, samples_per_class=samples_per_class, key=key
  )
  norms = squared_gradient_norms(
    apply_fn, params, x[indices.reshape(-1)], batch_size=batch_size
  )
  return mean_eigenvalues_by_trace(jnp.reshape(norms, indices.shape), mask)
