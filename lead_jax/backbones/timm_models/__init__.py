"""Models of the timm library: through an ONNX export in JAX, else in torch."""

from lead_jax.backbones.timm_models.model import timm_model

__all__ = ["timm_model"]
