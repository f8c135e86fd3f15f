"""Numerical choices that all the mathematics shares, and how many programs stay compiled.

Every program that XLA compiles for a CPU holds 5 to 280 memory maps, and Linux lets a
process have 65,530 of them: ten metrics on features of twenty widths. Beyond that the
compiler ends the process, which no `except` can catch. So whatever compiles a program, a
function of this package or of its user, the programs are forgotten when they hold too
many; the ones that are needed again are compiled again, or read from a persistent cache.
"""

import itertools

import jax

# Precision of every matrix product: a GPU or TPU would else round inputs to fewer digits.
HIGHEST = jax.lax.Precision.HIGHEST

# Of the maps that a process may have. The rest is for what is compiled until the next look.
MAPS_SHARE = 0.4

_MAPS = "/proc/self/maps"
_LIMIT = "/proc/sys/vm/max_map_count"
# JAX's name of the event that a program was compiled or read from the cache.
_COMPILED = "/jax/core/compile/backend_compile_duration"
# Programs between two looks at the maps, which take some milliseconds.
_EVERY = 10

_programs = itertools.count(1)


def forget_programs_if_many(share: float | None = None) -> bool:
  """Forgets all compiled programs of the process where they hold too many memory maps.

  Called by itself after every few programs that are compiled.

  Args:
    share: Of the maps that the process may have, how many it may hold; `MAPS_SHARE`
      where None.

  Returns:
    Whether they were forgotten; False on systems that do not count maps.
  """
  try:
    with open(_LIMIT) as text:
      limit = int(text.read())
    with open(_MAPS, "rb") as maps:
      count = sum(1 for _ in maps)
  except (OSError, ValueError):
    return False
  if count <= (MAPS_SHARE if share is None else share) * limit:
    return False
  jax.clear_caches()
  return True


def _program_compiled(event: str, duration_secs: float, **_: str | int) -> None:
  if event == _COMPILED and next(_programs) % _EVERY == 0:
    forget_programs_if_many()


# At import, since there is no other moment before the first program: `lead_jax.typing`,
# which all modules of arrays import, imports this one.
jax.monitoring.register_event_duration_secs_listener(_program_compiled)
