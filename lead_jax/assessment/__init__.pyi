from ._collect import (
  STATIC as STATIC,
  Collected as Collected,
  Truth as Truth,
  collect as collect,
  collect_part as collect_part,
  data_folders as data_folders,
  of_reports as of_reports,
  read_ground_truth as read_ground_truth,
)
from ._figures._agreement_figure import (
  agreements as agreements,
  draw_agreement as draw_agreement,
)
from ._figures._cost_figure import (
  MethodPoint as MethodPoint,
  draw_cost as draw_cost,
  points_of as points_of,
)
from ._figures._kinds import (
  kind_of as kind_of,
)
from ._method_summary import (
  RANDOM as RANDOM,
  Summary as Summary,
  summarise_methods as summarise_methods,
)
from ._numbers import (
  interval as interval,
  number as number,
  seconds as seconds,
)
from ._write_evaluation import (
  check_families as check_families,
  write_evaluation as write_evaluation,
)
