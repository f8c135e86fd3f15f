"""python -m experiments.pretrain_digits --out=runs/digits_zoo

Makes the bundled digits zoo: pre-trains the networks of `experiments/configs/digits.py`
on digits 0 to 4, fine-tunes each on digits 5 to 9, and writes the weights, `digits.json`
and `digits_ground_truth.csv`, which describe the models of this run only. The same seed
on the same machine gives the same bytes. `--out=lead_jax/zoo --overwrite` replaces what
the package bundles.
"""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Sequence

from absl import app, flags

from experiments.configs.digits import PRETRAININGS, Finetuning
from experiments.digits import files, make
from lead_jax.backbones.digits import PREFIX
from lead_jax.checks import InputError
from lead_jax.commands import end_well

NAMES = [config.name for config in PRETRAININGS]

_OUT = flags.DEFINE_string("out", None, "Folder for the files.", required=True)
_MODELS = flags.DEFINE_multi_enum(
  "models", NAMES, NAMES, "Model to make; repeat the flag for several."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the whole run.", lower_bound=0)
_STEPS_SCALE = flags.DEFINE_float(
  "steps_scale", 1.0, "Factor on steps and epochs, to try things out.", lower_bound=0.0
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace files that exist.")


def run(
  out: pathlib.Path,
  *,
  models: Sequence[str] = tuple(NAMES),
  seed: int = 0,
  steps_scale: float = 1.0,
  overwrite: bool = False,
  finetuning: Finetuning = Finetuning(),  # noqa: B008  (frozen)
) -> None:
  """Makes the named models and writes the folder; see the flags.

  Raises:
    InputError: If a name is unknown, or a file exists and `overwrite` is false.
  """
  unknown = set(models) - set(NAMES)
  if unknown or not models:
    raise InputError(f"models: {sorted(unknown)} not among {', '.join(NAMES)}")
  files.check_folder(out, models, overwrite=overwrite)
  data = make.load_data()
  index, truths = {}, []
  for config in PRETRAININGS:
    if config.name not in models:
      continue
    start = time.monotonic()
    made = make.make_model(config, finetuning, data, seed=seed, steps_scale=steps_scale)
    written = files.write_weights(out, config.name, made.params)
    index[PREFIX + config.name] = written | made.entry
    truths.append(made.truth)
    print(
      f"{made.truth['model']}: accuracy {made.truth['accuracy']} "
      f"± {made.truth['accuracy_std']} %, learning rate "
      f"{made.truth['learning_rate']}, {time.monotonic() - start:.0f} s",
      flush=True,
    )
  files.write_truth(out, truths)
  described = make.describe_run(seed, steps_scale)
  files.write_index(
    out, index, described | {"finetuning": dataclasses.asdict(finetuning)}
  )
  print(f"wrote {len(index)} models to {out}")


def main(argv: Sequence[str]) -> None:
  """Trains them; ends the process with the exit code."""

  def work() -> int:
    if len(argv) > 1:
      raise InputError(f"unexpected argument {argv[1]!r}; see --help")
    run(
      pathlib.Path(_OUT.value),
      models=_MODELS.value,
      seed=_SEED.value,
      steps_scale=_STEPS_SCALE.value,
      overwrite=_OVERWRITE.value,
    )
    return 0

  sys.exit(end_well("experiments.pretrain_digits", work))


if __name__ == "__main__":
  app.run(main)
