"""`python -m experiments.check_oracles`: our values beside public implementations'.

Computes every row of the table of agreement in float64, prints what disagrees, and writes
the whole table to `docs/agreement.md`. Exit code 1 where a row is out of its tolerance.
"""

import pathlib
import sys

from absl import app, flags, logging

_OUT = flags.DEFINE_string("out", "docs/agreement.md", "File to write.")


def main(argv):
  if argv[1:]:
    raise app.UsageError(f"unknown argument {argv[1]!r}")
  # JAX says at level INFO which accelerators this machine has not.
  logging.set_verbosity(logging.WARNING)
  import jax

  from experiments.agreement import table
  from lead_jax.results import write_text

  with jax.enable_x64(True):
    found = []
    for comparison in table.compare():
      found.append(comparison)
      if not comparison.agrees:
        print(table.line(comparison), flush=True)
  apart = sum(not comparison.agrees for comparison in found)
  pathlib.Path(_OUT.value).parent.mkdir(parents=True, exist_ok=True)
  write_text(_OUT.value, table.markdown(found))
  print(f"{len(found)} numbers compared, {apart} apart; {_OUT.value} says which")
  sys.exit(1 if apart else 0)


if __name__ == "__main__":
  app.run(main)
