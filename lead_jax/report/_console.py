"""One way to turn rich's tables into plain text."""

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
  from rich.console import Console


def text_console(file: IO[str], *, width: int, color: bool) -> "Console":
  """Returns a console that writes to `file` as to a terminal of that width.

  Args:
    file: Where to.
    width: Columns.
    color: Whether escape codes may be used.
  """
  from rich.console import Console

  return Console(
    file=file,
    width=width,
    force_terminal=color,
    no_color=not color,
    highlight=False,
    markup=False,
    emoji=False,
  )
