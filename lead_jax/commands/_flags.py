"""Flags that several commands take: each has one name and one help text."""

import pathlib
from collections.abc import Sequence

from absl import flags

from lead_jax.system import default_cache_dir, user_path

# Help lists a flag under the command that takes it.
flags.disclaim_key_flags()


class SharedFlags:
  """Defines those of the shared flags that a command takes.

  ```python
  FLAGS = flags.FlagValues()
  _shared = SharedFlags(FLAGS)
  _ZOO, _SEED = _shared.zoo(), _shared.seed()
  ```
  """

  def __init__(self, values: flags.FlagValues):
    """Takes the flags of the command, which are not the process-wide ones."""
    self._values = values

  def zoo(self) -> flags.FlagHolder[str | None]:
    """The zoo file."""
    return self._text("zoo", None, "Zoo file (zoo.json) that lists ONNX models.")

  def models(
    self, default: str = "all models of the zoo file, or the bundled zoo"
  ) -> flags.FlagHolder[list[str] | None]:
    """The models; `default` says in words which are taken if none is named."""
    return self._list(
      "models",
      None,
      "Models, separated by commas: a model of the zoo file, digits/NAME (bundled), a "
      "published model or a zoo of them (`lead-rank models` lists them), timm/NAME, "
      "features:FILE.npz; NAME=FILE takes the weights of a model from a file. "
      f"Default: {default}.",
    )

  def metrics(
    self, default: str, values: Sequence[str] | None = None
  ) -> flags.FlagHolder[list[str] | None]:
    """The metrics; `default` says in words what `values` are."""
    return self._list(
      "metrics",
      None if values is None else list(values),
      "Metrics, separated by commas, or all; the first one orders the table. "
      f"`lead-rank metrics` lists them. Default: {default}.",
    )

  def data(self, default: str | None = None) -> flags.FlagHolder[str | None]:
    """The folder of data sets of an evaluation."""
    return self._text(
      "data",
      default,
      "Folder with one sub-folder per data set, named as in --ground_truth.",
    )

  def datasets(
    self, default: str = "all that --ground_truth knows"
  ) -> flags.FlagHolder[list[str]]:
    """Some of the data sets; `default` says in words which are taken if none is named."""
    return self._list(
      "datasets", [], f"Data sets to use, separated by commas. Default: {default}."
    )

  def duplicates(self) -> flags.FlagHolder[str]:
    """What is done with exact copies of an image."""
    return flags.DEFINE_enum(
      "duplicates",
      "once",
      ["once", "keep"],
      "Exact copies of an image: count each image once (not at all if its copies are in "
      "several classes), or keep all copies.",
      flag_values=self._values,
    )

  def ground_truth(self) -> flags.FlagHolder[str | None]:
    """The file of true accuracies."""
    return self._text(
      "ground_truth",
      None,
      "CSV file of accuracies after fine-tuning (columns model, dataset, accuracy) to "
      "compare with.",
    )

  def out(self, default: str) -> flags.FlagHolder[str]:
    """The folder of results."""
    return self._text("out", default, "Folder to write the results to.")

  def overwrite(self) -> flags.FlagHolder[bool]:
    """Whether other results may be replaced."""
    return self._bool(
      "overwrite",
      False,
      "Replace results in --out that were found with other settings. Stored features and "
      "scores stay.",
    )

  def shard(self) -> flags.FlagHolder[str | None]:
    """Which part of the run is done."""
    return self._text(
      "shard",
      None,
      "i/n: do the i-th of n parts (1/n to n/n), then what is left of the others, and "
      "write no results; all: do everything. The same command without it concludes. "
      "Default: the place in the SLURM array that the process belongs to, else all.",
    )

  def cache_dir(self) -> flags.FlagHolder[str | None]:
    """The store."""
    return self._text(
      "cache_dir",
      None,
      "Folder for stored features and scores, downloaded weights and compiled programs. "
      "Default: $LEAD_JAX_CACHE or ~/.cache/lead_jax.",
    )

  def data_dir(self) -> flags.FlagHolder[str | None]:
    """The folder of prepared tfds data sets."""
    return self._text(
      "data_dir",
      None,
      "Folder with prepared tfds data sets. Default: $TFDS_DATA_DIR or "
      "~/tensorflow_datasets.",
    )

  def weights_dir(self) -> flags.FlagHolder[str | None]:
    """The folder of weights that the user has."""
    return self._text(
      "weights_dir",
      None,
      "Folder to search first for weights of published models: files under their "
      "published names, NAME.safetensors or NAME.pth.",
    )

  def download(self, default: bool) -> flags.FlagHolder[bool]:
    """Whether what is missing may be downloaded."""
    return self._bool(
      "download", default, "Download what is published and not on this machine."
    )

  def check_weights(self) -> flags.FlagHolder[bool]:
    """Whether digests are compared."""
    return self._bool(
      "check_weights",
      True,
      "Verify downloaded weights against their published SHA-256.",
    )

  def network_budget(self) -> flags.FlagHolder[int]:
    """What an ONNX file may ask for."""
    return self._number(
      "network_budget",
      1,
      1,
      "How many times the usual memory, time and number of steps an ONNX file may ask "
      "for; raise it for files that you trust.",
    )

  def batch_size(self) -> flags.FlagHolder[int]:
    """The batch size of extraction."""
    return self._number(
      "batch_size", 64, 1, "Batch size in images. Does not change the scores."
    )

  def precision(self) -> flags.FlagHolder[str]:
    """The precision of the models' products."""
    return flags.DEFINE_enum(
      "precision",
      "float32",
      ["float32", "bfloat16"],
      "Precision of matrix products in the models; bfloat16 is faster on accelerators.",
      flag_values=self._values,
    )

  def seed(self) -> flags.FlagHolder[int]:
    """The seed."""
    return self._number("seed", 0, 0, "Seed of every random draw.")

  def samples(self) -> flags.FlagHolder[int]:
    """The number of resamples."""
    return self._number(
      "samples",
      2000,
      100,
      "Number of resamples and of random permutations.",
      most=1_000_000,
    )

  def draws(self) -> flags.FlagHolder[int]:
    """The number of random draws of a size."""
    return self._number(
      "draws", 5, 1, "Number of random draws of each size.", most=10_000
    )

  def _text(self, name: str, default: str | None, text: str):
    return flags.DEFINE_string(name, default, text, flag_values=self._values)

  def _list(self, name: str, default: list[str] | None, text: str):
    return flags.DEFINE_list(name, default, text, flag_values=self._values)

  def _bool(self, name: str, default: bool, text: str):
    return flags.DEFINE_bool(name, default, text, flag_values=self._values)

  def _number(
    self, name: str, default: int, least: int, text: str, most: int | None = None
  ):
    return flags.DEFINE_integer(
      name,
      default,
      text,
      lower_bound=least,
      upper_bound=most,
      flag_values=self._values,
    )


def chosen_cache_dir(given: str | None) -> pathlib.Path:
  """Returns the folder that `--cache_dir` names, or the default one."""
  return user_path(given or default_cache_dir())
