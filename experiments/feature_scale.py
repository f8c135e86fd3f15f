"""`python -m experiments.feature_scale --zoo=Z --data=DIR --ground_truth=CSV --out=DIR`

Which rankings move when features are multiplied by a number? Every metric ranks the zoo
by its features as they are, by all models' features times each of `--factors` (no ranking
should move), and by features of unit root mean square (each model's own scale is taken
away). For each: the weighted Kendall tau with the truth, and the Kendall tau between the
ranking as it is and the rescaled one.

Of the data sets whose true accuracies are known it takes the first alone, which takes some
ten minutes for 18 models; `--datasets` and `--metrics` widen it. Features and scores are
kept as `lead-rank` keeps them: interrupted, the same command goes on from where it was.
Writes `feature_scale.csv`, `feature_scale.json` and `feature_scale.txt`.

Exit codes: 0; 2 where a flag or the input is wrong (one line says what); 130 interrupted.
"""

import math
import sys
from collections.abc import Sequence

from absl import flags

from experiments.sensitivity import command, feature_scale as measuring
from experiments.sensitivity.low_data import METRICS
from lead_jax.checks import InputError
from lead_jax.commands import run_script

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_COMMON = command.common_flags(
  FLAGS,
  out="runs/feature_scale",
  metrics=METRICS,
  datasets="the first that --ground_truth knows",
)
_FACTORS = flags.DEFINE_list(
  "factors", ["0.01", "100"], "What all features are times.", flag_values=FLAGS
)


def _factors() -> list[float]:
  try:
    factors = [float(text) for text in _FACTORS.value]
  except ValueError:
    factors = [math.nan]
  if not all(0 < factor < math.inf for factor in factors):
    given = ",".join(_FACTORS.value)
    raise InputError(f"--factors={given}: give numbers above 0, as 0.01,100")
  return list(dict.fromkeys(factors))


def feature_scale() -> str:
  """Does what the flags ask for; returns the table."""
  factors = _factors()
  given = command.read_inputs(_COMMON, first=True)
  bench = command.open_bench(_COMMON, given.metrics)
  measured = measuring.measure(bench, given.datasets, given.truth, factors=factors)
  text = measuring.as_text(measured)
  command.write(
    given.out,
    "feature_scale",
    csv=measuring.as_csv(measured),
    json=measuring.as_json(measured, {**command.config(bench), "factors": factors}),
    text=text,
  )
  return text


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return run_script(FLAGS, "experiments.feature_scale", __doc__, feature_scale, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
