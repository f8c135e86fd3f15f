"""Files of text, read within a budget and decoded as UTF-8.

A file that a user names may be anything: a folder, a device without an end, a picture, text
of another encoding. Each is one line that names the file and the remedy.
"""

import os
from collections.abc import Sequence
from typing import Any

from lead_jax.checks import InputError, one_line, shown
from lead_jax.readers._csv_text import CsvTable, parse_csv
from lead_jax.readers._encoding import decode_text
from lead_jax.readers._json_text import parse_json

# Bytes of a file of text, at most: far above what people write, far below a machine.
MOST_TEXT = 256 << 20


def read_bytes(path: str | os.PathLike, *, most: int = MOST_TEXT) -> bytes:
  """Reads a whole file of at most `most` bytes.

  Args:
    path: The file.
    most: Largest size in bytes.

  Raises:
    InputError: If it cannot be read, or is larger.
  """
  try:
    with open(path, "rb") as file:
      content = file.read(most + 1)
  except FileNotFoundError:
    raise InputError(f"{_named(path)}: there is no such file") from None
  except (OSError, ValueError, MemoryError) as error:  # ValueError: a name with NUL
    reason = getattr(error, "strerror", None) or one_line(error)
    raise InputError(f"{_named(path)} cannot be read ({reason})") from None
  if len(content) > most:
    raise InputError(f"{_named(path)} has more than {most >> 20} MiB: it is not read")
  return content


def read_text(path: str | os.PathLike, *, most: int = MOST_TEXT) -> str:
  """Reads a file of text; see `read_bytes` and `decode_text`."""
  return decode_text(read_bytes(path, most=most), _named(path))


def read_json(
  path: str | os.PathLike, *, finite: bool = True, most: int = MOST_TEXT
) -> Any:
  """Reads a JSON file.

  Args:
    path: The file.
    finite: Whether NaN and infinities are refused.
    most: Largest size in bytes.

  Returns:
    The value, as `parse_json` returns it.

  Raises:
    InputError: If it cannot be read, or is not JSON as `parse_json` takes it.
  """
  return parse_json(read_text(path, most=most), _named(path), finite=finite)


def read_csv(path: str | os.PathLike, *, columns: Sequence[str] = ()) -> CsvTable:
  """Reads a CSV file with a header.

  Args:
    path: The file.
    columns: Those that it must have.

  Raises:
    InputError: If it cannot be read, or is not a table as `parse_csv` takes it.
  """
  return parse_csv(read_text(path), _named(path), columns=columns)


def _named(path: str | os.PathLike) -> str:
  return shown(os.fspath(path), most=None)
