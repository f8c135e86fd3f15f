"""Text of strangers and of exceptions, made fit for one line of a message.

File names, names inside files and what libraries say may hold line breaks, colours of a
terminal and marks that turn the direction of writing. None of them reaches a reader.
"""

import hashlib
import re
import shlex
from collections.abc import Iterable
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]+")
# Would turn the order of what stands after them.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")
# What a spreadsheet would compute; and what has got a mark before it already.
_FORMULA = re.compile("'*[=+\\-@\t\r\n].", re.DOTALL)
# Windows opens a device under these names, whatever their ending.
_DEVICE = re.compile(
  r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(\..*)?", re.IGNORECASE | re.DOTALL
)
_LONGEST = 180  # bytes, of 255: endings come after it


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

  The name is one on every system: not `.` nor `..`, which mean folders, not the empty one,
  none that Windows keeps for devices or whose end it drops, and not longer than a disk
  takes.
  """
  name = "".join(c if c.isalnum() or c in "-_." else "_" for c in text)
  if name.endswith("."):
    name = f"{name.rstrip('.')}{'_' * (len(name) - len(name.rstrip('.')))}"
  if _DEVICE.fullmatch(name):
    name = f"_{name}"
  if len(name.encode()) > _LONGEST:
    kept = name.encode()[: _LONGEST - 9].decode(errors="ignore")
    name = f"{kept}-{_brief_hash(text)}"
  return name or "_"


def file_names(texts: Iterable[str]) -> dict[str, str]:
  """Returns the name of a file for each text, no two the same on any disk.

  That of `file_name`; with a hash at its end where an earlier text has that name already,
  or has it but for large and small letters.
  """
  found: dict[str, str] = {}
  taken: set[str] = set()
  for text in texts:
    if text in found:
      continue
    name = file_name(text)
    if name.casefold() in taken:
      name = f"{name}-{_brief_hash(text)}"
    taken.add(name.casefold())
    found[text] = name
  return found


def _brief_hash(text: str) -> str:
  return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def csv_cell(text: str) -> str:
  """Returns text as a cell that no spreadsheet takes for a formula.

  What begins with `=`, `+`, `-`, `@`, a tab or a line's end and is no number has `'` before
  it, which spreadsheets take for text; `csv_text` takes it away.
  """
  if not _FORMULA.match(text):
    return text
  try:
    float(text)
  except ValueError:
    return f"'{text}"
  return text


def csv_text(cell: str) -> str:
  """Returns the text that `csv_cell` was given; other cells as they are."""
  return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def printable(text: str, *, color: bool) -> str:
  """Returns text of several lines with nothing in it that a terminal would obey.

  Args:
    text: With names of strangers in it.
    color: Whether escape codes for colours stay; a terminal obeys no other ones.
  """
  pieces = _COLOR.split(text) if color else [text]
  kept = ("\n".join(map(visible, piece.split("\n"))) for piece in pieces[::2])
  if not color:
    return next(kept)
  codes = [*pieces[1::2], ""]
  return "".join(plain + code for plain, code in zip(kept, codes, strict=True))


def visible(text: str) -> str:
  """Returns text on one line, without characters that no reader should be sent."""
  text = text.encode("utf-8", "replace").decode("utf-8")
  return _TURNING.sub("", _CONTROL.sub(" ", text))


def command_line(words: Iterable[str]) -> str:
  """Returns words as a command that a shell reads, all of it to be seen.

  What `visible` would change is written in bash's `$'\\x1b'`.
  """
  return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
  if visible(word) == word:
    return shlex.quote(word)
  letters = (
    chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}"
    for byte in word.encode("utf-8", "surrogateescape")
  )
  return f"$'{''.join(letters)}'"


def clean(text: str) -> str:
  """Returns `visible` text without spaces at the ends."""
  return visible(text).strip()
