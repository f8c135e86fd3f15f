from ._chunks import (
  EXTRACTION_VERSION as EXTRACTION_VERSION,
  extraction_key as extraction_key,
)
from ._extract import (
  Extracted as Extracted,
  extract as extract,
)
from ._flops import (
  flops_per_image as flops_per_image,
)
from ._pieces import (
  CHUNK as CHUNK,
)
from ._store import (
  FeatureStore as FeatureStore,
)
