"""From what a user asks for to a plan; whatever can be known to be wrong is said here."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lead_jax.backbones import ModelSpec
from lead_jax.checks import InputError, check_arguments, equal_rows_line
from lead_jax.data import Copies, Dataset, SkippedEntry
from lead_jax.features import EXTRACTION_VERSION
from lead_jax.metrics import Metric
from lead_jax.results import Listener, Plan
from lead_jax.run._bench import labels_hash
from lead_jax.run._preflight import (
  checked_options,
  chosen_metrics,
  file_hash,
  read_truth,
)
from lead_jax.run._settings import Settings, settings_of
from lead_jax.run._sources import (
  Sources,
  find_sources,
  is_bundled,
  reference_key,
)
from lead_jax.run.certainty import stratified_halves


@check_arguments()
def plan(
  dataset: str | os.PathLike | Dataset = "digits",
  models: Sequence[str | ModelSpec] | None = None,
  metrics: str | Metric | Sequence[str | Metric] | None = None,
  *,
  cache_dir: str | os.PathLike | None = None,
  listener: Listener | None = None,
  **options: Any,
) -> Plan:
  """Makes the plan of a run: reads the data set and finds the models, computes nothing.

  Args:
    dataset, models, metrics: As `rank`.
    cache_dir: Where weights are looked for and kept.
    listener: Told of progress.
    **options: Fields of `Settings`.

  Returns:
    The plan; `work` works it off, here or, read from its JSON values, elsewhere.

  Raises:
    InputError: (a ValueError) If the data set, a name or an option is wrong.
  """
  listener = listener or Listener()
  settings = settings_of(options)
  chosen = chosen_metrics(metrics, reference=settings.reference)
  given = checked_options(chosen, settings.options)
  sources = find_sources(
    dataset, models, chosen, settings, cache_dir=cache_dir, listener=listener
  )
  data = sources.dataset
  bundled = is_bundled(data)
  truth = read_truth(settings.ground_truth, data.name, bundled=bundled)
  resamples, why_not = _resamples(settings, sources)
  paths = (settings.zoo, settings.ground_truth, *sources.model_files())
  reference, source_data = sources.reference, sources.source_data
  return Plan(
    dataset=describe_dataset(data, sources.copies),
    models=[spec.name for spec in sources.models],
    metrics=list(chosen),
    metric_facts={name: metric_facts(metric) for name, metric in chosen.items()},
    options=given,
    seed=settings.seed,
    precision=settings.precision,
    resamples=resamples,
    not_resampled=why_not,
    x64=bool(jnp.result_type(float) == jnp.float64),
    versions=[EXTRACTION_VERSION],
    reference=None if reference is None else reference.name,
    reference_features=reference_key(sources),
    source_data=None if source_data is None else source_data.fingerprint,
    files={str(path): file_hash(path) for path in paths if path is not None},
    ground_truth=truth,
    warnings=_warnings(
      sources, settings, truth, stranger=models is None and not bundled
    ),
    request=_request(dataset, models, metrics, settings, cache_dir),
    live=sources,
  )


def describe_dataset(dataset: Dataset, copies: Copies) -> dict[str, Any]:
  """Returns the facts of a data set that a plan holds.

  Args:
    dataset: Without the copies that were left out.
    copies: What was found of them.
  """
  counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
  out = copies.dropped
  copy = "copy" if out == 1 else "copies"
  said = [f"{out} exact {copy} left out"] if out else []
  return {
    "name": dataset.name,
    "split": dataset.split,
    "samples": len(dataset),
    "classes": len(dataset.class_names),
    "class_names": list(dataset.class_names),
    "class_sizes": [int(n) for n in counts],
    "fingerprint": dataset.fingerprint,
    "labels": labels_hash(dataset),
    "skipped": [dataclasses.asdict(entry) for entry in dataset.skipped],
    "left_out": [dataclasses.asdict(entry) for entry in dataset.left_out],
    "notes": [*dataset.notes, *said],
    "duplicates": copies.facts(),
  }


def metric_facts(metric: Metric) -> dict[str, Any]:
  """Returns what a metric is, in JSON values."""
  return {
    "description": metric.description,
    "unit": metric.unit,
    "larger_is_better": True,
    "random": metric.random,
    "relative_to_the_pool": metric.pool is not None,
    "needs": list(metric.needs),
    "uses": list(metric.uses),
    "least_per_class": metric.least_per_class,
    "least_ratio": metric.least_ratio,
    "cost": metric.cost,
    "identity": metric.identity(),
  }


def _resamples(settings: Settings, sources: Sources) -> tuple[int, str]:
  """How many random parts of the images are scored, and why none are."""
  first = next(iter(sources.metrics.values()))
  count = first.resamples if settings.resamples is None else settings.resamples
  if not count:
    return 0, ""
  if len(sources.models) < 2:
    return 0, "there is one model"
  data = sources.dataset
  try:
    stratified_halves(data.labels, data.class_names, seed=settings.seed)
  except InputError as error:
    return 0, str(error)
  return count, ""


def _warnings(
  sources: Sources,
  settings: Settings,
  truth: Mapping[str, Mapping[str, float]],
  *,
  stranger: bool,
) -> list[str]:
  """What a user should know before the work begins; `stranger`: to the bundled models."""
  data = sources.dataset
  found = [*data.warnings, *_alike(data.class_names)]
  if said := sources.copies.line():
    found.append(said)
  if data.features is not None and (said := equal_rows_line(data.name, data.features)):
    found.append(said)
  if missed := [entry for entry in data.skipped if not entry.stray]:
    found.append(_skipped_line(missed))
  if stranger and settings.zoo is None and data.features is None:
    found.append(
      "the bundled models were made for 8x8 digits and say little about other images: "
      "list your own in a zoo file"
    )
  elif settings.ground_truth is not None:
    known = truth.get(data.name, {})
    if sum(spec.name in known for spec in sources.models) < 2:
      found.append(
        "the ground truth has fewer than two of these models: no agreement is shown"
      )
  return found


def _skipped_line(entries: Sequence[SkippedEntry]) -> str:
  """What should have been images, or folders of images, and was left out."""
  first, count = entries[0], len(entries)
  more = f" and {count - 1} more (all in report.json)" if count > 1 else ""
  things = "file was" if count == 1 else "files were"
  if any(entry.files != 1 for entry in entries):
    things = "folder was" if count == 1 else "files and folders were"
  return f"{count} {things} left out: {first.path} ({first.reason}){more}"


def _alike(names: Sequence[str]) -> list[str]:
  """Says which classes have names that differ in nothing but case or spaces."""
  by_form: dict[str, list[str]] = {}
  for name in names:
    by_form.setdefault("".join(name.casefold().split()), []).append(name)
  return [
    f"the classes {' and '.join(map(repr, found))} are taken for different ones, although "
    "their names differ in capitals or spaces alone: give them one name if they are one"
    for found in by_form.values()
    if len(found) > 1
  ]


def _request(
  dataset: object,
  models: Sequence[str | ModelSpec] | None,
  metrics: object,
  settings: Settings,
  cache_dir: str | os.PathLike | None,
) -> dict[str, Any]:
  """How the run was asked for, as typed; and what of it has no name to be typed."""
  models = [models] if isinstance(models, str) else models
  asked = [metrics] if isinstance(metrics, str | Metric) else metrics
  typed: dict[str, Any] = {
    "dataset": dataset,
    "models": None if models is None else list(models),
    "metrics": None if asked is None else list(asked),  # type: ignore[call-overload]
    "cache_dir": cache_dir,
    **{
      name: getattr(settings, name)
      for name in (
        "zoo",
        "split",
        "duplicates",
        "batch_size",
        "ground_truth",
        "reference",
        "source_data",
        "data_dir",
        "weights_dir",
        "download",
        "check_weights",
        "network_budget",
        "command",
      )
    },
  }
  objects = []
  for name, value in typed.items():
    plain = _typed(value)
    typed[name] = plain
    if value is not None and (
      plain is None or (isinstance(plain, list) and None in plain)
    ):
      objects.append(name)
  return {**typed, "objects": objects}


def _typed(value: Any) -> Any:
  """Text, numbers and lists of them; None for an object."""
  if isinstance(value, list):
    return [_typed(item) for item in value]
  if isinstance(value, os.PathLike):
    return os.fspath(value)
  return value if isinstance(value, str | bool | int) else None
