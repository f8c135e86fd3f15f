from ._accuracy import (
  mean_average_precision as mean_average_precision,
  measures as measures,
)
from ._grid import (
  Outcome as Outcome,
  finetune as finetune,
)
from ._learner import (
  Learner as Learner,
)
from ._one_run import (
  Listener as Listener,
)
from ._protocol import (
  ADAMW5 as ADAMW5,
  ADAMW8 as ADAMW8,
  PAPERS as PAPERS,
  PROTOCOLS as PROTOCOLS,
  Measure as Measure,
  Protocol as Protocol,
)
from ._run_files import (
  content_key as content_key,
)
from ._split import (
  split_rows as split_rows,
)
from ._task import (
  Target as Target,
  make_target as make_target,
)
