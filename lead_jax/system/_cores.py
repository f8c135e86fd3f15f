"""How many CPU cores there are for this process."""

import os


def cpu_count() -> int:
  """Returns the cores that this process may use: perhaps fewer than the machine has."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
