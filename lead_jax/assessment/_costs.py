"""What ranking costs: seconds of scoring and of extraction, peak memory.

Seconds of a score are those measured when it was computed; the store keeps them. Seconds of
an extraction stand in the report of the run that did it and nowhere else, so they are kept
beside the reports (`costs.json`): a run that goes on, or comes again, still knows them.
"""

import contextlib
import dataclasses
import json
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lead_jax.readers import read_json
from lead_jax.results import ModelRow, Report
from lead_jax.system import UnwrittenError, sealed, unsealed, write_text

# By data set, by the hash of a model's weights.
Measured = dict[str, dict[str, dict[str, float]]]

COSTS_FILE = "costs.json"
_EXTRACT = "extract"
_PEAK = "peak_mib:"
# What a missing or damaged file of ours raises when it is read: costs are not essential.
_SPOILT = (OSError, ValueError, KeyError, TypeError, AttributeError)


class Cost(NamedTuple):
  """Wall time of scoring.

  Attributes:
    parts: Of a metric, scores that were computed; of a model, data sets.
    total: Of all of them, seconds.
    median: Of one of them, seconds.
  """

  parts: int
  total: float
  median: float


class Costs(NamedTuple):
  """What a whole evaluation costs.

  Attributes:
    metrics: By metric.
    models: By model, the scoring of all metrics.
    extraction: By model, over the data sets where it was measured; None if nowhere.
    extracted: How many pairs of model and data set have a measured extraction.
    pairs: How many there are.
    peak_mib: By stage, the largest resident memory of the process during that stage,
      where it was done and not taken from the store.
  """

  metrics: dict[str, Cost]
  models: dict[str, Cost]
  extraction: dict[str, float | None]
  extracted: int
  pairs: int
  peak_mib: dict[str, float]

  @property
  def extract_seconds(self) -> float | None:
    """Seconds of all extractions, once for all metrics; None unless all are known."""
    if self.extracted < self.pairs:
      return None
    return sum(s for s in self.extraction.values() if s is not None)


def costs(reports: Mapping[str, Report], measured: Measured) -> Costs:
  """Adds up the costs of finished runs.

  Args:
    reports: By data set.
    measured: What `remember` knows of each.
  """
  seconds: dict[str, list[float]] = {}
  models: dict[str, dict[str, float]] = {}
  extraction: dict[str, float | None] = {}
  peaks: dict[str, float] = {}
  extracted = pairs = 0
  for dataset, report in reports.items():
    for row in report.scores:
      of_model = models.setdefault(row.model, {})
      of_model[dataset] = of_model.get(dataset, 0.0) + row.seconds
      # What could not be scored took no measured time.
      if row.seconds > 0:
        seconds.setdefault(row.metric, []).append(row.seconds)
    known = measured.get(dataset, {})
    for model in report.models:
      facts = known.get(model.weights_hash or model.model, {})
      pairs += 1
      extraction.setdefault(model.model, None)
      if (spent := facts.get(_EXTRACT)) is not None:
        extracted += 1
        extraction[model.model] = (extraction[model.model] or 0.0) + spent
      for name, peak in facts.items():
        if name.startswith(_PEAK):
          stage = name.removeprefix(_PEAK)
          peaks[stage] = max(peaks.get(stage, 0.0), peak)
  return Costs(
    {name: _cost(found) for name, found in seconds.items()},
    {name: _cost(list(found.values())) for name, found in models.items()},
    extraction,
    extracted,
    pairs,
    peaks,
  )


def _cost(found: list[float]) -> Cost:
  return Cost(len(found), sum(found), statistics.median(found))


def measured_in(
  models: Sequence[ModelRow | Mapping[str, Any]],
) -> dict[str, dict[str, float]]:
  """Returns what a run measured itself, by the hash of the weights.

  Args:
    models: Rows of the report, or what its `report.json` holds of them.
  """
  found: dict[str, dict[str, float]] = {}
  for model in models:
    row = dataclasses.asdict(model) if isinstance(model, ModelRow) else model
    seconds, peaks = dict(row["seconds"]), dict(row["peak_memory_mib"])
    facts = {}
    if row["features_cached"]:
      # The stage only read the store.
      peaks.pop(_EXTRACT, None)
    elif _EXTRACT in seconds:
      facts[_EXTRACT] = float(seconds[_EXTRACT])
    facts |= {f"{_PEAK}{stage}": float(peak) for stage, peak in peaks.items()}
    found[row["weights_hash"] or row["model"]] = facts
  return found


def keep_earlier(folder: pathlib.Path) -> None:
  """Adds what `report.json` holds to `costs.json`, before a run replaces the report.

  Args:
    folder: Of a data set's results; need not exist.
  """
  try:
    content = read_json(folder / "report.json")
    fingerprint = str(content["plan"]["dataset"]["fingerprint"])
    found = measured_in(content["models"])
  except _SPOILT:
    return
  _add(folder, fingerprint, found)


def remember(folder: pathlib.Path, report: Report) -> dict[str, dict[str, float]]:
  """Adds what a run measured to `costs.json`, and returns all that is known.

  Args:
    folder: Of the data set's results, which exists; what was measured on other images is
      dropped.
    report: Of the run that was finished.
  """
  fingerprint = report.plan.dataset["fingerprint"]
  return _add(folder, fingerprint, measured_in(report.models))


def _add(
  folder: pathlib.Path, fingerprint: str, new: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
  """What is known of the images with that fingerprint, written where there is any."""
  known = _kept(folder / COSTS_FILE, fingerprint)
  for model, facts in new.items():
    known[model] = _merged(known.get(model, {}), facts)
  if known:
    content = sealed({"fingerprint": fingerprint, "models": known})
    # What is lost on a full disk is the memory of them; this run knows them.
    with contextlib.suppress(UnwrittenError):
      write_text(folder / COSTS_FILE, json.dumps(content, indent=1) + "\n")
  return known


def _kept(path: pathlib.Path, fingerprint: str) -> dict[str, dict[str, float]]:
  """What `costs.json` holds; nothing where it is missing, spoilt or of other images."""
  try:
    content = unsealed(read_json(path))
    if content["fingerprint"] != fingerprint:
      return {}
    return {
      model: {name: float(value) for name, value in facts.items()}
      for model, facts in content["models"].items()
    }
  except _SPOILT:
    return {}


def _merged(old: Mapping[str, float], new: Mapping[str, float]) -> dict[str, float]:
  """The latest extraction, and the largest peaks of all runs."""
  both = {**old, **new}
  for name in both:
    if name.startswith(_PEAK):
      both[name] = max(old.get(name, 0.0), new.get(name, 0.0))
  return both
