"""True accuracies after fine-tuning, from a CSV that users can write themselves.

Columns `model`, `dataset`, `accuracy` (in percent) are needed; others (`measure`, `seeds`,
`std`, `deviation`, `protocol`, `source`, ...) may stand beside them and are read by name.
"""

from lead_jax.checks import shown
from lead_jax.readers import parse_csv


def ground_truth_table(text: str) -> dict[str, dict[str, float]]:
  """Reads the accuracies of all data sets.

  Args:
    text: Content of the CSV file.

  Returns:
    By data set, by model, the accuracy.

  Raises:
    ValueError: If a column is missing, a number is none, or a model stands twice.
  """
  needed = ("model", "dataset", "accuracy")
  read = parse_csv(text, "ground truth", columns=needed)
  table: dict[str, dict[str, float]] = {}
  for line, row in zip(read.lines, read.rows, strict=True):
    for column in ("model", "dataset"):
      if not row[column].strip():
        raise ValueError(f"ground truth line {line}: there is no {column}")
    try:
      accuracy = float(row["accuracy"])
    except ValueError:
      raise ValueError(
        f"ground truth line {line}: accuracy {shown(row['accuracy'], most=40)!r} is not a "
        "number"
      ) from None
    if not 0 <= accuracy <= 100:
      raise ValueError(
        f"ground truth line {line}: accuracy is {accuracy:g}, not in percent, [0, 100]"
      )
    accuracies = table.setdefault(row["dataset"], {})
    if row["model"] in accuracies:
      raise ValueError(
        f"ground truth line {line}: model {shown(row['model'])!r} stands twice"
      )
    accuracies[row["model"]] = accuracy
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
  for row in parse_csv(text, "ground truth", columns=("model", "dataset")).rows:
    if value := row.get(column, "").strip():
      found.setdefault(row["dataset"], {})[row["model"]] = value
  return found
