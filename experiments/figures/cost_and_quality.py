"""Seconds of every metric against how well it ranks this zoo, with the Pareto front."""

from typing import Any

from experiments.figures import compared
from experiments.figures.material import Material
from lead_jax.assessment import RANDOM, MethodPoint, draw_cost, points_of


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau (mean over data sets, 95 % over networks) and seconds."""
  found = compared.summarised(material)
  rows: list[dict[str, Any]] = []
  for point in points_of(found):
    tau = found.row(point.method).measures["tau_w"]
    rows.append({**point._asdict(), "low": tau.low, "high": tau.high})
  chance = found.row(RANDOM).measures["tau_w"]
  rows.append(
    {
      "method": RANDOM,
      "kind": "chance",
      "tau": chance.mean,
      "seconds": 0.0,
      "low": chance.low,
      "high": chance.high,
    }
  )
  return rows


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws the evaluation's figure of costs."""
  *methods, chance = rows
  return draw_cost(
    [MethodPoint(r["method"], r["kind"], r["tau"], r["seconds"]) for r in methods],
    chance=(chance["low"], chance["high"]),
    baseline=compared.BASELINE,
  )
