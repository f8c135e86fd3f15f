from .checks import (
  InputError as InputError,
)
from .dynamics import (
  HeldOutConfig as HeldOutConfig,
  HeldOutResult as HeldOutResult,
  LeadConfig as LeadConfig,
  LeadResult as LeadResult,
  Network as Network,
  lead as lead,
  lead_config as lead_config,
  lead_held_out as lead_held_out,
  rescore_in_pool as rescore_in_pool,
)
from .metrics import (
  DEFAULT_METRICS as DEFAULT_METRICS,
  METRICS as METRICS,
  RECOMMENDED as RECOMMENDED,
  score as score,
  score_pool as score_pool,
  score_stream as score_stream,
)
from .results import (
  Report as Report,
)
from .run import (
  Listener as Listener,
  rank as rank,
)
from .version import (
  __version__ as __version__,
)
