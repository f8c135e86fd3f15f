"""What the commands know of the terminal that they print on."""

import io
import os
import shutil
import sys

# For a stdout that has no such letters.
_ASCII = str.maketrans({"─": "-", "–": "-", "−": "-", "…": "...", "τ": "tau"})


def open_streams() -> None:
  """Gives a process whose stdout or stderr was closed (`>&-`) one that goes nowhere.

  Python has None for such a stream; and the next file to be opened would take its number,
  and with it what libraries print.
  """
  for name in ("stdout", "stderr"):
    if getattr(sys, name) is None:
      # For the rest of the process: there is no block to close it after.
      nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
      setattr(sys, name, nowhere)


def terminal() -> tuple[int, bool]:
  """Columns of stdout, and whether it takes colours."""
  # Switched off by any value but the empty one (no-color.org).
  color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
  # A pipe has no width: nothing is folded there that would fit in a line.
  columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 160
  return columns, color


def print_text(text: str) -> None:
  """Prints text; what the encoding of stdout has not, in ASCII or as question marks."""
  try:
    text.encode(sys.stdout.encoding or "utf-8")
  except UnicodeEncodeError:
    text = text.translate(_ASCII)
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="replace")
  print(text, flush=True)
