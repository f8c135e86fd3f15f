from ._lookup import (
  check_options as check_options,
  evaluate_metric as evaluate_metric,
  find_metric as find_metric,
  missing as missing,
  score as score,
  score_pool as score_pool,
)
from ._metric import (
  OK as OK,
  Metric as Metric,
  Problem as Problem,
  Spread as Spread,
  Value as Value,
  join as join,
)
from ._ped import (
  push as push,
)
from ._sfda import (
  fit_sfda as fit_sfda,
)
from ._streaming import (
  STREAMING as STREAMING,
  score_stream as score_stream,
)
from ._table import (
  DEFAULT_METRICS as DEFAULT_METRICS,
  METRICS as METRICS,
  RECOMMENDED as RECOMMENDED,
)
from ._transrate import (
  transrate as transrate,
)
