"""CSV text with a header, as rows by column name.

What `checks.csv_cell` put before a text that a spreadsheet would compute is taken away.
"""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from lead_jax.checks import InputError, csv_text, shown


class CsvTable(NamedTuple):
  """A table of texts.

  Attributes:
    columns: Names, in the order of the file.
    rows: By column, what stands there; empty where a row is shorter.
    lines: By row, the line of the file that it ends on; from 1.
  """

  columns: tuple[str, ...]
  rows: list[dict[str, str]]
  lines: list[int]


def parse_csv(text: str, source: str, *, columns: Sequence[str] = ()) -> CsvTable:
  """Reads a table whose first line names the columns; empty lines are left out.

  Args:
    text: The text.
    source: What messages call it.
    columns: Those that it must have.

  Raises:
    InputError: If it is no CSV, a column is missing or there twice, or a row has more cells
      than there are columns.
  """
  if not isinstance(text, str):
    raise InputError(f"{source} must be the text of a CSV, got a {type(text).__name__}")
  reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
  rows, lines = [], []
  try:
    names = next(reader, [])
    for missing in (c for c in columns if c not in names):
      raise InputError(f"{source} has no column {missing!r}")
    if len(set(names)) < len(names):
      twice = next(name for name in names if names.count(name) > 1)
      raise InputError(f"{source} has two columns {shown(twice)!r}: remove one")
    for cells in reader:
      if not cells:
        continue
      if len(cells) > len(names):
        raise InputError(
          f"{source} line {reader.line_num} has {len(cells)} cells, there are "
          f"{len(names)} columns: put text with commas in quotes"
        )
      cells += [""] * (len(names) - len(cells))
      rows.append(dict(zip(names, map(csv_text, cells), strict=True)))
      lines.append(reader.line_num)
  except csv.Error as error:
    raise InputError(
      f"{source} line {reader.line_num} is not CSV ({shown(error)})"
    ) from None
  return CsvTable(tuple(names), rows, lines)
