"""`python -m experiments.check_oracles`: our values beside public implementations'.

Computes every row of the table of agreement in float64, prints what disagrees, and writes
the whole table to `docs/agreement.md`.

Exit codes: 0; 1 where a row is out of its tolerance; 2 where a flag is wrong.
"""

import sys
from collections.abc import Sequence

from absl import flags

from lead_jax.commands import end_well, read_flags

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_OUT = flags.DEFINE_string(
  "out", "docs/agreement.md", "File to write.", flag_values=FLAGS
)


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return end_well("experiments.check_oracles", lambda: _compare(argv))


def _compare(argv: Sequence[str]) -> int:
  """Compares and writes; 1 where numbers are apart."""
  if read_flags(FLAGS, __doc__, argv) is None:
    return 0
  import jax

  from experiments.agreement import table
  from lead_jax.system import write_text

  with jax.enable_x64(True):
    found = []
    for comparison in table.compare():
      found.append(comparison)
      if not comparison.agrees:
        print(table.line(comparison), flush=True)
  apart = sum(not comparison.agrees for comparison in found)
  write_text(_OUT.value, table.markdown(found))
  print(f"{len(found)} numbers compared, {apart} apart; {_OUT.value} says which")
  return 1 if apart else 0


if __name__ == "__main__":
  sys.exit(run(sys.argv))
