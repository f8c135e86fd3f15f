"""`lead-evaluate`: from flags to how well metrics rank.

Exit codes: 0; 1, the reader of a pipe went away; 2, a flag or an input was wrong, or a file
could not be written (one line says what); 130, 143 or 129, stopped by Ctrl-C, SIGTERM or
SIGHUP after what was done had been written.
"""

import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from lead_jax.checks import InputError, parameter
from lead_jax.commands._ending import end_well, read_flags
from lead_jax.commands._flags import SharedFlags, chosen_cache_dir
from lead_jax.commands._shard import chosen_shard, said_of_part, whole_command
from lead_jax.commands._stdout import print_text
from lead_jax.system import user_path

USAGE = """Measures how well metrics rank models, on data sets whose accuracies are known.

Usage:
  lead-evaluate --zoo=zoo.json --data=DIR --ground_truth=truth.csv [--out=DIR]

Ranks the models on every data set in --data whose accuracies after fine-tuning are in
--ground_truth, and says how well each metric ranked them: mean weighted Kendall tau with
intervals over models and over data sets, its place among the metrics, paired differences
to a baseline, p-values, regret, what the result depends on, and cost. Beside the metrics
stand rankings that never look at the data, and chance.

Writes evaluation.csv, evaluation.json, evaluation.txt and figures (PNG and SVG) to --out,
and report.html, report.md, report.tex, report.json and scores.csv of every data set to a
sub-folder. docs/evaluation.md explains every number. Figures need matplotlib:
pip install 'lead_jax[figures]'.

If interrupted, run the same command again: it goes on from where it was.

Examples:
  lead-evaluate --zoo=zoo.json --data=datasets/ --ground_truth=truth.csv
  lead-evaluate --zoo=zoo.json --data=datasets/ --ground_truth=truth.csv --noise=1
  lead-evaluate --zoo=zoo.json --data=datasets/ --ground_truth=truth.csv --shard=3/8
  lead-evaluate --models=supervised --data=datasets/ --ground_truth=truth.csv \\
    --metrics=lead,logme,knn,linear_probe --baseline=knn --datasets=birds,cars
"""

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_shared = SharedFlags(FLAGS)
_ZOO = _shared.zoo()
_MODELS = _shared.models("all models of the zoo file")
_METRICS = _shared.metrics("all", ["all"])
_DATA = _shared.data()
_DATASETS = _shared.datasets()
_GROUND_TRUTH = _shared.ground_truth()
_OUT = _shared.out("runs/evaluation")
_OVERWRITE = _shared.overwrite()
_BASELINE = flags.DEFINE_string(
  "baseline",
  "linear_probe",
  "Method that differences are taken to.",
  flag_values=FLAGS,
)
_NOISE = flags.DEFINE_float(
  "noise",
  None,
  "Standard deviation of a fine-tuning run repeated with another seed, in accuracy points. "
  "The noise of the test set is added. Columns of the ground truth take precedence.",
  lower_bound=0.0,
  flag_values=FLAGS,
)
_FAMILIES = flags.DEFINE_string(
  "families",
  None,
  "CSV file (columns model, family) of what is left out together. Default: models of one "
  "architecture, and models of one pre-training data set.",
  flag_values=FLAGS,
)
_FIGURES = flags.DEFINE_bool("figures", True, "Draw the figures.", flag_values=FLAGS)
_SAMPLES = _shared.samples()
_SEED = _shared.seed()
_SHARD = _shared.shard()
_CACHE_DIR = _shared.cache_dir()
_WEIGHTS_DIR = _shared.weights_dir()
_DOWNLOAD = _shared.download(True)
_CHECK_WEIGHTS = _shared.check_weights()
_NETWORK_BUDGET = _shared.network_budget()


def main(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return end_well("lead-evaluate", lambda: _main(argv))


def _main(argv: Sequence[str]) -> int:
  if read_flags(FLAGS, USAGE, argv) is None:
    return 0
  return _evaluate(whole_command("lead-evaluate", FLAGS))


def _evaluate(command: str) -> int:
  """Does what the flags ask for, prints the tables and returns the exit code.

  Args:
    command: That figures and files name as their origin.
  """
  if not _ZOO.value and not _MODELS.value:
    raise InputError(f"{parameter('zoo')} or {parameter('models')} is needed")
  data, ground_truth = _needed(_DATA), _needed(_GROUND_TRUTH)

  from lead_jax import assessment, report
  from lead_jax.run import metrics_or_default
  from lead_jax.system import keep_compiled

  truth = assessment.read_ground_truth(ground_truth)
  folders, notes = assessment.data_folders(data, truth.accuracies, _DATASETS.value)
  methods = [*metrics_or_default(_METRICS.value), *assessment.STATIC]
  if _BASELINE.value not in methods:
    raise InputError(
      f"{parameter('baseline', _BASELINE.value)} is none of {', '.join(methods)}"
    )
  assessment.check_families(_FAMILIES.value)
  cache_dir = chosen_cache_dir(_CACHE_DIR.value)
  keep_compiled(cache_dir)
  out = user_path(_OUT.value)
  with report.RankProgress() as listener:
    shard = chosen_shard(_SHARD.value, listener.told)
    for note in notes:
      listener.warned(note)
    asked: dict[str, Any] = {
      "zoo": _ZOO.value,
      "metrics": _METRICS.value,
      "models": _MODELS.value,
      "seed": _SEED.value,
      "cache_dir": cache_dir,
      "weights_dir": _WEIGHTS_DIR.value,
      "download": _DOWNLOAD.value,
      "check_weights": _CHECK_WEIGHTS.value,
      "network_budget": _NETWORK_BUDGET.value,
      "listener": listener,
    }
    if shard is not None:
      worked = assessment.collect_part(folders, shard=shard, **asked)
      for line in said_of_part(shard, worked, command):
        print_text(line)
      return 0
    found = assessment.collect(
      folders, truth, out=out, overwrite=_OVERWRITE.value, **asked
    )
  tables = assessment.write_evaluation(
    found._replace(notes=notes + found.notes),
    out,
    baseline=_BASELINE.value,
    repeat=_NOISE.value,
    families=_FAMILIES.value,
    samples=_SAMPLES.value,
    seed=_SEED.value,
    figures=_FIGURES.value,
    command=command,
    unwritten=listener.unwritten,
  )
  print_text(tables.rstrip("\n"))
  return 2 if listener.lost else 0


def _needed(flag: flags.FlagHolder[str | None]) -> str:
  if not flag.value:
    raise InputError(f"{parameter(flag.name)} is needed")
  return flag.value


def run() -> None:
  """Entry point of the console command."""
  sys.exit(main(sys.argv))
