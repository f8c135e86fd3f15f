"""Numbers as the tables write them: `0.813`, `-0.04`, `0.52 … 0.91`; `–` for none."""

import math

NONE = "–"


def number(value: float, sign: str = "", digits: int = 3) -> str:
  """Returns a number with that many digits after its point."""
  if math.isnan(value):
    return NONE
  # No minus before what rounds to 0.
  return f"{round(value, digits) + 0.0:{sign}.{digits}f}"


def interval(low: float, high: float, sign: str = "") -> str:
  """Returns both ends with two digits."""
  if math.isnan(low) or math.isnan(high):
    return NONE
  return f"{number(low, sign, 2)} … {number(high, sign, 2)}"


def places(low: float, high: float) -> str:
  """Returns a range of places, `1–7`."""
  if math.isnan(low):
    return NONE
  return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"


def share(value: float) -> str:
  """Returns a share in percent; what is not quite never says so."""
  if math.isnan(value):
    return NONE
  return (
    "" if value == 0 else "<1 %" if value < 0.01 else f"{value:.0%}".replace("%", " %")
  )


def seconds(value: float) -> str:
  """Returns seconds with two digits that mean something."""
  if value < 0.095:
    return f"{value:.4f}" if 0 < value < 0.0095 else f"{value:.2f}"
  return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def lines(table: list[list[str]], left: set[int]) -> list[str]:
  """Lines a table's columns up.

  Args:
    table: Cells by row; all rows are of one length.
    left: Columns that are set left; the others are set right.
  """
  widths = [max(map(len, column)) for column in zip(*table, strict=True)]
  return [
    "  ".join(
      cell.ljust(width) if i in left else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ).rstrip()
    for row in table
  ]
