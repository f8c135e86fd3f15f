"""`python -m experiments.check_reliability --minutes=30`: nothing lost, nothing wrong.

Kills a small ranking at random moments (SIGKILL, SIGTERM, SIGHUP, SIGINT), has eight
processes share a store, fills the disk at ten levels, damages stored states, kills
extractions, and scores features of sixty widths in one process. After each case the ranking
is run to its end and held against one that was left alone: `lost` is what had to be done
again, `wrong` is what differs, `temporary` is what was left on the disk. Stopped, or out of
minutes, the same command goes on from where it was.
"""

import functools
import pathlib
import sys
import time
from collections.abc import Callable, Sequence

from absl import flags

from lead_jax.commands import SharedFlags, run_script

FLAGS = flags.FlagValues()
_OUT = SharedFlags(FLAGS).out("runs/reliability")
_number = functools.partial(flags.DEFINE_integer, lower_bound=0, flag_values=FLAGS)
_MINUTES = flags.DEFINE_float(
  "minutes", 60.0, "After which no case is begun.", lower_bound=0.0, flag_values=FLAGS
)
_STOPS = _number("stops", 200, "Kills and signals at random moments of a run.")
_RACES = _number("races", 1, "Times that eight processes fill one store at once.")
_DISKS = _number("disks", 10, "Runs on a full disk, each with other room on it.")
_DAMAGE = _number("damage", 10_000, "Damaged states of a store.")
_EXTRACTIONS = _number("extractions", 40, "Kills of an extraction of 5,000 images.")
_WIDTHS = _number("widths", 60, "Widths of features scored in one process; 0: none.")


def check() -> str:
  """Does the cases that are not done yet; returns the table of all."""
  from experiments.reliability import damage, disks, extraction, stops, widths
  from experiments.reliability.cases import Kept, go_on, table

  out = pathlib.Path(_OUT.value).resolve()
  out.mkdir(parents=True, exist_ok=True)
  kept, until = Kept(out / "cases.jsonl"), time.monotonic() + 60 * _MINUTES.value
  seconds = functools.cache(lambda: stops.seconds_of_a_run(out))
  checks: dict[str, tuple[int, Callable]] = {
    "damage": (_DAMAGE.value, lambda case: damage.damage(case, out)),
    "full disks": (_DISKS.value, lambda case: disks.fill(case, out)),
    "races": (_RACES.value, lambda case: stops.race(case, out)),
    "stops": (_STOPS.value, lambda case: stops.stop(case, out, seconds())),
    "extractions": (_EXTRACTIONS.value, lambda case: extraction.kill(case, out)),
    "widths": (
      bool(_WIDTHS.value),
      lambda case: widths.loop(case, _WIDTHS.value),
    ),
  }
  for name, (count, case) in checks.items():
    many = 500 if name == "damage" else 1
    for found in go_on(kept, name, count, case, until=until, at_once=many):
      if name != "damage":
        print(f"{name} {found.case}: {found.kind}", file=sys.stderr, flush=True)
  return table(kept.found(), {name: count for name, (count, _) in checks.items()})


def main(argv: Sequence[str]) -> int:
  """Runs the script; returns its exit code."""
  return run_script(FLAGS, "experiments.check_reliability", __doc__, check, argv)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
