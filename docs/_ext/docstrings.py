"""Our docstrings as reStructuredText.

They are written to be read in the source. Some habits mean something else to Sphinx and
are translated: an indented paragraph, or one between fences, is an equation or an example
and is kept as it stands; a bar is a bar, and no substitution; a file's name is no module's.
"""

import collections
import re

from sphinx.application import Sphinx

_SECTION = re.compile(r"[A-Z][a-z]+:$")  # Args: and the like, which napoleon reads
_ITEM = re.compile(r"([-*]|\d+\.) ")
_FENCE = "```"
_BAR = re.compile(r"(`[^`]*`)|\|")
_FILE = re.compile(r"(?<!`)`([\w./]+\.(?:csv|html|json|md|npz|tex))`(?!`)")
_EITHER = re.compile(
  r"(~?[\w.]+)\[[^\[\],]*\bArray, ('[^']*')\] \| \1\[[^\[\],]*\bndarray, \2\]"
)
_FIELD_OF_A_NAMED_TUPLE = type(collections.namedtuple("_One", "field").field)


def translated(lines: list[str]) -> list[str]:
  """Returns a docstring's lines with plain-text equations marked as such."""
  out: list[str] = []
  opener = ""  # the last line that is not indented
  literal = fenced = False
  for number, line in enumerate(lines):
    if line.strip().startswith(_FENCE):
      fenced = not fenced
      out += ["::", ""] if fenced else [""]
      continue
    if line and not line.startswith(" "):
      opener, literal = line, False
    starts = line.startswith("  ") and number > 0 and not lines[number - 1].strip()
    prose = _SECTION.match(opener) or _ITEM.match(opener) or _ITEM.match(line.lstrip())
    if starts and not literal and not prose:
      out += ["::", ""]
      literal = True
    if fenced:
      line = f"  {line}"
    elif not literal:
      line = _BAR.sub(lambda found: found[1] or r"\|", _FILE.sub(r"``\1``", line))
    out.append(line)
  return out


def _translate(app, what, name, obj, options, lines: list[str]) -> None:
  lines[:] = translated(lines)


def readable(signature: str) -> str:
  """Shortens arrays of JAX or NumPy, one type of ours that jaxtyping writes as two."""
  # Not Python, so that Sphinx would give up on the types beside it.
  signature = signature.replace("<factory>", "...")
  return _EITHER.sub(r"\1[Array, \2]", signature)


def _sign(app, what, name, obj, options, signature, result):
  return signature and readable(signature), result and readable(result)


def _skip(app: Sphinx, what, name, obj, skip, options) -> bool | None:
  if isinstance(obj, _FIELD_OF_A_NAMED_TUPLE):
    return True  # the class's own docstring says what it is
  return None


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the translation, before napoleon's."""
  app.connect("autodoc-process-docstring", _translate, priority=400)
  app.connect("autodoc-process-signature", _sign)
  app.connect("autodoc-skip-member", _skip)
  return {"parallel_read_safe": True, "parallel_write_safe": True}
