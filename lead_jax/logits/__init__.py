"""Where the logits start and where gradient flow takes them."""

from lead_jax.logits.evolution import (
  evolve_class_aware,
  evolve_constant,
  evolve_full_kernel,
  interpolate,
)
from lead_jax.logits.flow import cross_entropy_flow
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
  "Normalisation",
  "cross_entropy_flow",
  "evolve_class_aware",
  "evolve_constant",
  "evolve_full_kernel",
  "initial_logits",
  "interpolate",
  "normalise",
]
