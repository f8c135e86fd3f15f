"""`python -m experiments.low_data --zoo=Z --data=DIR --ground_truth=CSV --out=DIR`

How well metrics rank from few samples (LEAD's Table 3): of every data set whose true
accuracies are known, five draws of 2, 5 and 10 samples a class are scored; their weighted
Kendall tau is averaged, with its spread, by number of classes and over all data sets,
beside that of the whole data set. A metric that gives no valid ranking prints "–".

Features are extracted once, on the whole data set. They and all scores are kept as
`lead-rank` keeps them: interrupted, the same command goes on from where it was. Writes
`low_data.csv`, `low_data.json` and `low_data.txt`.

Exit codes: 0; 2 where a flag or the input is wrong (one line says what); 130 interrupted.
"""

import sys
from collections.abc import Sequence

from absl import flags

from experiments.sensitivity import command, low_data as measuring, low_data_text
from lead_jax.checks import InputError
from lead_jax.commands import SharedFlags, run_script

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_COMMON = command.common_flags(
  FLAGS,
  out="runs/low_data",
  metrics=measuring.METRICS,
  datasets="all that --ground_truth knows",
)
_PER_CLASS = flags.DEFINE_list(
  "per_class", ["2", "5", "10"], "Samples of each class.", flag_values=FLAGS
)
_DRAWS = SharedFlags(FLAGS).draws()


def _sizes() -> list[int]:
  sizes = [int(n) if n.isascii() and n.isdigit() else 0 for n in _PER_CLASS.value]
  if not sizes or min(sizes) < 1:
    given = ",".join(_PER_CLASS.value)
    raise InputError(f"--per_class={given}: give whole numbers above 0, as 2,5,10")
  return list(dict.fromkeys(sizes))


def low_data() -> str:
  """Does what the flags ask for; returns the table."""
  sizes = _sizes()
  given = command.read_inputs(_COMMON)
  bench = command.open_bench(_COMMON, given.metrics)
  measured = measuring.measure(
    bench, given.datasets, given.truth, per_class=sizes, draws=_DRAWS.value
  )
  table = measuring.tabulate(measured)
  text = low_data_text.as_text(measured, table)
  config = {**command.config(bench), "per_class": sizes, "draws": _DRAWS.value}
  command.write(
    given.out,
    "low_data",
    csv=low_data_text.as_csv(measured),
    json=low_data_text.as_json(measured, table, config),
    text=text,
  )
  return text


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return run_script(FLAGS, "experiments.low_data", __doc__, low_data, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
