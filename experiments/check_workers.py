"""`python -m experiments.check_workers`: who extracts what where several share one store.

Has 1, 2, 4 and 8 processes work off one plan of 24 networks that wait, as parts and each
the whole plan, with claims and without; kills one; counts extractions and seconds.
"""

import shutil
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from lead_jax.commands import SharedFlags, run_script
from lead_jax.system import user_path

FLAGS = flags.FlagValues()
_OUT = SharedFlags(FLAGS).out("runs/workers")
_SECONDS = flags.DEFINE_float(
  "seconds",
  96.0,
  "Seconds that all networks wait together.",
  lower_bound=0.0,
  flag_values=FLAGS,
)
_MOST = flags.DEFINE_integer(
  "most", 8, "Most workers at once.", lower_bound=1, flag_values=FLAGS
)


def check() -> str:
  """Runs all races; returns their table."""
  from experiments.reliability import workers

  total, most = _SECONDS.value, _MOST.value
  counts = [count for count in (1, 2, 4, 8, 16) if count <= most]
  cases: list[tuple[dict[str, Any], int]] = [({}, count) for count in counts]
  cases.append(({"killed_after": total / 4 / most}, most))
  cases += [({"parts": False, "claims": claims}, most) for claims in (True, False)]
  races = []
  for how, count in cases:
    folder = user_path(_OUT.value) / "race"
    shutil.rmtree(folder, ignore_errors=True)
    races.append(workers.race(folder, count, total, **how))
    found = races[-1]
    print(f"{count} workers, {found.how}: {found.seconds:.1f} s", file=sys.stderr)
  shutil.rmtree(user_path(_OUT.value) / "race", ignore_errors=True)
  return workers.table(races, total)


def main(argv: Sequence[str]) -> int:
  """Runs the script; returns its exit code."""
  return run_script(FLAGS, "experiments.check_workers", __doc__, check, argv)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
