"""What a run is to do: a value made before any work, the same wherever it is done."""

import dataclasses
import functools
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax.checks import InputError, shown
from lead_jax.results._json import fits, json_values
from lead_jax.system import canonical_json, content_key


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
  """What is wanted of a run.

  Plans with the same `key` are the same run, whoever works them off and wherever their
  data lie: it is made of all that decides the results. Values are those of JSON.

  Attributes:
    dataset: Facts of the data set: `name`, `split`, `samples`, `classes`, `class_names`,
      `class_sizes`, `fingerprint` of the images, `labels` (their hash), `skipped` files,
      files `left_out`, `notes` of what was decided (see `data.Dataset`), and
      `duplicates`: exact copies (`data.Copies.facts`).
    models: Names, in the order asked for.
    metrics: Names, in the order asked for; the first one orders the table.
    metric_facts: By metric, what it is: `description`, `unit`, `cost`, `needs`, whether it
      is `random`, whether it is `relative_to_the_pool`, and `identity`, its version.
    options: By metric, the options that were given.
    seed: Seed of every random draw.
    precision: Of the products of the networks.
    resamples: Random parts of the images that the first metric scores for intervals; 0
      for none.
    not_resampled: Why there are none although they were asked for.
    x64: Whether the arithmetic is in 64 bits.
    versions: Of what makes features.
    reference: Name of the model that some metrics compare with.
    reference_features: Identity of that model's outputs on the data set.
    source_data: Fingerprint of the images that the models were pre-trained on.
    files: By path, the SHA-256 of a file that the results depend on.
    ground_truth: By data set, by model, the accuracy after fine-tuning, where known.
    warnings: What was noticed while the plan was made, one line each.
    request: How the run was asked for, as typed: `dataset`, `models`, `zoo`, `data_dir`
      and so on; what is needed to find the data set and the models again.
    live: The data set, models and metrics themselves, in the process that made the plan.
  """

  dataset: Mapping[str, Any]
  models: Sequence[str] = ()
  metrics: Sequence[str] = ()
  metric_facts: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  options: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
  seed: int = 0
  precision: str = "float32"
  resamples: int = 0
  not_resampled: str = ""
  x64: bool = False
  versions: Sequence[int] = ()
  reference: str | None = None
  reference_features: str | None = None
  source_data: str | None = None
  files: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
  ground_truth: Mapping[str, Mapping[str, float]] = dataclasses.field(
    default_factory=dict
  )
  warnings: Sequence[str] = ()
  request: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  live: Any = dataclasses.field(default=None, repr=False)

  def to_dict(self) -> dict[str, Any]:
    """Returns the plan as JSON values; `plan_from_dict` reads them back."""
    fields = (field.name for field in dataclasses.fields(self))
    content: dict[str, Any] = json_values(
      {name: getattr(self, name) for name in fields if name != "live"}
    )
    return content

  @functools.cached_property
  def key(self) -> str:
    """SHA-256 (hex) of all that decides the results, and of no place or path."""
    content = self.to_dict()
    del content["request"], content["warnings"]
    content["files"] = sorted(str(digest) for digest in self.files.values())
    for name in ("skipped", "left_out", "notes", "duplicates"):
      content["dataset"].pop(name, None)
    for facts in content["metric_facts"].values():
      # What cannot be hashed has another identity in every process.
      if (facts.get("identity") or {}).get("stable") is False:
        del facts["identity"]
    return content_key(plan=content)

  def __eq__(self, other: object) -> bool:
    """Whether both ask for the same, in the same words."""
    # As text: 2 and 2.0 are equal, and are not the same request.
    return isinstance(other, Plan) and (
      canonical_json(self.to_dict()) == canonical_json(other.to_dict())
    )

  def __hash__(self) -> int:
    return hash(self.key)


def plan_from_dict(content: Any) -> Plan:
  """Reads a plan from JSON values.

  Args:
    content: Of `Plan.to_dict`.

  Raises:
    InputError: If they are not those of a plan.
  """
  known = {field.name for field in dataclasses.fields(Plan)} - {"live"}
  data = content.get("dataset") if isinstance(content, Mapping) else None
  if not isinstance(content, Mapping) or not isinstance(data, Mapping):
    raise InputError("this is not a plan of lead_jax: it has no data set")
  if not isinstance(data.get("name"), str):
    raise InputError("this is not a plan of lead_jax: its data set has no name")
  if unknown := sorted(set(content) - known):
    raise InputError(
      f"the plan has an unknown field {unknown[0]!r}: it was made by another version"
    )
  hints = typing.get_type_hints(Plan)
  for name, value in content.items():
    if not fits(value, hints[name]):
      raise InputError(
        f"field {name!r} of the plan has the value {shown(value)}: it is damaged"
      )
  plan = Plan(**content)
  if not plan.metrics or plan.resamples < 0 or not _sound_sizes(data):
    raise InputError("the plan is damaged: its metrics, sizes or numbers are missing")
  if not isinstance(plan.request.get("objects", []), list):
    raise InputError("the plan is damaged: its request is not what was asked for")
  return plan


def _sound_sizes(dataset: Mapping[str, Any]) -> bool:
  """Whether sizes and names of classes, where they are given, belong to each other."""
  sizes, names = dataset.get("class_sizes", []), dataset.get("class_names", [])
  return (
    fits(sizes, Sequence[int])
    and fits(names, Sequence[str])
    and ("class_sizes" not in dataset or len(sizes) == len(names))
  )
