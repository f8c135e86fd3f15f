"""Everything that a run can be told beside its data set, models and metrics."""

import dataclasses
import difflib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lead_jax.checks import InputError, check_fields, parameter, shown
from lead_jax.data import DUPLICATES

if TYPE_CHECKING:
  from lead_jax.backbones import ModelSpec
  from lead_jax.data import Dataset

# Fewer parts of the images than these do not say how scores vary.
_LEAST_RESAMPLES = 10
_MOST_RESAMPLES = 10_000
# Of a batch: more than any memory holds.
_MOST_IMAGES = 65_536
_PRECISIONS = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class Settings:
  """The options of `rank` and `plan`.

  Attributes:
    zoo: A zoo file (`zoo.json`) that lists models.
    split: `train`, `test` or `all`: which samples are scored. Recorded in the report.
    duplicates: What is done with exact copies of an image: `once`, count each image once
      (and not at all where its copies are of several classes), or `keep`, count them all.
    seed: Seed of every random draw; in [0, 2^63).
    options: By metric, its options: `{"lead": {"classifier": "lda"}}`.
    batch_size: Batch size in images, 1 to 65,536. Does not change the scores.
    ground_truth: CSV of true accuracies (see `evaluation.ground_truth_table`) to compare
      the ranking with; the bundled zoo on `digits` brings its own.
    reference: A model whose features of the data set `rsa` and `dds` compare with.
    source_data: Images of what the models were pre-trained on, named as the data set; for
      metrics that use the statistics of their features there (PED). All of its samples
      are used.
    data_dir: Where prepared tfds data sets are.
    weights_dir: Where weights of published networks are looked for first.
    download: Whether weights that are not on this machine are downloaded.
    check_weights: Whether downloaded weights are verified against their published
      SHA-256, where there is one.
    network_budget: How many times the usual memory, time and number of steps an ONNX
      file may ask for.
    precision: `float32`, or `bfloat16` for the products of the networks, which is faster
      on accelerators; scores differ a little, and are kept apart.
    resamples: Random parts of the images that the first metric scores beside all of them,
      for intervals of ranks; 0 for none, else at least 10. None for as many as the
      metric's entry in `METRICS` says.
    command: The command line that asks for this run, for the report.
  """

  zoo: str | os.PathLike | None = None
  split: str = "train"
  duplicates: str = "once"
  seed: int = 0
  options: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
  batch_size: int = 64
  ground_truth: str | os.PathLike | None = None
  reference: "str | ModelSpec | None" = None
  source_data: "str | os.PathLike | Dataset | None" = None
  data_dir: str | os.PathLike | None = None
  weights_dir: str | os.PathLike | None = None
  download: bool = True
  check_weights: bool = True
  network_budget: int = 1
  precision: str = "float32"
  resamples: int | None = None
  command: str = ""

  def __post_init__(self):
    if not _whole(self.seed) or not 0 <= self.seed < 2**63:
      raise InputError(f"seed must be a whole number in [0, 2^63), got {self.seed!r}")
    if not _whole(self.batch_size) or not 1 <= self.batch_size <= _MOST_IMAGES:
      raise InputError(
        f"batch_size must be a whole number above 0 and at most {_MOST_IMAGES}, got "
        f"{shown(repr(self.batch_size), most=30)}"
      )
    if not _whole(self.network_budget) or not 1 <= self.network_budget < 2**31:
      raise InputError(
        "network_budget must be a whole number above 0, got "
        f"{shown(repr(self.network_budget), most=30)}"
      )
    if self.precision not in _PRECISIONS:
      raise InputError(
        f"precision must be one of {_PRECISIONS}, got {self.precision!r}"
      )
    if self.duplicates not in DUPLICATES:
      raise InputError(
        f"{parameter('duplicates', self.duplicates)}: expected one of "
        f"{', '.join(DUPLICATES)}"
      )
    found = self.resamples
    if found is not None and not (
      _whole(found) and (found == 0 or _LEAST_RESAMPLES <= found <= _MOST_RESAMPLES)
    ):
      raise InputError(
        f"resamples must be 0 (none) or at least {_LEAST_RESAMPLES} and at most "
        f"{_MOST_RESAMPLES}, got {shown(repr(found), most=30)}"
      )
    from lead_jax.backbones import ModelSpec
    from lead_jax.data import Dataset

    check_fields(self, ModelSpec=ModelSpec, Dataset=Dataset)


def settings_of(options: Mapping[str, Any]) -> Settings:
  """Returns the settings that options name.

  Raises:
    InputError: If there is no such option, or a value is out of its bounds.
  """
  known = [field.name for field in dataclasses.fields(Settings)]
  for name in options:
    if name not in known:
      near = difflib.get_close_matches(name, known, n=1)
      hint = (
        f": did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
      )
      raise InputError(f"there is no option {name!r}{hint}")
  return Settings(**options)


def _whole(value: Any) -> bool:
  return isinstance(value, int) and not isinstance(value, bool)
