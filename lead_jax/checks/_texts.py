"""Text of strangers and of exceptions, made fit for one line of a message.

File names, names inside files and what libraries say may hold line breaks, colours of a
terminal and marks that turn the direction of writing. None of them reaches a reader.
"""

import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]+")
# Would turn the order of what stands after them.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shown(text: Any, *, most: int | None = 200) -> str:
  """Returns a stranger's text as one line in which nothing is hidden.

  Args:
    text: Anything that has a `str`.
    most: Letters that are kept; None for all.

  Returns:
    Words with single spaces between them; each character that cannot be printed is `?`.
  """
  line = " ".join(str(text).split())[:most]
  return "".join(letter if letter.isprintable() else "?" for letter in line)


def one_line(
  error: BaseException, *, most: int | None = None, with_type: bool = False
) -> str:
  """Returns what an exception says as one line, as `shown` does.

  Args:
    error: Where it says nothing, the line is the name of its type.
    most: Letters that are kept; None for all.
    with_type: Whether the type stands before the text, for one that nobody expected.
  """
  kind, text = type(error).__name__, shown(error, most=most)
  if with_type and text:
    return f"{kind}: {text}"
  return text or kind


def file_name(text: str) -> str:
  """Returns text as the name of a file: letters, digits and `-_.`; `_` for all else.

  Names that mean a folder, `.` and `..`, are no names of files, nor is the empty one.
  """
  name = "".join(c if c.isalnum() or c in "-_." else "_" for c in text)
  return name if name.strip(".") else "_" * max(1, len(name))


def visible(text: str) -> str:
  """Returns text on one line, without characters that no reader should be sent."""
  text = text.encode("utf-8", "replace").decode("utf-8")
  return _TURNING.sub("", _CONTROL.sub(" ", text))


def clean(text: str) -> str:
  """Returns `visible` text without spaces at the ends."""
  return visible(text).strip()
