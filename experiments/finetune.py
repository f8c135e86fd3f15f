"""`python -m experiments.finetune --models=resnet50 --data=DIR --out=runs/finetune`

Fine-tunes networks on a data set and writes what they reach as ground truth: a CSV that
`lead-rank --ground_truth` and `experiments.evaluate` read. Settings (learning rates x
weight decays) are compared on held-out training images; the best is trained once a seed
and measured on test. With no flags at all: the bundled digits and their twelve networks.

`--data` is a folder with train/CLASS/*.jpg and test/CLASS/*.jpg, `digits`, `tfds:NAME` or
`npz:FILE`. Networks are named as `lead-rank` names them: published ones need no `--zoo`.
`--protocol` names a set of defaults (papers, adamw8, adamw5); every field of it has a flag.
docs/finetuning.md has their values and says what is written.

Interrupted, the same command goes on from the last pass of the run it was in; a finished
run is not done again. A flag that changes a run makes it another run.

Exit codes: 0 if any model was done; 2 where a flag or the input is wrong (one line says
what) or no model could be done; 130 interrupted.
"""

import functools
import pathlib
import signal
import sys
import threading
from collections.abc import Sequence

from absl import flags

from experiments.script_flags import read_flags
from lead_jax.checks import InputError
from lead_jax.system import default_cache_dir

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_ZOO = flags.DEFINE_string("zoo", None, "Zoo file with networks.", flag_values=FLAGS)
_MODELS = flags.DEFINE_list(
  "models",
  None,
  "Names, as lead-rank takes them; all of the zoo by default.",
  flag_values=FLAGS,
)
_DATA = flags.DEFINE_string(
  "data", "digits", "What to fine-tune on.", flag_values=FLAGS
)
_TEST_DATA = flags.DEFINE_string(
  "test_data",
  None,
  "What to measure on, all of it, in place of the test split of --data.",
  flag_values=FLAGS,
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir",
  None,
  "Where prepared tfds data sets are. Default: tfds's own.",
  flag_values=FLAGS,
)
_WEIGHTS_DIR = flags.DEFINE_string(
  "weights_dir",
  None,
  "Where weights of published networks are looked for first: files as published, or "
  "NAME.safetensors, NAME.pth.",
  flag_values=FLAGS,
)
_CHECK_WEIGHTS = flags.DEFINE_bool(
  "check_weights",
  True,
  "Refuse weights under a published file name that have not the published digest.",
  flag_values=FLAGS,
)
_PROTOCOL = flags.DEFINE_string(
  "protocol",
  None,
  "papers | adamw8 | adamw5. Default: adamw5 for digits, adamw8 for all else.",
  flag_values=FLAGS,
)
_OUT = flags.DEFINE_string(
  "out", "runs/finetune", "Folder for the tables and logits.", flag_values=FLAGS
)
_CHECKPOINT_DIR = flags.DEFINE_string(
  "checkpoint_dir",
  None,
  "Folder for runs, finished or not. Default: checkpoints in --out.",
  flag_values=FLAGS,
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite",
  False,
  "Replace rows of the ground truth that were found with other settings.",
  flag_values=FLAGS,
)
_CACHE_DIR = flags.DEFINE_string(
  "cache_dir",
  None,
  "For compiled programs and weights; as lead-rank.",
  flag_values=FLAGS,
)


def _define_protocol_flags() -> None:
  from experiments.finetuning.settings import define_flags

  define_flags(FLAGS)


_define_protocol_flags()


def _target():
  from lead_jax.data import load_dataset
  from lead_jax.finetune import make_target

  load = functools.partial(load_dataset, data_dir=_DATA_DIR.value)
  train = load(_DATA.value, split="train")
  if _TEST_DATA.value is not None:
    return make_target(train, load(_TEST_DATA.value, split="all"))
  if train.split == "all":
    raise InputError(
      f"--data={_DATA.value} is not divided into train and test: divide it, or name what "
      "to measure on by --test_data"
    )
  return make_target(train, load(_DATA.value, split="test"))


def finetune() -> int:
  """Does what the flags ask for; returns the number of models done.

  Raises:
    InputError: If a flag or a file is wrong.
  """
  from experiments.finetuning import progress, settings, work
  from lead_jax.backbones import resolve_models
  from lead_jax.backbones.catalogue import WeightSources
  from lead_jax.system import keep_compiled

  name = _PROTOCOL.value or ("adamw5" if _DATA.value == "digits" else "adamw8")
  protocol = settings.protocol_of(name, settings.given(FLAGS))
  out = pathlib.Path(_OUT.value).expanduser()
  cache_dir = pathlib.Path(_CACHE_DIR.value or default_cache_dir()).expanduser()
  to = progress.LiveProgress() if sys.stderr.isatty() else progress.PlainProgress()
  sources = WeightSources(
    _WEIGHTS_DIR.value, cache_dir, check=_CHECK_WEIGHTS.value, warn=to.warned
  )
  models = resolve_models(_MODELS.value, _ZOO.value, sources)
  keep_compiled(cache_dir)
  target = _target()
  with to:
    outcomes = work.finetune_models(
      models,
      target,
      protocol,
      out=out,
      checkpoint_dir=pathlib.Path(_CHECKPOINT_DIR.value or out / "checkpoints"),
      overwrite=_OVERWRITE.value,
      progress=to,
    )
  print(work.as_text(outcomes, protocol.measure_of(several=target.several)))
  return sum(outcome.status == "ok" for outcome in outcomes)


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  # A job scheduler's SIGTERM stops as Ctrl-C does.
  main = threading.current_thread() is threading.main_thread()
  before = main and signal.signal(signal.SIGTERM, signal.default_int_handler)
  try:
    if read_flags(FLAGS, __doc__, argv) and not finetune():
      return 2
  except InputError as error:
    print(f"experiments.finetune: {error}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print(
      "experiments.finetune: interrupted; run the same command again to go on from here",
      file=sys.stderr,
    )
    return 130
  finally:
    if main:
      signal.signal(signal.SIGTERM, before)
  return 0


if __name__ == "__main__":
  sys.exit(run(sys.argv))
