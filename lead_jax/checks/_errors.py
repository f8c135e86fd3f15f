"""The one exception for what a user can put right.

A message names parameters by `parameter`. Python callers read them as Python
(`reference=`), the commands as flags (`--reference`): the text is written once.
"""

import contextlib
import json
import os
import re
import shlex
from collections.abc import Iterator
from typing import Any

# A mention of a parameter inside a message: private-use characters around JSON.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MENTION = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)
# Blocks of `naming_flags` that are open. Of the process, not of a context: a warning of a
# worker's thread is for the same reader.
_naming: list[None] = []


class InputError(ValueError):
  """Something outside the program is wrong; the message names it and the remedy.

  The commands print it as one line and exit with code 2; Python callers catch it as a
  `ValueError`. `str` names parameters as `reference=`, inside `naming_flags` as
  `--reference`.

  Attributes:
    marked: The message with its mentions of parameters as `parameter` wrote them: what a
      message that quotes this one is made of.
  """

  def __init__(self, message: str = ""):
    """Takes the message, in which `parameter` may have named parameters."""
    super().__init__(message)
    self.marked = message

  def __str__(self) -> str:
    return (name_flags if _naming else name_parameters)(self.marked)

  def __repr__(self) -> str:
    return f"{type(self).__name__}({str(self)!r})"


@contextlib.contextmanager
def naming_flags() -> Iterator[None]:
  """Has errors name flags meanwhile, in all threads, for a reader who gave flags."""
  _naming.append(None)
  try:
    yield
  finally:
    _naming.pop()


def parameter(name: str, *value: Any) -> str:
  """Mentions a parameter in a message, perhaps with a value.

  Args:
    name: Of the parameter, and of the flag.
    *value: At most one: what was given, or what to give.

  Returns:
    Text for an `InputError`, or for `name_parameters` and `name_flags`.
  """
  plain = [os.fspath(v) if isinstance(v, os.PathLike) else v for v in value]
  return f"{_OPEN}{json.dumps([name, *plain], default=_plain)}{_CLOSE}"


def _plain(value: Any) -> Any:
  """What JSON has no form for: a scalar of NumPy as Python's, all else as text."""
  return value.item() if getattr(value, "ndim", None) == 0 else str(value)


def name_parameters(text: str) -> str:
  """Returns a text with its parameters as Python has them: `split='all'`, `zoo=`."""
  return _MENTION.sub(lambda found: _as_python(*json.loads(found[1])), text)


def name_flags(text: str) -> str:
  """Returns a text with its parameters as flags: `--split=all`, `--zoo`, `--nodownload`."""
  return _MENTION.sub(lambda found: _as_flag(*json.loads(found[1])), text)


def _as_python(name: str, *value: Any) -> str:
  return f"{name}={repr(value[0]) if value else ''}"


def _as_flag(name: str, *value: Any) -> str:
  if not value or value[0] is True:
    return f"--{name}"
  if value[0] is False:
    return f"--no{name}"
  return shlex.quote(f"--{name}={value[0]}")
