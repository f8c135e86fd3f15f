"""`python -m experiments.figures --only=lead_fig4,lead_fig8`

Draws the figures of the LEAD and PED papers, and further ones, from runs of our own:
without flags those of the bundled digits zoo, or those of a zoo on every data set of a
folder whose true accuracies are known (`--zoo`, `--data`, `--ground_truth`). Those that
show fine-tuned logits need `--finetuned`, what `lead-finetune` wrote.

Writes NAME.png, the numbers behind it as NAME.csv, and NAME.json, which says what they
were made of. Interrupted, the same command goes on from where it was: numbers made of the
same things are drawn and not measured again. docs/figures.md shows all of them.

Exit codes: 0; 2 where a flag or the input is wrong (one line says what); 130 interrupted.
"""

import functools
import pathlib
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from lead_jax.checks import InputError
from lead_jax.commands import SharedFlags, run_script
from lead_jax.system import default_cache_dir

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_shared = SharedFlags(FLAGS)
_ONLY = flags.DEFINE_list(
  "only", [], "Figures to make. Default: all.", flag_values=FLAGS
)
_ZOO = _shared.zoo()
_MODELS = _shared.models()
_DATA = _shared.data("digits")
_DATASETS = _shared.datasets()
_GROUND_TRUTH = _shared.ground_truth()
_FINETUNED = flags.DEFINE_string(
  "finetuned", None, "Folder that lead-finetune wrote.", flag_values=FLAGS
)
_OUT = _shared.out("runs/figures")
_SVG = flags.DEFINE_bool("svg", False, "Write SVG beside PNG.", flag_values=FLAGS)
_CACHE_DIR = _shared.cache_dir()
_SEED = _shared.seed()


def _data_and_truth():
  """The data sets and the true accuracies of all models on them."""
  from lead_jax.assessment import data_folders, read_ground_truth
  from lead_jax.data import load_dataset
  from lead_jax.run import read_truth

  if _DATA.value == "digits":
    if _DATASETS.value:
      raise InputError("--datasets names folders of --data: give that too")
    truth = read_truth(_GROUND_TRUTH.value, "digits", bundled=True)
    return [load_dataset("digits", split="train")], truth
  if not _GROUND_TRUTH.value:
    raise InputError("--ground_truth is needed with --data")
  truth = read_ground_truth(_GROUND_TRUTH.value).accuracies
  folders, _ = data_folders(_DATA.value or "", truth, _DATASETS.value)
  return [load_dataset(folder, split="train") for folder in folders], truth


def figures(command: str) -> str:
  """Does what the flags ask for; returns a line on each figure.

  Args:
    command: That the captions name.

  Raises:
    InputError: If a flag or a file is wrong, or a figure cannot be made.
  """
  from experiments.figures import write
  from experiments.figures.material import Material
  from experiments.sensitivity.bench import Bench, Lines, known_models
  from lead_jax.backbones import resolve_models
  from lead_jax.features import FeatureStore
  from lead_jax.system import keep_compiled, make_writable

  names = write.chosen(_ONLY.value)
  datasets, truth = _data_and_truth()
  finetuned = None
  if _FINETUNED.value:
    finetuned = pathlib.Path(_FINETUNED.value).expanduser()
    if not (finetuned / "logits").is_dir():
      raise InputError(f"--finetuned={finetuned}: has no folder 'logits'")
  out = pathlib.Path(_OUT.value).expanduser()
  make_writable(out)
  specs = resolve_models(_MODELS.value, _ZOO.value)
  cache_dir = pathlib.Path(_CACHE_DIR.value or default_cache_dir()).expanduser()
  keep_compiled(cache_dir)
  lines = Lines()
  store = FeatureStore(cache_dir / "features", warn=lines.say)
  bench = Bench(specs, [], store, _SEED.value, lines)
  known = {d.name: known_models(bench, d.name, truth[d.name]) for d in datasets}
  material = Material(bench, datasets, known, finetuned)
  return write.make_all(names, material, out, command=command, svg=_SVG.value)


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  # Where features are kept changes no number.
  said = [arg for arg in argv[1:] if not arg.startswith("--cache_dir=")]
  command = shlex.join(["python", "-m", "experiments.figures", *said])
  work = functools.partial(figures, command)
  return run_script(FLAGS, "experiments.figures", __doc__, work, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
