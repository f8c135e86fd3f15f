"""Which metrics rank this zoo alike: Kendall's tau between the rankings of any two."""

import itertools
from typing import Any

import numpy as np

from experiments.figures import compared
from experiments.figures.material import Material
from lead_jax.assessment import MethodPoint, agreements, draw_agreement, kind_of


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns Kendall's tau of every pair of methods, mean over data sets."""
  found = compared.collected(material)
  table = found.table
  methods = [
    name
    for name, scores in zip(table.methods, table.scores, strict=True)
    if np.isfinite(scores[table.present]).sum() > 1
  ]
  tau = agreements(table, methods)
  kind = lambda name: "metric" if name in found.metrics else "static"
  return [
    {
      "method": methods[a],
      "kind": kind(methods[a]),
      "other": methods[b],
      "other_kind": kind(methods[b]),
      "tau": tau[a, b],
    }
    for a, b in itertools.combinations(range(len(methods)), 2)
  ]


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws the evaluation's figure of agreement."""
  kind = {row["method"]: row["kind"] for row in rows}
  kind |= {row["other"]: row["other_kind"] for row in rows}
  names = list(kind)
  tau = np.eye(len(names))
  for row in rows:
    a, b = names.index(row["method"]), names.index(row["other"])
    tau[a, b] = tau[b, a] = row["tau"]
  looks = {name: kind_of(MethodPoint(name, kind[name], 0.0, 0.0)) for name in names}
  return draw_agreement(looks, tau)
