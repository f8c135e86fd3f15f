"""`python -m experiments.evaluate --zoo=Z --data=DIR --ground_truth=CSV --out=DIR`

Ranks the zoo on every data set of the folder whose true accuracies are known, and says how
well each metric ranked: mean weighted tau with intervals over models and over data sets,
its place and how sure that is, paired differences, p-values, regret, what it hangs on, and
what it cost. Beside the metrics stand rankings that never look at the data, and chance.

Features and scores are kept as `lead-rank` keeps them: interrupted, the same command goes
on from where it was. Writes `evaluation.csv`, `evaluation.json`, `evaluation.txt` and the
figures (PNG and SVG), and for every data set the `scores.csv` and `report.json` of its run.
`docs/evaluation.md` says what each number means.

Exit codes: 0; 2 where a flag or the input is wrong (one line says what); 130 interrupted.
"""

import functools
import pathlib
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from experiments.script_flags import run_script
from lead_jax.checks import InputError
from lead_jax.system import default_cache_dir

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_ZOO = flags.DEFINE_string(
  "zoo", None, "Zoo file that lists models.", flag_values=FLAGS
)
_DATA = flags.DEFINE_string(
  "data", None, "Folder with one folder a data set.", flag_values=FLAGS
)
_GROUND_TRUTH = flags.DEFINE_string(
  "ground_truth",
  None,
  "CSV of true accuracies (columns model,dataset,accuracy; see docs/evaluation.md).",
  flag_values=FLAGS,
)
_OUT = flags.DEFINE_string(
  "out", "runs/evaluation", "Folder to write.", flag_values=FLAGS
)
_METRICS = flags.DEFINE_list("metrics", ["all"], "As lead-rank.", flag_values=FLAGS)
_MODELS = flags.DEFINE_list("models", None, "As lead-rank.", flag_values=FLAGS)
_DATASETS = flags.DEFINE_list(
  "datasets", [], "Folders of --data; all that the truth knows.", flag_values=FLAGS
)
_BASELINE = flags.DEFINE_string(
  "baseline", "linear_probe", "What differences are to.", flag_values=FLAGS
)
_NOISE = flags.DEFINE_float(
  "noise",
  None,
  "Standard deviation of one fine-tuning run repeated with another seed, in points; the "
  "noise of the test set is added, and columns of the ground truth come first.",
  lower_bound=0.0,
  flag_values=FLAGS,
)
_SAMPLES = flags.DEFINE_integer(
  "samples", 2000, "Resamples and permutations.", lower_bound=100, flag_values=FLAGS
)
_SEED = flags.DEFINE_integer(
  "seed", 0, "Of everything random.", lower_bound=0, flag_values=FLAGS
)
_FAMILIES = flags.DEFINE_string(
  "families",
  None,
  "CSV (columns model,family) of what is left out together; by architecture and by "
  "pre-training data where there is none.",
  flag_values=FLAGS,
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "As lead-rank; the store keeps its scores.", flag_values=FLAGS
)
_FIGURES = flags.DEFINE_bool("figures", True, "Draw the figures.", flag_values=FLAGS)
_CACHE_DIR = flags.DEFINE_string("cache_dir", None, "As lead-rank.", flag_values=FLAGS)


def _needed(flag: flags.FlagHolder) -> str:
  if not flag.value:
    raise InputError(f"--{flag.name} is needed")
  return flag.value


def evaluate(command: str) -> str:
  """Does what the flags ask for; returns the tables.

  Args:
    command: That figures and files name as their origin.

  Raises:
    InputError: If a flag or a file is wrong.
  """
  from experiments.evaluation import collect, write
  from lead_jax import report
  from lead_jax.run import metrics_or_default
  from lead_jax.system import keep_compiled

  zoo, data, ground_truth = map(_needed, (_ZOO, _DATA, _GROUND_TRUTH))
  truth = collect.read_truth(ground_truth)
  folders, notes = collect.data_folders(data, truth.accuracies, _DATASETS.value)
  methods = [*metrics_or_default(_METRICS.value), *collect.STATIC]
  if _BASELINE.value not in methods:
    raise InputError(f"--baseline={_BASELINE.value} is none of {', '.join(methods)}")
  write.check_families(_FAMILIES.value)
  cache_dir = pathlib.Path(_CACHE_DIR.value or default_cache_dir()).expanduser()
  keep_compiled(cache_dir)
  out = pathlib.Path(_OUT.value).expanduser()
  with report.LiveProgress() if sys.stderr.isatty() else report.PlainProgress() as to:
    for note in notes:
      to.warned(note)
    found = collect.collect(
      folders,
      truth,
      zoo=zoo,
      metrics=_METRICS.value,
      out=out,
      models=_MODELS.value,
      seed=_SEED.value,
      cache_dir=cache_dir,
      overwrite=_OVERWRITE.value,
      listener=to,
    )
  return write.write(
    found._replace(notes=notes + found.notes),
    out,
    baseline=_BASELINE.value,
    repeat=_NOISE.value,
    families=_FAMILIES.value,
    samples=_SAMPLES.value,
    seed=_SEED.value,
    figures=_FIGURES.value,
    command=command,
  )


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  command = shlex.join(["python", "-m", "experiments.evaluate", *argv[1:]])
  work = functools.partial(evaluate, command)
  return run_script(FLAGS, "evaluate", __doc__, work, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
