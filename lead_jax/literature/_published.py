"""What the papers printed: accuracies after fine-tuning, and how well metrics ranked.

Ground truth is LEAD's Tables 6 and 7 and Table 2 of PED's supplement; results are LEAD's
Tables 1 to 5 and Table 1 of PED's supplement. They are data, in `tables/*.csv`,
transcribed cell by cell. Models, data sets and methods have one spelling in all of them,
that of LEAD's Tables 6 and 7 and of `docs/published.md`, which also says what is known to
be wrong. Nothing in these files was computed by this package.

References:
  Hu et al., "LEAD: Exploring Logit Space Evolution for Model Selection", CVPR 2024.
  Li et al., "Exploring Model Transferability through the Lens of Potential Energy", ICCV
  2023, `arXiv 2308.15074 <https://arxiv.org/abs/2308.15074>`_.
"""

import csv
import importlib.resources
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

from lead_jax.checks import one_of
from lead_jax.evaluation import ground_truth_table
from lead_jax.readers import parse_csv

GROUND_TRUTH_VERSIONS = ("corrected", "printed")
GROUND_TRUTH_TABLES = {
  "6": "lead_table6.csv",
  "7": "lead_table7.csv",
  "ped2": "ped_table2.csv",
}
RESULT_TABLES = ("1", "2", "3", "4", "5", "ped1")
# The accuracies that the rankings of a table of results were compared with.
GROUND_TRUTH_OF = {"1": "6", "2": "7", "ped1": "ped2"}
# LEAD, Sec. 4.5: how many of the ten data sets stand behind a column of Table 3.
DATASETS_IN = {"100+ classes": 6, "10-99 classes": 4}


class PublishedCorrection(NamedTuple):
  """A misprinted cell of the self-supervised ground truth."""

  model: str
  dataset: str
  printed: float
  corrected: float
  source: str
  evidence: str


class PublishedResult(NamedTuple):
  """A cell of a table of results.

  `dataset` is a group of data sets in Table 3, `samples_per_class` is `None` where all
  samples were used, and `value` is `None` where the paper prints "-": no valid ranking.
  """

  table: str
  zoo: str
  method: str
  dataset: str
  samples_per_class: int | None
  measure: str
  value: float | None
  protocol: str
  source: str


class PublishedAverage(NamedTuple):
  """An average that a paper prints, beside that of the cells it prints."""

  table: str
  zoo: str
  method: str
  samples_per_class: int | None
  printed: float
  of_cells: float
  rounding: float  # half a unit of the last printed digit
  source: str

  @property
  def agrees(self) -> bool:
    """Whether the average of the cells, rounded as printed, is what is printed."""
    return abs(self.printed - self.of_cells) <= self.rounding + 1e-9


def _read(name: str) -> str:
  file = importlib.resources.files("lead_jax.literature") / "tables" / name
  return file.read_text(encoding="utf-8")


def _rows(name: str) -> list[dict[str, str]]:
  return parse_csv(_read(name), name).rows


def published_corrections() -> list[PublishedCorrection]:
  """Returns the five misprints that LEAD's Table 7 and PED's Table 2 share.

  The corrected values are those of the file that the authors' own evaluation reads.

  References:
    LEAD, Table 7; PED, supplement, Table 2; `tw.py
    <https://github.com/lixiaotong97/PED/blob/e5af6e7/tw.py>`_.
  """
  return [
    PublishedCorrection(
      row["model"],
      row["dataset"],
      float(row["printed"]),
      float(row["corrected"]),
      row["source"],
      row["evidence"],
    )
    for row in _rows("corrections.csv")
  ]


