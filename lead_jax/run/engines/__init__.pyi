from ._here import (
  work_here as work_here,
)
