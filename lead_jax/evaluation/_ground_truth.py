"""True accuracies after fine-tuning, from a CSV that users can write themselves.

Columns `model`, `dataset`, `accuracy` (in percent) are needed; others (`measure`, `seeds`,
`std`, `deviation`, `protocol`, `source`, ...) may stand beside them and are read by name.
"""

from collections.abc import Mapping

from lead_jax.checks import check_arguments, shown
from lead_jax.readers import parse_csv


@check_arguments()
def ground_truth_table(text: str) -> dict[str, dict[str, float]]:
  """Reads the accuracies of all data sets.

  Args:
    text: Content of the CSV file.

  Returns:
    By data set, by model, the accuracy.

  Raises:
    ValueError: If a column is missing, a number is none or no percentage, or a model
      stands twice.
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
  for dataset, accuracies in table.items():
    _refuse_fractions(dataset, accuracies)
  return table


def _refuse_fractions(dataset: str, accuracies: Mapping[str, float]) -> None:
  """Refuses accuracies of which half or more are fractions, 0.91 for 91 %.

  Raises:
    ValueError: If they are.
  """
  small = [model for model, accuracy in accuracies.items() if 0 < accuracy <= 1]
  if len(accuracies) > 1 and 2 * len(small) >= len(accuracies):
    raise ValueError(
      f"ground truth of {shown(dataset)!r}: accuracies are in percent, but "
      f"{shown(small[0])!r} has {accuracies[small[0]]:g}"
      f"{f' and {len(small) - 1} more at most 1' if len(small) > 1 else ''}: write 91 for "
      "0.91"
    )


@check_arguments()
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
