"""What the commands know of the terminal that they print on."""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator

from lead_jax.checks import printable

# For a stdout that has no such letters.
_ASCII = str.maketrans({"─": "-", "–": "-", "−": "-", "…": "...", "τ": "tau"})


class UnprintedError(Exception):
  """Stdout takes no more.

  Attributes:
    reason: What it said.
  """

  def __init__(self, reason: OSError):
    """Takes what stdout said."""
    super().__init__(str(reason))
    self.reason = reason


@contextlib.contextmanager
def _printing() -> Iterator[None]:
  """Tells what stdout says from what all other files say."""
  try:
    yield
  except OSError as error:
    raise UnprintedError(error) from error


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


def flush_streams() -> OSError | None:
  """Has all that was printed leave the process; returns why stdout takes no more.

  A stream that fails goes nowhere from then on: Python would complain of it when it ends.
  """
  lost = None
  for name in ("stdout", "stderr"):
    stream = getattr(sys, name)
    try:
      stream.flush()
    except (OSError, ValueError) as error:
      if name == "stdout":
        lost = error if isinstance(error, OSError) else None
      with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
  return lost


def complain(text: str) -> None:
  """Prints a line on stderr, if that takes any."""
  with contextlib.suppress(OSError, ValueError):
    print(text, file=sys.stderr, flush=True)


def terminal() -> tuple[int, bool]:
  """Columns of stdout, and whether it takes colours."""
  # Switched off by any value but the empty one (no-color.org).
  color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
  # A pipe has no width: nothing is folded there that would fit in a line.
  columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 160
  return columns, color


def print_text(text: str) -> None:
  """Prints text; what the encoding of stdout has not, in ASCII or as question marks.

  Nothing is printed that a terminal would obey, but colours where it takes them.
  """
  text = printable(text, color=terminal()[1])
  try:
    text.encode(sys.stdout.encoding or "utf-8")
  except UnicodeEncodeError:
    text = text.translate(_ASCII)
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="replace")
  with _printing():
    print(text, flush=True)


def print_bytes(content: bytes) -> None:
  """Prints text that is encoded already; a notebook's stdout, which takes text, as text.

  A terminal gets nothing that it would obey.
  """
  if sys.stdout.isatty():
    content = printable(content.decode(), color=False).encode()
  with _printing():
    sys.stdout.flush()
    if hasattr(sys.stdout, "buffer"):
      sys.stdout.buffer.write(content)
    else:
      sys.stdout.write(content.decode())
    sys.stdout.flush()
