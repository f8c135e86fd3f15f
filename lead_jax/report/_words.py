"""Numbers and lists as people read them, the same in every output."""

import math
import re
from collections.abc import Sequence

from lead_jax.checks import clean as clean, visible as visible

NONE = "–"


def significant(value: float | None) -> str:
  """A score: `0.8123`, `−1.235e+05`."""
  if value is None or math.isnan(value):
    return NONE
  return _minus(f"{value:.4g}" if abs(value) < 1e4 else f"{value:.3e}")


def interval(low: float, high: float) -> str:
  """`−0.31 … −0.21`: two digits of its width."""
  width, largest = high - low, max(abs(low), abs(high))
  if not 0 < width < math.inf or largest >= 1e4:
    return f"{significant(low)} … {significant(high)}"
  digits = max(0, 1 - math.floor(math.log10(width)))
  return _minus(f"{low:.{digits}f} … {high:.{digits}f}")


def _minus(text: str) -> str:
  """The sign that is as wide as a digit; that of an exponent stays."""
  return re.sub(r"(?<![e\d])-", "−", text)


def count(number: float | None) -> str:
  """`3.2M`, `0.6G`, `900`."""
  if number is None:
    return NONE
  for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
    # What rounds up to a thousand is one of the next unit.
    if number >= size * 0.99995:
      return f"{number / size:.1f}{unit}"
  return f"{number:.0f}"


def percent(share: float | None, digits: int = 0) -> str:
  """`42 %`, of a share in 0..1."""
  return NONE if share is None else f"{100 * share:.{digits}f} %"


def share(value: float | None) -> str:
  """`71 %`, `<1 %`, of a share of draws, which is never quite all or none."""
  text = percent(value)
  return {"0 %": "<1 %", "100 %": ">99 %"}.get(text, text)


def accuracy(value: float | None) -> str:
  """`93.2`, in percent, of an accuracy in 0..100."""
  return NONE if value is None else f"{value:.1f}"


def tau(value: float | None) -> str:
  """A rank correlation: `0.82`, `−0.15`, `1.00`."""
  if value is None or math.isnan(value):
    return NONE
  text = f"{abs(value):.2f}"
  return f"−{text}" if value < 0 and float(text) != 0 else text


def seconds(value: float) -> str:
  """`0.3`, `12`, `184`."""
  return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def beginning(text: str, most: int = 40) -> str:
  """Returns the first words of a long text; `–` where there is none."""
  if len(text) <= most:
    return text or NONE
  return f"{text[:most].rsplit(' ', 1)[0].rstrip(' ,;(')} …"


def span(low: int, high: int) -> str:
  """`3`, or `3–7`."""
  return str(low) if low == high else f"{low}–{high}"


def ordinal(number: int) -> str:
  """`1st`, `12th`, `22nd`."""
  if number % 100 in (11, 12, 13):
    return f"{number}th"
  return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def plural(number: int, word: str, words: str = "") -> str:
  """`1 model`, `3 models`."""
  return f"{number:,} {word if number == 1 else words or word + 's'}"


class Name(str):
  """A name inside a text, which an output may set off: a model, a metric."""

  __slots__ = ()


# A sentence: pieces, of which those that are a `Name` are set off.
Text = tuple[str, ...]


def names(found: Sequence[str], most: int = 0) -> Text:
  """`a, b and c` with every name set off; from `most` on (0: no limit) `and 7 more`."""
  shown = list(found)
  rest = 0
  if most and len(shown) > most:
    rest = len(shown) - most + 1
    shown = shown[: most - 1]
  parts: list[str] = []
  last = len(shown) - (0 if rest else 1)
  for i, name in enumerate(shown):
    if i:
      parts.append(" and " if i == last else ", ")
    parts.append(Name(clean(name)))
  if rest:
    parts.append(f" and {rest} more")
  return tuple(parts)


def listed(found: Sequence[str]) -> str:
  """`a, b and c`."""
  return plain(names(found))


def plain(text: Text) -> str:
  """Returns a sentence without marks."""
  return "".join(text)
