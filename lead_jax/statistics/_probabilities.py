"""Probabilities from the outputs of a classifier, on the host."""

import numpy as np

from lead_jax.checks import check_arguments
from lead_jax.typing import Float


@check_arguments()
def softmax(z_nk: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
  """Returns the softmax of each row, in float64.

  Args:
    z_nk: Logits, of any floating type.

  Returns:
    float64[N, K]; rows sum to one.
  """
  exponent = np.exp(z_nk - z_nk.max(axis=1, keepdims=True), dtype=np.float64)
  p_nk: np.ndarray = exponent / exponent.sum(axis=1, keepdims=True)
  return p_nk
