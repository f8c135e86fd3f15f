"""Keeps compiled programs from run to run, and a long run's within what the system allows.

Every program that XLA compiles for a CPU holds several memory maps, and Linux lets a
process have 65,530 of them: some forty models of new feature widths under all metrics.
Beyond that the compiler ends the process, which no `except` can catch.
"""

import os
import pathlib

import jax

_MAPS = pathlib.Path("/proc/self/maps")
_LIMIT = pathlib.Path("/proc/sys/vm/max_map_count")

# Of the maps that are allowed. One model's programs must fit in the rest.
_SHARE = 0.4


def keep_compiled(cache_dir: str | os.PathLike) -> None:
  """Has every network and every shape compiled once, not once per run.

  Args:
    cache_dir: Programs are kept in its folder `xla`.
  """
  jax.config.update("jax_compilation_cache_dir", str(pathlib.Path(cache_dir) / "xla"))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


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
