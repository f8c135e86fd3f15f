from ._here import (
  work_here as work_here,
)
from ._part import (
  work_here_a_part as work_here_a_part,
)
from ._turns import (
  Turns as Turns,
)
