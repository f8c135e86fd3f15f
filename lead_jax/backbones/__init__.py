"""Pre-trained networks, whatever file they come from, as one type: `Backbone`."""

from lead_jax.backbones.base import Backbone, InputSpec, ModelSpec, ReadyFeatures

__all__ = ["Backbone", "InputSpec", "ModelSpec", "ReadyFeatures"]
