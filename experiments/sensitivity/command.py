"""What the scripts of this package have in common: flags, inputs, exit codes."""

import json as json_text
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import flags

from experiments.sensitivity.bench import Bench, Lines
from lead_jax.assessment import data_folders, read_ground_truth
from lead_jax.backbones import resolve_models
from lead_jax.checks import InputError
from lead_jax.commands import SharedFlags
from lead_jax.data import Dataset, load_dataset
from lead_jax.features import FeatureStore
from lead_jax.run import metrics_or_default
from lead_jax.system import (
  default_cache_dir,
  environment,
  keep_compiled,
  make_writable,
  write_text,
)


class Common(NamedTuple):
  """Flags of a script over a zoo, data sets and their ground truth."""

  zoo: flags.FlagHolder
  data: flags.FlagHolder
  ground_truth: flags.FlagHolder
  out: flags.FlagHolder
  metrics: flags.FlagHolder
  models: flags.FlagHolder
  datasets: flags.FlagHolder
  cache_dir: flags.FlagHolder
  seed: flags.FlagHolder


def common_flags(
  values: flags.FlagValues, *, out: str, metrics: Sequence[str], datasets: str
) -> Common:
  """Defines them.

  Args:
    values: Of the script.
    out: Default of `--out`.
    metrics: Default of `--metrics`.
    datasets: What `--datasets` is where nothing is said, for people.
  """
  shared = SharedFlags(values)
  return Common(
    zoo=shared.zoo(),
    data=shared.data(),
    ground_truth=shared.ground_truth(),
    out=shared.out(out),
    metrics=shared.metrics(", ".join(metrics), metrics),
    models=shared.models("all models of the zoo file"),
    datasets=shared.datasets(datasets),
    cache_dir=shared.cache_dir(),
    seed=shared.seed(),
  )


class Inputs(NamedTuple):
  """What the common flags name, read and checked.

  Attributes:
    truth: By data set, by model, the true accuracy.
    datasets: Their train parts, each named as in `truth`.
    metrics: Names.
    out: Made and writable.
  """

  truth: dict[str, dict[str, float]]
  datasets: list[Dataset]
  metrics: list[str]
  out: pathlib.Path


def read_inputs(common: Common, *, first: bool = False) -> Inputs:
  """Reads what the flags name.

  Args:
    common: The flags.
    first: Whether only the first data set is taken where none is named.

  Raises:
    InputError: If one is missing or wrong.
  """
  if not common.zoo.value and not common.models.value:
    raise InputError("--zoo or --models is needed")
  for flag in (common.data, common.ground_truth):
    if not flag.value:
      raise InputError(f"--{flag.name} is needed")
  truth = read_ground_truth(common.ground_truth.value).accuracies
  named = list(dict.fromkeys(common.datasets.value))
  folders, _ = data_folders(common.data.value, truth, named)
  if gone := set(named) - {folder.name for folder in folders}:
    raise InputError(
      f"{common.data.value} has no folder {min(gone)!r}, which --datasets names"
    )
  if first and not named:
    folders = folders[:1]
  metrics = metrics_or_default(common.metrics.value)
  out = pathlib.Path(common.out.value).expanduser()
  make_writable(out)
  datasets = [load_dataset(folder, split="train") for folder in folders]
  return Inputs(truth, datasets, metrics, out)


def open_bench(common: Common, metrics: Sequence[str]) -> Bench:
  """Returns the bench that the flags describe; what is compiled is kept as well."""
  specs = resolve_models(common.models.value, common.zoo.value)
  root = common.cache_dir.value or default_cache_dir()
  cache_dir = pathlib.Path(root).expanduser()
  lines = Lines()
  store = FeatureStore(cache_dir / "features", warn=lines.say)
  keep_compiled(cache_dir)
  return Bench(specs, metrics, store, common.seed.value, lines)


def config(bench: Bench) -> dict[str, Any]:
  """Returns what a bench's scores hang on, for a file of results."""
  return {
    "models": [spec.name for spec in bench.models],
    "metrics": list(bench.metrics),
    "seed": bench.seed,
    "environment": environment(),
  }


def write(out: pathlib.Path, name: str, *, csv: str, json: Any, text: str) -> None:
  """Writes `name.csv`, `name.json` and `name.txt`."""
  write_text(out / f"{name}.csv", csv)
  whole = json_text.dumps(json, indent=1, ensure_ascii=False, allow_nan=False)
  write_text(out / f"{name}.json", whole + "\n")
  write_text(out / f"{name}.txt", text)
