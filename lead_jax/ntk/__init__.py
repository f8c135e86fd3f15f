"""Neural tangent kernels: exact ones of any network, closed forms for the MLP head."""

from lead_jax.ntk.empirical import empirical_ntk, squared_gradient_norms
from lead_jax.ntk.infinite import infinite_width_kernel
from lead_jax.ntk.mlp import (
  expected_head_kernel_diagonal,
  head_kernel,
  head_kernel_diagonal,
)
from lead_jax.ntk.spectrum import (
  class_indices,
  class_kernels,
  class_spectra,
  mean_eigenvalues,
  mean_eigenvalues_by_trace,
)
from lead_jax.ntk.wide import wide_head_kernel

__all__ = [
  "class_indices",
  "class_kernels",
  "class_spectra",
  "empirical_ntk",
  "expected_head_kernel_diagonal",
  "head_kernel",
  "head_kernel_diagonal",
  "infinite_width_kernel",
  "mean_eigenvalues",
  "mean_eigenvalues_by_trace",
  "squared_gradient_norms",
  "wide_head_kernel",
]
