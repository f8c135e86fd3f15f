"""`python -m experiments.lead_choices --zoo=Z --data=DIR --ground_truth=CSV --out=DIR`

What do LEAD's open choices matter? Every choice of `experiments/choices/table.py` ranks
the zoo on every data set whose true accuracies are known: the published form with a
thing or two changed, LEAD out of sample in all combinations of a few values, and other
metrics (`--metrics`). Prints the weighted Kendall tau of each with its interval, the
paired difference to its family's reference, and the nested choice: what one would have
got on each data set by the choice that was best on the others.

Features and scores are kept as `lead-rank` keeps them: interrupted, the same command goes
on from where it was. Writes `lead_choices.csv`, `.json` and `.txt`.

Exit codes: 0; 2 where a flag or the input is wrong (one line says what); 130 interrupted.
"""

import sys
from collections.abc import Sequence

from absl import flags

from experiments.choices import measure, table, text
from experiments.sensitivity import command
from lead_jax.checks import InputError
from lead_jax.commands import SharedFlags, run_script

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_COMMON = command.common_flags(
  FLAGS,
  out="runs/lead_choices",
  metrics=table.BASELINES,
  datasets="all that --ground_truth knows",
)
_FAMILIES = flags.DEFINE_list(
  "families",
  ["paper", "held_out", "baseline"],
  "Which to examine.",
  flag_values=FLAGS,
)
_SAMPLES = SharedFlags(FLAGS).samples()

_REFERENCES = {
  "paper": table.PUBLISHED,
  "held_out": table.DEFAULT,
  "baseline": "linear_probe",
}


def lead_choices() -> str:
  """Does what the flags ask for; returns the table."""
  for family in _FAMILIES.value:
    if family not in _REFERENCES:
      raise InputError(f"--families={family}: there are {', '.join(_REFERENCES)}")
  given = command.read_inputs(_COMMON)
  for name in given.metrics:
    if name in table.LEAD:
      raise InputError(
        f"--metrics={name}: LEAD is no baseline, its choices are built in"
      )
  if _REFERENCES["baseline"] not in given.metrics:
    raise InputError("--metrics needs linear_probe, which differences are to")
  bench = command.open_bench(_COMMON, given.metrics)
  every = table.choices(given.metrics)
  chosen = [choice for choice in every if choice.family in _FAMILIES.value]
  scores = measure.collect(bench, chosen, given.datasets, given.truth)
  found = measure.measure(
    scores, chosen, _REFERENCES, samples=_SAMPLES.value, seed=_COMMON.seed.value
  )
  printed = text.as_text(found, _REFERENCES)
  command.write(
    given.out,
    "lead_choices",
    csv=text.as_csv(found),
    json=text.as_json(found, command.config(bench)),
    text=printed,
  )
  return printed


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return run_script(FLAGS, "experiments.lead_choices", __doc__, lead_choices, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
