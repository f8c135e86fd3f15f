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
from .report import (
  write_pages as write_pages,
)
from .results import (
  Comparison as Comparison,
  Listener as Listener,
  Plan as Plan,
  Report as Report,
  compare as compare,
  plan_from_dict as plan_from_dict,
  read_report as read_report,
)
from .run import (
  Settings as Settings,
  conclude as conclude,
  merge as merge,
  open_store as open_store,
  plan as plan,
  rank as rank,
  work as work,
)
from .version import (
  __version__ as __version__,
)
