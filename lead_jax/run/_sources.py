"""The data set, models and metrics of a run themselves: from what was asked for."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lead_jax.backbones import (
  Backbone,
  ModelSpec,
  ReadyFeatures,
  doubting_input,
  resolve_models,
  with_precision,
)
from lead_jax.backbones.catalogue import WeightSources
from lead_jax.checks import InputError
from lead_jax.data import (
  Copies,
  Dataset,
  count_once,
  load_dataset,
  load_digits_dataset,
)
from lead_jax.metrics import Metric
from lead_jax.results import Listener, Plan
from lead_jax.run._bench import check_rows, labels_hash, outputs_key
from lead_jax.run._copies_of_run import with_rows
from lead_jax.run._preflight import file_hash, planned_metrics
from lead_jax.run._settings import Settings

_FEATURES = "features:"


@dataclasses.dataclass(frozen=True)
class Sources:
  """What a plan is about, in this process.

  Attributes:
    dataset: What is scored.
    models: Not yet loaded.
    metrics: By name.
    reference: A loaded model that some metrics compare with.
    source_data: Images of what the models were pre-trained on.
    batch_size: Batch size in images.
    said: What was noticed while weights were looked for; grows as models are loaded.
    copies: Exact copies among the images, and what became of them.
  """

  dataset: Dataset
  models: Sequence[ModelSpec]
  metrics: Mapping[str, Metric]
  reference: Backbone | ReadyFeatures | None
  source_data: Dataset | None
  batch_size: int
  said: list[str]
  copies: Copies

  def model_files(self) -> list[str]:
    """Returns files that models are made of and that their names say: weights, features."""
    names = [spec.name for spec in self.models]
    names += [] if self.reference is None else [self.reference.name]
    ready = [n.removeprefix(_FEATURES) for n in names if n.startswith(_FEATURES)]
    weights = [n for n in names if "=" in n and not n.startswith(_FEATURES)]
    return ready + [name.partition("=")[2] for name in weights]


def find_sources(
  dataset: str | os.PathLike | Dataset,
  models: Sequence[str | ModelSpec] | None,
  metrics: Mapping[str, Metric],
  settings: Settings,
  *,
  cache_dir: str | os.PathLike | None,
  listener: Listener,
) -> Sources:
  """Finds the data set and the models; reads images' headers, no weights.

  Raises:
    InputError: If something is not there, or is not what it should be.
  """
  said: list[str] = []
  weights = WeightSources(
    settings.weights_dir,
    cache_dir,
    settings.download,
    settings.check_weights,
    _both(said.append, listener.warned),
    settings.network_budget,
  )
  resolved = resolve_models(models, settings.zoo, weights)
  loaded = _load(dataset, settings.split, settings, listener)
  data, copies = count_once(loaded, keep=settings.duplicates == "keep")
  specs = [
    with_rows(
      doubting_input(with_precision(spec, settings.precision), weights.warn),
      copies,
      said.append,
    )
    for spec in resolved
  ]
  if data.features is not None and models is None and settings.zoo is None:
    # A data set that brings its features is ranked against nothing, but scored.
    ready = ReadyFeatures(data.name, data.features, None, data.fingerprint)
    specs = [ModelSpec(data.name, lambda: ready)]
  source_data = None
  if settings.source_data is not None:
    source_data = _load(settings.source_data, "all", settings, listener)
  reference = _load_reference(settings, data, weights, copies)
  return Sources(
    data, specs, metrics, reference, source_data, settings.batch_size, said, copies
  )


def sources_of(plan: Plan, listener: Listener) -> Sources:
  """Returns the sources of a plan: those it was made with, or found again.

  Args:
    plan: A plan.
    listener: Told of progress.

  Raises:
    InputError: If the plan comes from another process and names objects of that one, or
      the data set or the models are not there any more, or have changed.
  """
  if isinstance(plan.live, Sources):
    return plan.live
  request = plan.request
  if not {"dataset", "models"} <= set(request):
    raise InputError(
      "the plan does not say where its data set and models are: make it again"
    )
  if objects := request.get("objects"):
    raise InputError(
      f"the plan's {objects[0]} was given as an object, not by its name: make the plan "
      "again in this process"
    )
  known = {field.name for field in dataclasses.fields(Settings)}
  options = {name: value for name, value in request.items() if name in known}
  found = find_sources(
    request["dataset"],
    request["models"],
    planned_metrics(plan),
    Settings(**options, seed=plan.seed, options=plan.options, precision=plan.precision),
    cache_dir=request.get("cache_dir"),
    listener=listener,
  )
  _refuse_changes(plan, found)
  return found


def _refuse_changes(plan: Plan, found: Sources) -> None:
  """Says that what was planned is not what is there now."""
  identities = [metric.identity() for metric in found.metrics.values()]
  planned_identities = [
    plan.metric_facts.get(name, {}).get("identity") for name in plan.metrics
  ]
  source = None if found.source_data is None else found.source_data.fingerprint
  checks = (
    ("data set", plan.dataset.get("fingerprint"), found.dataset.fingerprint),
    ("labels of the data set", plan.dataset.get("labels"), labels_hash(found.dataset)),
    ("list of models", list(plan.models), [spec.name for spec in found.models]),
    ("metrics", planned_identities, identities),
    ("source data", plan.source_data, source),
    ("reference", plan.reference_features, reference_key(found)),
    ("files", dict(plan.files), {path: file_hash(path) for path in plan.files}),
  )
  for what, planned, here in checks:
    if planned != here:
      raise InputError(f"the {what} changed since the plan was made: make it again")


def reference_key(sources: Sources) -> str | None:
  """Returns the identity of the reference's outputs on the data set."""
  reference = sources.reference
  return None if reference is None else outputs_key(reference, sources.dataset)


def is_bundled(dataset: Dataset) -> bool:
  """Returns whether this really is the bundled data, not something else of that name."""
  if dataset.name != "digits":
    return False
  parts = (load_digits_dataset(part) for part in ("train", "test", "all"))
  return dataset.fingerprint in {part.fingerprint for part in parts}


def _load(
  dataset: str | os.PathLike | Dataset,
  split: str,
  settings: Settings,
  listener: Listener,
) -> Dataset:
  if isinstance(dataset, Dataset):
    return dataset
  listener.reading(os.fspath(dataset))
  return load_dataset(dataset, split=split, data_dir=settings.data_dir)


def _load_reference(
  settings: Settings, dataset: Dataset, weights: WeightSources, copies: Copies
) -> Backbone | ReadyFeatures | None:
  """The model to compare with; whatever is wrong with it is said before any work."""
  reference = settings.reference
  if reference is None:
    return None
  specs = resolve_models([reference], settings.zoo, weights)
  if len(specs) != 1:
    raise InputError(f"the reference is one model, {reference!r} names {len(specs)}")
  spec = with_precision(specs[0], settings.precision)
  loaded = with_rows(spec, copies, lambda line: None).load()
  if isinstance(loaded, ReadyFeatures):
    check_rows(loaded, dataset)
  return loaded


def _both(*told: Callable[[str], Any]) -> Callable[[str], None]:
  def tell(message: str) -> None:
    for one in told:
      one(message)

  return tell
