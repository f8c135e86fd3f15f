"""The evaluation as CSV and JSON: everything, for whoever reads on."""

import csv
import io
import math
from typing import Any

import numpy as np

from lead_jax.assessment import _verdict as verdict
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._leaving_out import Stability
from lead_jax.assessment._method_summary import MEASURES, Estimate, Row, Summary
from lead_jax.checks import csv_cell


def as_csv(summary: Summary, collected: Collected) -> str:
  """Returns one line per method; no value is an empty field."""
  text = io.StringIO()
  rows = [_flat(row, collected) for row in summary.rows]
  writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
  writer.writeheader()
  for row in rows:
    writer.writerow({key: _cell(value) for key, value in row.items()})
  return text.getvalue()


def _cell(value: Any) -> Any:
  """Nothing for None and NaN; text as no spreadsheet would compute it."""
  if _is_none(value):
    return ""
  return csv_cell(value) if isinstance(value, str) else value


def _flat(row: Row, collected: Collected) -> dict[str, Any]:
  flat: dict[str, Any] = {"place": row.place, "method": row.method, "kind": row.kind}
  for name in MEASURES:
    flat |= _ends(name, row.measures[name])
  for name, found in (("", row.standing), ("wide_", row.wide_standing)):
    flat |= {f"{name}place_low": found.low, f"{name}place_high": found.high}
    flat[f"{name}best_share"] = found.best
  flat |= _ends("difference", row.difference) | _ends("to_best", row.to_best)
  flat |= {
    "p": row.p,
    "p_holm": row.p_holm,
    "failures": row.failures,
    "tau_w_scored": row.scored,
  }
  extraction = collected.costs.extract_seconds
  cost = row.cost
  flat["seconds"] = None if cost is None else cost.total
  flat["seconds_median"] = None if cost is None else cost.median
  alone = None if cost is None or extraction is None else cost.total + extraction
  flat["seconds_with_extraction"] = alone
  flat |= {f"tau_w:{name}": value for name, value in row.by_dataset.items()}
  return flat | {"reason": row.reason}


def _ends(name: str, found: Estimate) -> dict[str, float]:
  ends = {f"{name}_{end}": getattr(found, end) for end in Estimate._fields[1:]}
  return {name: found.mean, **ends}


def _is_none(value: Any) -> bool:
  return value is None or (isinstance(value, float) and math.isnan(value))


def as_json(
  summary: Summary, collected: Collected, stable: Stability, command: str
) -> dict[str, Any]:
  """Returns everything, with None in place of what is no number."""
  found = collected.costs
  return _plain(
    {
      "command": command,
      "baseline": summary.baseline,
      "samples": summary.samples,
      "seed": summary.seed,
      "datasets": {
        name: {
          "samples": collected.samples[name][0],
          "classes": collected.samples[name][1],
        }
        for name in collected.table.datasets
      },
      "models": list(collected.table.models),
      "truth": np.asarray(collected.table.truth).tolist(),
      "rows": [_row(row) for row in summary.rows],
      "ceiling": summary.ceiling,
      "noise": summary.noise,
      "ties": {name: one._asdict() for name, one in summary.ties.items()},
      "stability": {k: [one._asdict() for one in v] for k, v in stable.items()},
      "costs": {
        "metrics": {name: one._asdict() for name, one in found.metrics.items()},
        "models": {name: one._asdict() for name, one in found.models.items()},
        "extraction": found.extraction,
        "extraction_seconds": found.extract_seconds,
        "extractions_measured": found.extracted,
        "extractions": found.pairs,
        "peak_mib": found.peak_mib,
      },
      "remarks": collected.remarks,
      "notes": collected.notes,
      "not_told_from_the_best": [
        row.method for row in verdict.tied_with_the_best(summary)
      ],
      "conclusion": verdict.verdict(summary),
    }
  )


def _row(row: Row) -> dict[str, Any]:
  whole = row._asdict()
  whole["measures"] = {name: one._asdict() for name, one in row.measures.items()}
  for name in ("standing", "wide_standing", "difference", "to_best", "cost"):
    part = getattr(row, name)
    whole[name] = None if part is None else part._asdict()
  return whole


def _plain(value: Any) -> Any:
  if isinstance(value, dict):
    return {key: _plain(one) for key, one in value.items()}
  if isinstance(value, list | tuple):
    return [_plain(one) for one in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
