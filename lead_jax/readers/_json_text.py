"""JSON from outside: bounded in depth and digits, strict where Python is lenient.

Python's reader takes NaN, integers of any length, names that stand twice and halves of
surrogate pairs, and meets its recursion limit on a file of brackets. Each of them fails far
from the file that it came from, so each is refused here.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from lead_jax.checks import InputError, shown
from lead_jax.readers._encoding import decode_text

# Levels of lists and objects: ours need five, a person's file never fifty.
_MOST_DEPTH = 50
# Digits of an integer that fits 64 bits, with its sign.
_MOST_DIGITS = 20
_ABOVE = 2**64


def parse_json(text: str | bytes, source: str, *, finite: bool = True) -> Any:
  """Reads JSON text.

  Args:
    text: The text; bytes are decoded by `decode_text`.
    source: What messages call it.
    finite: Whether NaN, infinities and numbers beyond float64 are refused.

  Returns:
    Dicts, lists, texts, integers below 2^64 in size, floats, booleans and None.

  Raises:
    InputError: If it is not JSON, is nested too deep, has an integer that does not fit 64
      bits, a number that is not finite, a name twice in one object, or text that is no
      Unicode.
  """
  if isinstance(text, bytes):
    text = decode_text(text, source)
  strict = _Strict(source, finite)
  try:
    value = json.loads(
      text.removeprefix("\ufeff"),
      object_pairs_hook=strict.pairs,
      parse_int=strict.integer,
      parse_float=strict.number,
      parse_constant=strict.constant,
    )
  except RecursionError:
    raise InputError(_too_deep(source)) from None
  except json.JSONDecodeError as error:
    raise InputError(
      f"{source} is not a JSON file ({shown(error.msg)}, line {error.lineno}, column "
      f"{error.colno}): fix it there"
    ) from None
  # Rarely needed, so that large files do not pay for it.
  if text.count("[") + text.count("{") > _MOST_DEPTH or "\\u" in text:
    _check_tree(value, source)
  return value


class _Strict:
  """What is made of the parts of a JSON text."""

  def __init__(self, source: str, finite: bool):
    self._source, self._finite = source, finite

  def pairs(self, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
      names = [name for name, _ in pairs]
      twice = next(name for name in names if names.count(name) > 1)
      self._refuse(f"has {shown(twice)!r} twice in one object: remove one of them")
    return found

  def integer(self, digits: str) -> int:
    if len(digits) > _MOST_DIGITS + 1 or not -_ABOVE < int(digits) < _ABOVE:
      self._refuse(
        f"has an integer that does not fit 64 bits ({digits[:12]}..., "
        f"{len(digits.lstrip('-'))} digits): give a smaller number"
      )
    return int(digits)

  def number(self, digits: str) -> float:
    value = float(digits)
    if self._finite and not math.isfinite(value):
      self._refuse(
        f"has a number beyond float64 ({shown(digits, most=20)}): correct it"
      )
    return value

  def constant(self, name: str) -> float:
    if self._finite:
      self._refuse(f"has {name} where a finite number is needed: correct it")
    return float(name)

  def _refuse(self, reason: str) -> NoReturn:
    raise InputError(f"{self._source} {reason}")


def _check_tree(value: Any, source: str) -> None:
  """Refuses depth beyond the limit, and text with half of a surrogate pair."""
  level, depth = [value], 0
  while level:
    below: list[Any] = []
    for item in level:
      if isinstance(item, dict):
        below += [*item, *item.values()]
      elif isinstance(item, list):
        below += item
      elif isinstance(item, str) and _is_broken(item):
        raise InputError(
          f"{source} holds text that is no Unicode ({shown(item, most=40)!r}): a \\u "
          "escape is half of a pair, remove it"
        )
    depth += 1
    if depth > _MOST_DEPTH + 1:
      raise InputError(_too_deep(source))
    level = below


def _is_broken(text: str) -> bool:
  return any("\ud800" <= letter <= "\udfff" for letter in text)


def _too_deep(source: str) -> str:
  return f"{source} is nested more than {_MOST_DEPTH} levels deep: it is not read"
