"""`python -m experiments.check_precision`: every metric in float32 beside float64.

On features that are scaled by 1e-6 to 1e6, shifted by up to 10,000 times their spread, all
but copies of one another, more than there are samples, of classes of two samples or of very
different sizes. Writes the whole table to `docs/reliability_float32.md`, and prints what is
out of its tolerance without a status that says so.

Exit codes: 0; 1 where a score is out; 2 where a flag is wrong.
"""

import sys
from collections.abc import Sequence

from absl import flags

from lead_jax.commands import end_well, read_flags

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_OUT = flags.DEFINE_string(
  "out", "docs/reliability_float32.md", "File to write.", flag_values=FLAGS
)
_QUICK = flags.DEFINE_bool(
  "quick", False, "Run a part of the cases and metrics.", flag_values=FLAGS
)


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return end_well("experiments.check_precision", lambda: _check(argv))


def _check(argv: Sequence[str]) -> int:
  """Computes and writes; 1 where a score is out."""
  if read_flags(FLAGS, __doc__, argv) is None:
    return 0
  from experiments.precision import page, sweep
  from lead_jax.system import write_text

  found = list(sweep.sweep(quick=_QUICK.value))
  write_text(_OUT.value, page.page(found))
  out = [row for row in found if not row.holds]
  for row in out:
    print(
      f"{row.metric} on {row.case}: {row.float32:.9g} in float32, {row.float64:.9g} in "
      f"float64, and no status"
    )
  print(page.summary(found))
  return 1 if out else 0


if __name__ == "__main__":
  sys.exit(run(sys.argv))
