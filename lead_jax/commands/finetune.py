"""`lead-finetune`: from flags to accuracies after fine-tuning.

Exit codes: 0, all models were fine-tuned; 1, the reader of a pipe went away; 2, a flag or
an input was wrong, a file could not be written (one line says what) or a model could not be
fine-tuned, the others all the same; 130, 143 or 129, stopped by Ctrl-C, SIGTERM or SIGHUP
after what was done had been written.
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
from lead_jax.finetune import (
  PROTOCOL_HELP,
  PROTOCOLS,
  SWITCHES,
  default_protocol,
  protocol_of,
)
from lead_jax.system import user_path

USAGE = """Fine-tunes models on your images and measures their accuracy on test images.

Usage:
  lead-finetune [DATASET] [--models=A,B] [--zoo=zoo.json] [--protocol=NAME] [--out=DIR]

DATASET is a folder with one sub-folder per class, or with train/ and test/ that hold those,
tfds:NAME, npz:FILE, aircraft:FOLDER or digits. A data set without a test part is divided:
--test_fraction of every class is test. Which images those are is written to
splits/DATASET.json in --out. Without arguments, the bundled zoo is fine-tuned on the
bundled digits, in minutes.

Settings (learning rates x weight decays) are compared on held-out training images; the
best is trained --seeds times and measured on the test images. --protocol names a set of
defaults; every field of it has a flag. The accuracies go to ground_truth.csv in --out,
which lead-rank --ground_truth and lead-evaluate read.

If interrupted, run the same command again: it goes on from the last pass of the run that it
was in. A finished run is not repeated. A flag that changes a run makes it another run.

Examples:
  lead-finetune
  lead-finetune photos/ --models=resnet50,mobilenet_v2
  lead-finetune photos/ --zoo=zoo.json --models=small,large --out=runs/finetune
  lead-finetune photos/ --zoo=zoo.json --protocol=papers
  lead-finetune photos/ --models=supervised --out=shared/finetune --shard=3/8
  lead-finetune tfds:voc/2007 --models=resnet50 --data_dir=tfds/ --weights_dir=weights/
"""

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_shared = SharedFlags(FLAGS)
_ZOO = _shared.zoo()
_MODELS = _shared.models()
_DATA = flags.DEFINE_string(
  "data", None, "DATASET, as a flag. Default: digits.", flag_values=FLAGS
)
_TEST_DATA = flags.DEFINE_string(
  "test_data",
  None,
  "Data set to measure on, all of it, instead of the test part of DATASET.",
  flag_values=FLAGS,
)
_TEST_FRACTION = flags.DEFINE_float(
  "test_fraction",
  None,
  "Fraction of every class that is test if DATASET has no test part; at least one image of "
  "a class is on each side. Default: 0.2.",
  flag_values=FLAGS,
)
_DATA_DIR = _shared.data_dir()
_WEIGHTS_DIR = _shared.weights_dir()
_DOWNLOAD = _shared.download(True)
_CHECK_WEIGHTS = _shared.check_weights()
_NETWORK_BUDGET = _shared.network_budget()
_PROTOCOL = flags.DEFINE_string(
  "protocol",
  None,
  f"Set of defaults: {', '.join(PROTOCOLS)}. Default: adamw5 for digits, adamw8 for all "
  "else, with at least 60 steps per run.",
  flag_values=FLAGS,
)
_OUT = _shared.out("runs/finetune")
_CHECKPOINT_DIR = flags.DEFINE_string(
  "checkpoint_dir",
  None,
  "Folder for runs, finished or not. Default: checkpoints in --out.",
  flag_values=FLAGS,
)
_DUPLICATES = _shared.duplicates()
_OVERWRITE = _shared.overwrite()
_CACHE_DIR = _shared.cache_dir()
_SHARD = _shared.shard()

for _name, _text in PROTOCOL_HELP.items():
  _define = flags.DEFINE_bool if _name in SWITCHES else flags.DEFINE_string
  _define(_name, None, f"{_text} Default: the protocol's.", flag_values=FLAGS)


def main(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return end_well("lead-finetune", lambda: _main(argv))


def _main(argv: Sequence[str]) -> int:
  arguments = read_flags(FLAGS, USAGE, argv, arguments=1)
  if arguments is None:
    return 0
  if arguments and _DATA.value is not None:
    raise InputError(
      f"the data set is named twice, {arguments[0]!r} and {parameter('data', _DATA.value)}"
      ": name it once"
    )
  return _finetune(arguments[0] if arguments else _DATA.value or "digits")


def _finetune(dataset: str) -> int:
  """Does what the flags ask for; returns the exit code."""
  given = {name: FLAGS[name].value for name in PROTOCOL_HELP}
  named = protocol_of(_PROTOCOL.value or "adamw8", given)  # before anything is loaded

  from lead_jax import finetune, report
  from lead_jax.backbones import resolve_models
  from lead_jax.backbones.catalogue import WeightSources
  from lead_jax.system import keep_compiled

  out = user_path(_OUT.value)
  runs = user_path(_CHECKPOINT_DIR.value or out / "checkpoints")
  cache_dir = chosen_cache_dir(_CACHE_DIR.value)
  listener = report.FinetuneProgress()
  sources = WeightSources(
    _WEIGHTS_DIR.value,
    cache_dir,
    download=_DOWNLOAD.value,
    check=_CHECK_WEIGHTS.value,
    warn=listener.warned,
    network_budget=_NETWORK_BUDGET.value,
  )
  models = resolve_models(_MODELS.value, _ZOO.value, sources)
  keep_compiled(cache_dir)
  target = finetune.load_target(
    dataset,
    test_data=_TEST_DATA.value,
    data_dir=_DATA_DIR.value,
    test_fraction=_TEST_FRACTION.value,
    split_seed=None if given["split_seed"] is None else named.split_seed,
    duplicates=_DUPLICATES.value,
  )
  protocol = named
  if _PROTOCOL.value is None:
    protocol = default_protocol(dataset, len(target.train), given)
  measure = protocol.measure_of(several=target.several)
  asked: dict[str, Any] = {
    "out": out,
    "checkpoint_dir": runs,
    "overwrite": _OVERWRITE.value,
    "listener": listener,
  }
  with listener:
    shard = chosen_shard(_SHARD.value, listener.told)
    for line in target.describe():
      listener.told(line)
    if shard is not None:
      worked = finetune.finetune_part(models, target, protocol, shard=shard, **asked)
      arguments = [] if _DATA.value else [dataset]
      command = whole_command("lead-finetune", FLAGS, arguments)
      for line in said_of_part(shard, worked, command):
        print_text(line)
      return 0
    outcomes = finetune.finetune_models(models, target, protocol, **asked)
  print_text(finetune.as_text(outcomes, measure))
  done = [outcome.status == "ok" for outcome in outcomes]
  if any(done):
    others = ["runs.csv", "runs.jsonl", "logits"]
    if target.division is not None:
      others.append("splits")
    if not listener.lost:
      print_text(f"Written: {out / 'ground_truth.csv'} (and {', '.join(others)})")
  return 0 if all(done) and not listener.lost else 2


def run() -> None:
  """Entry point of the console command."""
  sys.exit(main(sys.argv))
