"""The one exception for what a user can put right, and strangers' text in its message.

The command line prints its message as one line and exits with code 2; Python callers
catch it as a `ValueError`.
"""

from typing import Any


class InputError(ValueError):
  """Something outside the program is wrong; the message names it and the remedy."""


def shown(text: Any) -> str:
  """What a stranger's text looks like in a message: one short line, nothing hidden."""
  line = " ".join(str(text).split())[:200]
  return "".join(letter if letter.isprintable() else "?" for letter in line)
