"""Sizes, priors and means of classes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Float, Int


class ClassMeans(NamedTuple):
  """First moments of labelled samples.

  Attributes:
    mean_kd: Mean of each class; zero for an empty class.
    count_k: Samples of each class, in the features' dtype.
    prior_k: `count_k / N`.
  """

  mean_kd: Float[Array, "k d"]
  count_k: Float[Array, " k"]
  prior_k: Float[Array, " k"]


@check_arguments()
def class_means(
  features: Float[Array, "n d"], labels: Int[Array, " n"], *, num_classes: int
) -> ClassMeans:
  """Computes class means as one matrix product, which is deterministic on every device.

  Args:
    features: Samples, one per row.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K.
  """
  onehot_nk = jax.nn.one_hot(labels, num_classes, dtype=features.dtype)
  count_k = jnp.sum(onehot_nk, axis=0)
  sum_kd = jnp.matmul(onehot_nk.T, features, precision=HIGHEST)
  mean_kd = sum_kd / jnp.maximum(count_k, 1)[:, None]
  return ClassMeans(mean_kd, count_k, count_k / features.shape[0])
