"""Images to features, once: extraction on the local devices and a store on disk."""

from lead_jax.features.extract import Extracted, extract, extraction_key
from lead_jax.features.flops import flops_per_image
from lead_jax.features.store import FeatureStore, content_key

__all__ = [
  "Extracted",
  "FeatureStore",
  "content_key",
  "extract",
  "extraction_key",
  "flops_per_image",
]
