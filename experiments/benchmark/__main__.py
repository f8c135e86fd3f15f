"""`python -m experiments.benchmark --only=ntk`: our speed against named peers.

Every figure is measured in this one run, on this machine; ratios are what counts.
"""

import importlib
import json
import sys
from collections.abc import Sequence

from absl import flags, logging

from lead_jax.checks import InputError, parameter
from lead_jax.commands import end_well, print_text, read_flags

BENCHMARKS = ("startup", "ntk", "svm", "metrics", "extract")

FLAGS = flags.FlagValues()
_ONLY = flags.DEFINE_list(
  "only", list(BENCHMARKS), f"Any of {', '.join(BENCHMARKS)}.", flag_values=FLAGS
)
_JSON = flags.DEFINE_string(
  "json", None, "File to write the rows and the machine to.", flag_values=FLAGS
)


def _main(argv: Sequence[str]) -> int:
  if read_flags(FLAGS, __doc__, argv) is None:
    return 0
  if unknown := [name for name in _ONLY.value if name not in BENCHMARKS]:
    known = ", ".join(BENCHMARKS)
    raise InputError(
      f"there is no benchmark {unknown[0]!r}: {parameter('only')} {known}"
    )
  # JAX says at level INFO which accelerators this machine has not.
  logging.set_verbosity(logging.WARNING)
  from lead_jax.system import environment, write_text

  machine = environment()
  print_text(f"{machine['device']}; {machine['platform']}; {machine['versions']}")
  rows = []
  for name in _ONLY.value:
    benchmark = importlib.import_module(f"experiments.benchmark.{name}")
    for row in benchmark.run():
      rows.append(row._asdict())
      print_text(f"{row.name:32} {row.value:12.4g} {row.unit:4} {row.what}")
  if _JSON.value:
    content = json.dumps({"machine": machine, "rows": rows}, indent=1)
    remedy = f"give another {parameter('json')}"
    write_text(_JSON.value, content, remedy=remedy)
  return 0


def main(argv: Sequence[str]) -> int:
  """Runs the benchmarks; returns the exit code."""
  return end_well("experiments.benchmark", lambda: _main(argv))


if __name__ == "__main__":
  sys.exit(main(sys.argv))
