"""True accuracies after fine-tuning, from a CSV that users can write themselves.

Columns `model`, `dataset`, `accuracy` (in percent) are needed; others (`measure`, `seeds`,
`std`, `deviation`, `protocol`, `source`, ...) may stand beside them and are read by name.
"""

import csv
import io
import math


def ground_truth_table(text: str) -> dict[str, dict[str, float]]:
  """Reads the accuracies of all data sets.

  Args:
    text: Content of the CSV file.

  Returns:
    By data set, by model, the accuracy.

  Raises:
    ValueError: If a column is missing, a number is none, or a model stands twice.
  """
  reader = csv.DictReader(io.StringIO(text))
  needed = ("model", "dataset", "accuracy")
  if missing := [c for c in needed if c not in (reader.fieldnames or ())]:
    raise ValueError(f"ground truth has no column {missing[0]!r}")
  table: dict[str, dict[str, float]] = {}
  for line, row in enumerate(reader, start=2):
    try:
      accuracy = float(row["accuracy"])
    except (TypeError, ValueError):
      raise ValueError(
        f"ground truth line {line}: accuracy {row['accuracy']!r} is not a number"
      ) from None
    if not math.isfinite(accuracy):
      raise ValueError(f"ground truth line {line}: accuracy is {accuracy}")
    column = table.setdefault(row["dataset"], {})
    if row["model"] in column:
      raise ValueError(f"ground truth line {line}: model {row['model']!r} stands twice")
    column[row["model"]] = accuracy
  return table


def ground_truth_column(text: str, column: str) -> dict[str, dict[str, str]]:
  """Reads one more column of a ground-truth file.

  Args:
    text: Content of the CSV file, which `ground_truth_table` accepts.
    column: Its name; there need not be such a column.

  Returns:
    By data set, by model, what stands there; empty cells are missing.
  """
  found: dict[str, dict[str, str]] = {}
  for row in csv.DictReader(io.StringIO(text)):
    if value := (row.get(column) or "").strip():
      found.setdefault(row["dataset"], {})[row["model"]] = value
  return found
