"""True accuracies after fine-tuning, from a CSV that users can write themselves.

Columns `model`, `dataset`, `accuracy` (in percent) are needed; `measure`, `protocol`,
`seeds`, `source` and others are carried along by the files but not read here.
"""

import csv
import io
import math
from collections.abc import Iterable


def parse_ground_truth(text: str, dataset: str) -> dict[str, float]:
  """Reads the accuracies of one data set.

  Args:
    text: Content of the CSV file.
    dataset: Name of the data set; rows of others are passed over.

  Returns:
    Accuracy by model; empty if the file has no row of that data set.

  Raises:
    ValueError: If a column is missing, a number is none, or a model stands twice.
  """
  reader = csv.DictReader(io.StringIO(text))
  needed = ("model", "dataset", "accuracy")
  if missing := [c for c in needed if c not in (reader.fieldnames or ())]:
    raise ValueError(f"ground truth has no column {missing[0]!r}")
  found: dict[str, float] = {}
  for line, row in enumerate(reader, start=2):
    if row["dataset"] != dataset:
      continue
    try:
      accuracy = float(row["accuracy"])
    except (TypeError, ValueError):
      raise ValueError(
        f"ground truth line {line}: accuracy {row['accuracy']!r} is not a number"
      ) from None
    if not math.isfinite(accuracy):
      raise ValueError(f"ground truth line {line}: accuracy is {accuracy}")
    if row["model"] in found:
      raise ValueError(f"ground truth line {line}: model {row['model']!r} stands twice")
    found[row["model"]] = accuracy
  return found


def datasets_of(text: str) -> Iterable[str]:
  """Returns the names of the data sets of a ground-truth file, sorted."""
  return sorted(
    {row["dataset"] for row in csv.DictReader(io.StringIO(text)) if row["dataset"]}
  )
