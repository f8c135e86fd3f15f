from ._extract import (
  EXTRACTION_VERSION as EXTRACTION_VERSION,
  Extracted as Extracted,
  extract as extract,
  extraction_key as extraction_key,
)
from ._flops import (
  flops_per_image as flops_per_image,
)
from ._store import (
  FeatureStore as FeatureStore,
)