def published_ground_truth_csv(table: str, *, version: str = "corrected") -> str:
  """Returns published accuracies as a ground-truth file, for `--ground_truth=FILE`.

  Args:
    table: `6` (LEAD, supervised), `7` (LEAD, self-supervised) or `ped2` (PED's supplement,
      Table 2, self-supervised).
    version: `printed`, or `corrected` in the five cells of `published_corrections`.

  Returns:
    CSV text with the columns model, dataset, accuracy (in percent), measure, seeds,
    protocol, source and version.

  Raises:
    ValueError: If the table or the version is unknown.

  References:
    LEAD, Tables 6 and 7; PED, supplement, Table 2.
  """
  one_of("table", table, tuple(GROUND_TRUTH_TABLES))
  one_of("version", version, GROUND_TRUTH_VERSIONS)
  corrections = {(c.model, c.dataset): c for c in published_corrections()}
  rows = _rows(GROUND_TRUTH_TABLES[table])
  for row in rows:
    row["version"] = version
    found = corrections.get((row["model"], row["dataset"]))
    if version == "corrected" and found:
      row["accuracy"] = f"{found.corrected:.2f}"
      row["source"] = f"{row['source']}; corrected by {found.source}"
  text = io.StringIO()
  writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  return text.getvalue()


def published_ground_truth(
  table: str, *, version: str = "corrected"
) -> dict[str, dict[str, float]]:
  """Returns published accuracies after fine-tuning.

  Args:
    table: As in `published_ground_truth_csv`.
    version: As in `published_ground_truth_csv`.

  Returns:
    By data set, by model, the accuracy in percent, as `ground_truth_table` does.

  Raises:
    ValueError: If the table or the version is unknown.

  References:
    LEAD, Tables 6 and 7; PED, supplement, Table 2.
  """
  return ground_truth_table(published_ground_truth_csv(table, version=version))


def published_results(table: str) -> list[PublishedResult]:
  """Returns how well metrics ranked, as printed: no number here is ours.

  Args:
    table: `1` (LEAD, supervised), `2` (LEAD, self-supervised), `3` (LEAD, few samples per
      class), `4` (LEAD, running time), `5` (LEAD, other measures) or `ped1` (PED's
      supplement, Table 1).

  Returns:
    The cells in the order of the table; `METHOD+PED` is a method after PED's motion.

  Raises:
    ValueError: If the table is unknown.

  References:
    LEAD, Tables 1 to 5; PED, supplement, Table 1.
  """
  one_of("table", table, RESULT_TABLES)
  return [
    PublishedResult(
      table,
      row["zoo"],
      row["method"],
      row["dataset"],
      int(row["samples_per_class"]) if row["samples_per_class"] else None,
      row["measure"],
      float(row["value"]) if row["value"] else None,
      row["protocol"],
      row["source"],
    )
    for row in _rows("results.csv")
    if row["table"] == table
  ]


def published_averages(table: str) -> list[PublishedAverage]:
  """Returns the averages that the paper prints for a table of results.

  Those of Tables 1 and 2 stand in the text, those of Table 3 in its columns "Avg", where
  the six data sets of 100+ classes and the four of 10-99 count the same.

  Args:
    table: As in `published_results`; tables without printed averages have none.

  Returns:
    Each beside the average of the printed cells.

  Raises:
    ValueError: If the table is unknown.

  References:
    LEAD, Sec. 4.3 to 4.5 and Table 3.
  """
  cells = published_results(table)
  found = []
  for row in _rows("averages.csv"):
    if row["table"] != table:
      continue
    samples = int(row["samples_per_class"]) if row["samples_per_class"] else None
    mine = [
      cell
      for cell in cells
      if (cell.zoo, cell.method, cell.samples_per_class)
      == (row["zoo"], row["method"], samples)
    ]
    digits = len(row["value"].partition(".")[2])
    found.append(
      PublishedAverage(
        table,
        row["zoo"],
        row["method"],
        samples,
        float(row["value"]),
        mean_of_cells(mine),
        0.5 * 10.0**-digits,
        row["source"],
      )
    )
  return found


def mean_of_cells(cells: Sequence[PublishedResult]) -> float:
  """Returns the mean over data sets, a group of them counting as many as it has.

  NaN where a cell has no value: the paper prints "-" there too.
  """
  total = weight = 0.0
  for cell in cells:
    if cell.value is None:
      return math.nan
    count = DATASETS_IN.get(cell.dataset, 1)
    total, weight = total + count * cell.value, weight + count
  return total / weight if weight else math.nan
