from ._agreement import (
  STATIC as STATIC,
  static_scores as static_scores,
)
from ._bench import (
  Bench as Bench,
  labels_hash as labels_hash,
)
from ._conclude import (
  conclude as conclude,
  conclude_rows as conclude_rows,
)
from ._merging import (
  merge as merge,
)
from ._planning import (
  plan as plan,
)
from ._preflight import (
  metrics_or_default as metrics_or_default,
  read_truth as read_truth,
)
from ._rank import (
  open_store as open_store,
  rank as rank,
)
from ._score import (
  Resampled as Resampled,
  resample as resample,
  score as score,
  score_model as score_model,
)
from ._settings import (
  Settings as Settings,
)
from ._working import (
  work as work,
)
