"""One way to turn rich's tables into plain text."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from lead_jax.checks import printable

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
  from rich.segment import Segment

  class _Clean(Console):
    """Escape codes are its own alone: text has none when its pieces are put together."""

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
      for piece in super().render(renderable, options):
        text = piece.text if piece.control else printable(piece.text, color=False)
        yield Segment(text, piece.style, piece.control)

  return _Clean(
    file=file,
    width=width,
    force_terminal=color,
    no_color=not color,
    highlight=False,
    markup=False,
    emoji=False,
  )
