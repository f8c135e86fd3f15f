from ._conclude import (
  STATIC as STATIC,
  conclude as conclude,
  static_scores as static_scores,
)
from ._preflight import (
  make_writable as make_writable,
  metrics_or_default as metrics_or_default,
  read_truth as read_truth,
)
from ._rank import (
  Listener as Listener,
  Plan as Plan,
  rank as rank,
)
from ._scoring import (
  NEEDS as NEEDS,
  SCORING_VERSION as SCORING_VERSION,
  Scorer as Scorer,
  labels_hash as labels_hash,
  softmax as softmax,
)
