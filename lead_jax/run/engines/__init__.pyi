from ._here import (
  work_here as work_here,
)
from ._part import (
  Part as Part,
  Worked as Worked,
  deal as deal,
  part_of as part_of,
  work_part as work_part,
)
from ._turns import (
  Turns as Turns,
)
