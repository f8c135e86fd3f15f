"""Where the logits start and where gradient flow takes them."""

from lead_jax.logits.evolution import (
  evolve_class_aware,
  evolve_constant,
  evolve_full_kernel,
  interpolate,
)
from lead_jax.logits.flow import cross_entropy_flow
from lead_jax.logits.held_out import (
  KernelSpectrum,
  held_out_flow,
  held_out_ridge,
  kernel_spectrum,
  trained_flow,
  trained_ridge,
)
from lead_jax.logits.initial import (
  Classifier,
  InitialLogits,
  Normalisation,
  initial_logits,
  normalise,
)

__all__ = [
  "Classifier",
  "InitialLogits",
  "KernelSpectrum",
  "Normalisation",
  "cross_entropy_flow",
  "evolve_class_aware",
  "evolve_constant",
  "evolve_full_kernel",
  "held_out_flow",
  "held_out_ridge",
  "initial_logits",
  "interpolate",
  "kernel_spectrum",
  "normalise",
  "trained_flow",
  "trained_ridge",
]
