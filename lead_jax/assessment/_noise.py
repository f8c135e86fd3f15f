"""How sure the true accuracies are, from what the ground truth and its user say."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lead_jax.checks import InputError
from lead_jax.evaluation import ScoreTable, deviation_of_test_set

# The columns that say how sure an accuracy is.
COLUMNS = ("deviation", "std", "seeds", "measure")

# By column, by data set, by model: what stands there.
Columns = Mapping[str, Mapping[str, Mapping[str, str]]]


class Noise(NamedTuple):
  """Standard deviations of the reported accuracies, in points.

  Attributes:
    deviation: [D, M]; NaN where nothing is known of it.
    source: By data set, where they come from, in words.
  """

  deviation: np.ndarray
  source: dict[str, str]


def check_columns(columns: Columns) -> None:
  """Says what is wrong with the columns before any work is done.

  Raises:
    InputError: If a cell is no number or out of range.
  """
  for name in ("deviation", "std", "seeds"):
    for dataset, cells in columns.get(name, {}).items():
      for model, text in cells.items():
        _number({name: text}, name, f"{model} on {dataset}")


def noise_of(
  table: ScoreTable,
  columns: Columns,
  images: Mapping[str, int],
  repeat: float | None,
) -> Noise:
  """Puts together the noise of every accuracy.

  In this order: the column `deviation`, of the reported number, as it stands; the column
  `std`, of one run, over the root of `seeds`; what the user says of one run (`repeat`),
  over the root of `seeds`. To the latter two the binomial deviation of a test set of that
  many images is added (as variances), where the size is known and the measure is top-1.

  Args:
    table: With the accuracies.
    columns: Of the ground-truth file, see `COLUMNS`.
    images: By data set, test images; 0 or missing where unknown.
    repeat: Deviation of one fine-tuning run repeated with another seed; None if unknown.

  Raises:
    InputError: If a cell of the columns is no number or out of range.
  """
  deviation = np.full(table.truth.shape, np.nan)
  source = {}
  for d, dataset in enumerate(table.datasets):
    said: list[str] = []
    for m, model in enumerate(table.models):
      if table.present[d, m]:
        one, words = _of_cell(
          float(table.truth[d, m]),
          {name: columns.get(name, {}).get(dataset, {}).get(model) for name in COLUMNS},
          f"{model} on {dataset}",
          images.get(dataset, 0),
          repeat,
        )
        deviation[d, m] = one
        said.append(words)
    source[dataset] = "; ".join(dict.fromkeys(said))
  return Noise(deviation, source)


def _of_cell(
  accuracy: float,
  cells: Mapping[str, str | None],
  where: str,
  images: int,
  repeat: float | None,
) -> tuple[float, str]:
  """Returns one deviation, and where it is from."""
  if (whole := _number(cells, "deviation", where)) is not None:
    return whole, "column deviation"
  seeds = _number(cells, "seeds", where)
  run, words = _number(cells, "std", where), "column std"
  if run is None:
    run, words = repeat, f"given noise {repeat:g}" if repeat is not None else ""
  variance = None
  if run is not None:
    variance = run**2 / (seeds or 1)
    words += (
      f" of one run, {seeds:g} run{'s' * (seeds != 1)}" if seeds else " of one run"
    )
  measure = (cells["measure"] or "top-1").lower()
  if images and measure.startswith("top-1") and 0 <= accuracy <= 100:
    binomial = float(deviation_of_test_set(np.array([accuracy]), images)[0])
    variance = (variance or 0.0) + binomial**2
    words += f"{' and ' if words else ''}{images} test images"
  return (math.nan, "unknown") if variance is None else (math.sqrt(variance), words)


def _number(cells: Mapping[str, str | None], name: str, where: str) -> float | None:
  if (text := cells[name]) is None:
    return None
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  least = 1 if name == "seeds" else 0
  if not math.isfinite(value) or value < least:
    raise InputError(f"{name} of {where} is {text!r}, not a number from {least} on")
  return value
