"""Class-wise kernels, their spectra and mean eigenvalues.

LEAD describes how fast a class converges by the mean eigenvalue of its kernel (Hu et al.,
CVPR 2024, Section 3.3). That mean is trace / size, O(S) work; the decomposition is kept
because the spectrum is a result of its own, and because it is the oracle of the trace.

Classes have different numbers of samples, so everything is padded to S and masked.
"""

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.ntk import _heads as heads, _mlp as mlp
from lead_jax.typing import Array, Bool, Float, Int, Params


@check_arguments()
def class_indices(
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  samples_per_class: int,
  key: Array | None = None,
) -> tuple[Int[Array, "c s"], Bool[Array, "c s"]]:
  """Picks up to S samples of every class.

  Args:
    labels: Ids in `[0, num_classes)`.
    num_classes: Static K.
    samples_per_class: Static S.
    key: Draws without replacement where given; the first S of each class where None.

  Returns:
    Row indices and a mask that is False where the class has no further sample (the
    index there is 0 and must not be used).

  Raises:
    InputError: If a count is below one, or `key` is no random key.
  """
  n = labels.shape[0]
  order_within = jnp.arange(n) if key is None else jax.random.permutation(key, n)
  # Sorted by class, and within a class by the drawn order.
  by_class = jnp.lexsort((order_within, labels))
  counts = jnp.bincount(labels, length=num_classes)
  starts = jnp.cumsum(counts) - counts
  offsets = jnp.arange(samples_per_class)
  mask = offsets[None, :] < counts[:, None]
  positions = jnp.where(mask, starts[:, None] + offsets[None, :], 0)
  return jnp.where(mask, by_class[positions], 0), mask


@check_arguments()
def class_kernels(
  params: Params,
  features: Float[Array, "n d"],
  indices: Int[Array, "c s"],
  mask: Bool[Array, "c s"],
  *,
  batch_size: int = 8,
  initializer: heads.Initializer = "he_normal",
) -> Float[Array, "c s s"]:
  """Computes the summed-logit kernel of each class's samples; padding rows are zero.

  Args:
    params: Parameters of the head.
    features: All samples; a class's rows are gathered when its turn comes.
    indices: From `class_indices`.
    mask: From `class_indices`.
    batch_size: Classes at a time; bounds memory when there are many.
    initializer: The head's parameterisation.

  Raises:
    InputError: If `batch_size` is below one; as `head_kernel`.
  """

  def one(index_s: Array, mask_s: Array) -> Array:
    kernel = mlp.head_kernel(params, features[index_s], initializer=initializer)
    return jnp.where(mask_s[:, None] & mask_s[None, :], kernel, 0)

  kernels: Array = jax.lax.map(
    lambda pair: one(*pair), (indices, mask), batch_size=batch_size
  )
  return kernels


@check_arguments()
def class_spectra(
  kernels: Float[Array, "c s s"], mask: Bool[Array, "c s"]
) -> Float[Array, "c s"]:
  """Decomposes every class's kernel, batched by `jax.vmap`.

  Args:
    kernels: Symmetric positive semi-definite; rows and columns outside `mask` are zero.
    mask: A class's n_c samples.

  Returns:
    Eigenvalues, descending; the first n_c are the class's, the rest are zero. (The
    padding adds zeros, which a positive semi-definite spectrum sorts last.)
  """
  ascending = jax.vmap(jnp.linalg.eigvalsh)(kernels)  # of their symmetric parts
  sizes = jnp.sum(mask, axis=-1)
  keep = jnp.arange(mask.shape[1])[None, :] < sizes[:, None]
  return jnp.where(keep, ascending[:, ::-1], 0)


@check_arguments()
def mean_eigenvalues(
  eigenvalues: Float[Array, "c s"], mask: Bool[Array, "c s"]
) -> Float[Array, " c"]:
  """Averages each class's eigenvalues; NaN for a class without samples."""
  return jnp.sum(eigenvalues, axis=-1) / jnp.sum(mask, axis=-1)


@check_arguments()
def mean_eigenvalues_by_trace(
  diagonal: Float[Array, "c s"], mask: Bool[Array, "c s"]
) -> Float[Array, " c"]:
  """Computes the same from the kernels' diagonals: trace over size."""
  return jnp.sum(jnp.where(mask, diagonal, 0), axis=-1) / jnp.sum(mask, axis=-1)
