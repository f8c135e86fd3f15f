from ._config import (
  VARIANTS as VARIANTS,
  LeadConfig as LeadConfig,
  Loss as Loss,
  Variant as Variant,
  lead_config as lead_config,
)
from ._feature_scale import (
  scale_features as scale_features,
)
from ._in_sample import (
  LeadRates as LeadRates,
  LeadResult as LeadResult,
  lead as lead,
  lead_rates as lead_rates,
  lead_start as lead_start,
  rescore_in_pool as rescore_in_pool,
  transfer_score as transfer_score,
)
from ._out_of_sample import (
  HeldOutConfig as HeldOutConfig,
  HeldOutResult as HeldOutResult,
  compensated as compensated,
  held_out_score as held_out_score,
  inverse_temperature as inverse_temperature,
  lead_held_out as lead_held_out,
  lead_held_out_spectrum as lead_held_out_spectrum,
  spectrum_config as spectrum_config,
)
from ._rates import (
  Network as Network,
  class_rates as class_rates,
)
from ._sizes import (
  MAX_SAMPLES as MAX_SAMPLES,
  refuse_many_samples as refuse_many_samples,
)
