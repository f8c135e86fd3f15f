from ._certainty import (
  Certainty as Certainty,
  ModelCertainty as ModelCertainty,
)
from ._comparison import (
  Comparison as Comparison,
  Move as Move,
  compare as compare,
)
from ._json import (
  json_values as json_values,
)
from ._listener import (
  Listener as Listener,
)
from ._plan import (
  Plan as Plan,
  plan_from_dict as plan_from_dict,
)
from ._report import (
  Report as Report,
  read_report as read_report,
  report_from_dict as report_from_dict,
  report_json as report_json,
  score_row_from_dict as score_row_from_dict,
)
from ._rows import (
  FAILED as FAILED,
  NEEDS as NEEDS,
  PENDING as PENDING,
  READY_FEATURES as READY_FEATURES,
  ModelRow as ModelRow,
  ScoreRow as ScoreRow,
)
