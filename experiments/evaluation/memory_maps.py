"""Keeps a long run below the number of memory maps that Linux lets a process have.

Each compiled program holds several; metrics times networks times data sets make thousands
of programs, and beyond the limit (65,530 as a rule) the compiler aborts the process. So
compiled programs are forgotten when half of it is reached; JAX's compilation cache on disk
makes most of them cheap to have again.
"""

import pathlib
from collections.abc import Sequence

import jax

from lead_jax.ranking import Listener, Plan
from lead_jax.results import ModelRow, ScoreRow

_MAPS = pathlib.Path("/proc/self/maps")
_LIMIT = pathlib.Path("/proc/sys/vm/max_map_count")


def forget_programs_in_time(maps: pathlib.Path = _MAPS) -> bool:
  """Forgets compiled programs if half of the memory maps are used; says whether.

  Args:
    maps: What lists the maps, one a line; where there is no such file nothing is done.
  """
  try:
    limit = int(_LIMIT.read_text(encoding="ascii"))
    with maps.open("rb") as lines:
      used = sum(1 for _ in lines)
  except (OSError, ValueError):
    return False
  if used < limit // 2:
    return False
  jax.clear_caches()
  return True


class WatchMaps(Listener):
  """Hands everything on to a listener, and looks at the maps before each metric.

  Args:
    listener: Told of progress.
  """

  def __init__(self, listener: Listener):
    self._listener = listener

  def reading(self, dataset: str) -> None:
    self._listener.reading(dataset)

  def planned(self, plan: Plan) -> None:
    self._listener.planned(plan)

  def started(self, index: int, model: str) -> None:
    self._listener.started(index, model)

  def extracting(self, done: int, total: int) -> None:
    self._listener.extracting(done, total)

  def scoring(self, metric: str) -> None:
    forget_programs_in_time()
    self._listener.scoring(metric)

  def finished(self, row: ModelRow, scores: Sequence[ScoreRow]) -> None:
    self._listener.finished(row, scores)

  def warned(self, message: str) -> None:
    self._listener.warned(message)
