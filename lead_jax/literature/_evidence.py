"""How well each ranking did where the truth is known: what a report may quote.

`tables/evidence.csv` was measured on networks that were really fine-tuned, by
`lead-evaluate`, and written by `experiments/evidence.py`. It
says nothing about other networks and other data than that they may be like these.
"""

import functools
import importlib.resources
from collections.abc import Mapping
from typing import NamedTuple

from lead_jax.readers import parse_csv

EVIDENCE_COLUMNS = (
  "ranking",
  "kind",
  "tau",
  "tau_low",
  "tau_high",
  "regret_1",
  "regret_3",
  "unscored",
  "networks",
  "datasets",
  "fewest_images",
  "most_images",
  "note",
)


class Evidence(NamedTuple):
  """What was measured of one ranking.

  Attributes:
    tau: Weighted Kendall with the fine-tuned accuracy, mean over the data sets; in
      [-1, 1], 1 is perfect.
    tau_low: Lower end of its 95 % bootstrap interval over networks; None where it does
      not depend on them (chance).
    tau_high: Its upper end.
    regret_1: Accuracy points lost by taking its first, mean over the data sets.
    regret_3: The same of the best of its first three.
    unscored: Networks, over all data sets, without a score, which rank last.
    networks: How many were ranked.
    datasets: Names.
    images: Fewest and most images that a data set had.
    note: What else a reader must know.
  """

  tau: float
  tau_low: float | None
  tau_high: float | None
  regret_1: float
  regret_3: float
  unscored: int
  networks: int
  datasets: tuple[str, ...]
  images: tuple[int, int]
  note: str


@functools.cache
def read_evidence() -> Mapping[str, Evidence]:
  """Returns the table: by metric, or by the name of a ranking that needs no data."""
  path = importlib.resources.files("lead_jax.literature") / "tables" / "evidence.csv"
  rows = parse_csv(path.read_text(encoding="utf-8"), path.name).rows
  optional = lambda text: float(text) if text else None
  return {
    row["ranking"]: Evidence(
      tau=float(row["tau"]),
      tau_low=optional(row["tau_low"]),
      tau_high=optional(row["tau_high"]),
      regret_1=float(row["regret_1"]),
      regret_3=float(row["regret_3"]),
      unscored=int(row["unscored"]),
      networks=int(row["networks"]),
      datasets=tuple(row["datasets"].split()),
      images=(int(row["fewest_images"]), int(row["most_images"])),
      note=row["note"],
    )
    for row in rows
  }
