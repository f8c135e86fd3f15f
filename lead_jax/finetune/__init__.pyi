from ._accuracy import (
  accuracy_measures as accuracy_measures,
  mean_average_precision as mean_average_precision,
)
from ._finetune_models import (
  as_text as as_text,
  finetune_models as finetune_models,
  finetune_part as finetune_part,
)
from ._grid import (
  Outcome as Outcome,
  finetune as finetune,
)
from ._learner import (
  Learner as Learner,
)
from ._load_target import (
  load_target as load_target,
)
from ._named_protocol import (
  PROTOCOL_HELP as PROTOCOL_HELP,
  SWITCHES as SWITCHES,
  default_protocol as default_protocol,
  protocol_of as protocol_of,
)
from ._one_run import (
  Listener as Listener,
)
from ._protocol import (
  ADAMW5 as ADAMW5,
  ADAMW8 as ADAMW8,
  PAPERS as PAPERS,
  PROTOCOLS as PROTOCOLS,
  AccuracyMeasure as AccuracyMeasure,
  Protocol as Protocol,
)
from ._run_files import (
  settings_key as settings_key,
)
from ._split import (
  split_rows as split_rows,
)
from ._task import (
  Target as Target,
  make_target as make_target,
)
