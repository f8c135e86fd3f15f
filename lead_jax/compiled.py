"""Keeps a long run's compiled programs within what the system allows.

Every program that XLA compiles for a CPU holds several memory maps, and Linux lets a
process have 65,530 of them: some forty models of new feature widths under all metrics.
Beyond that the compiler ends the process, which no `except` can catch.
"""

import pathlib

import jax

_MAPS = pathlib.Path("/proc/self/maps")
_LIMIT = pathlib.Path("/proc/sys/vm/max_map_count")


# Of the maps that are allowed. One model's programs must fit in the rest.
_SHARE = 0.4


def forget_if_many() -> bool:
  """Forgets all compiled programs where they hold too many memory maps.

  They are compiled again, or read from the persistent cache, when they are needed.

  Returns:
    Whether they were forgotten; False on systems that do not say.
  """
  try:
    limit = int(_LIMIT.read_text())
    with _MAPS.open("rb") as maps:
      count = sum(1 for _ in maps)
  except (OSError, ValueError):
    return False
  if count <= _SHARE * limit:
    return False
  jax.clear_caches()
  return True
