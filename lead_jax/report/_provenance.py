"""What was run: all that somebody needs to know to run it again and get the same."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from lead_jax.report._words import clean, interval, plural
from lead_jax.results import PENDING, Report

_MOST = 30


@dataclasses.dataclass(frozen=True)
class Section:
  """Facts of one kind.

  Attributes:
    title: A word or two.
    facts: Pairs of a name and a value, both on one line.
    long: Whether few will read it.
  """

  title: str
  facts: Sequence[tuple[str, str]]
  long: bool = False


def provenance(report: Report) -> list[Section]:
  """Returns the facts, those that there are."""
  sections = [
    Section("Data", _data(report)),
    Section("Run", _run(report)),
    Section("Software and machine", _machine(report)),
    Section("The networks and their weights", _networks(report), long=True),
    Section("Files (SHA-256)", _files(report), long=True),
  ]
  return [section for section in sections if section.facts]


def _pairs(*found: tuple[str, Any]) -> list[tuple[str, str]]:
  return [(name, clean(str(value))) for name, value in found if value not in ("", None)]


def _data(report: Report) -> list[tuple[str, str]]:
  data = report.dataset
  class_names = list(data.get("class_names", ()))
  shown = ", ".join(class_names[:_MOST])
  if len(class_names) > _MOST:
    shown += f" and {len(class_names) - _MOST} more"
  sizes = list(data.get("class_sizes", ()))
  facts = _pairs(
    ("name", data.get("name")),
    ("split", data.get("split")),
    ("images", data.get("samples")),
    ("classes", data.get("classes")),
    ("class names", shown),
    ("images per class", _range(sizes)),
    ("decided on reading", "; ".join(map(str, data.get("notes", ())))),
    ("fingerprint", data.get("fingerprint")),
    ("fingerprint of the labels", data.get("labels")),
  )
  if skipped := list(data.get("skipped", ())):
    shown = "; ".join(f"{one['path']} ({one['reason']})" for one in skipped[:_MOST])
    if len(skipped) > _MOST:
      shown += f"; {len(skipped) - _MOST} more in report.json"
    facts += _pairs(("left out", f"{plural(len(skipped), 'file')}: {shown}"))
  return facts


def _range(sizes: Sequence[int]) -> str:
  if not sizes:
    return ""
  low, high = min(sizes), max(sizes)
  return str(low) if low == high else f"{low} to {high}"


def _run(report: Report) -> list[tuple[str, str]]:
  plan = report.plan
  done = sum(row.status != PENDING for row in report.models)
  options = {k: v for k, v in plan.options.items() if v}
  facts = _pairs(
    ("started", report.environment.get("started")),
    ("models", f"{done} of {len(plan.models)}"),
    ("metrics", ", ".join(report.metrics)),
    ("seed", plan.seed),
    (
      "options",
      json.dumps(options, ensure_ascii=False) if options else "as by default",
    ),
    ("precision of the networks", plan.precision),
    ("64-bit arithmetic", "yes" if plan.x64 else "no"),
    ("reference network", plan.reference),
    ("source data", plan.source_data),
  )
  if report.certainty is not None and not report.certainty.reason:
    certainty = report.certainty
    parts = f"{certainty.draws} of {certainty.images} images"
    facts += _pairs(("random parts scored", parts))
  return facts


def _machine(report: Report) -> list[tuple[str, str]]:
  found = report.environment
  versions = dict(found.get("versions", {}))
  return _pairs(
    *versions.items(),
    ("device", found.get("device")),
    ("platform", found.get("platform")),
  )


def _networks(report: Report) -> list[tuple[str, str]]:
  facts = []
  for row in report.models:
    parts = [
      row.architecture,
      row.pretraining and f"pre-trained on {row.pretraining}",
      row.feature_dim and f"{row.feature_dim} features",
      row.input_range and f"input range {interval(*row.input_range)}",
      row.licence and f"licence: {row.licence}",
      row.source and f"from {row.source}",
      row.weights_hash and f"SHA-256 {row.weights_hash}",
    ]
    if text := "; ".join(
      clean(part) for part in parts if isinstance(part, str) and part
    ):
      facts.append((clean(row.model), text))
  return facts


def _files(report: Report) -> list[tuple[str, str]]:
  files = report.plan.files
  return [(clean(path), digest or "not readable") for path, digest in files.items()]
