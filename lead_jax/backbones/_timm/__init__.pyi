from ._timm_model import (
  timm_model as timm_model,
)
