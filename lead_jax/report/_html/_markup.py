"""HTML and SVG elements as text, with everything that comes from outside escaped."""

import html
import re

from lead_jax.report._words import Name, Text, visible


class Markup(str):
  """Text that is markup already and is not escaped again."""

  __slots__ = ()


def escape(text: object) -> Markup:
  """Returns text that a browser shows as it is."""
  return Markup(html.escape(visible(str(text)), quote=True))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
  """Returns an element.

  Args:
    name: Of the element.
    *children: Markup as it is; all else is escaped.
    **attributes: `class_` and `for_` lose their last letter, `data_value` becomes
      `data-value`; those that are None or False are left out, True is written bare.
      Floats are written with two decimals.
  """
  words = [name]
  for key, value in attributes.items():
    if value is None or value is False:
      continue
    key = key.rstrip("_").replace("_", "-")
    words.append(key if value is True else f'{key}="{escape(_number(value))}"')
  start = f"<{' '.join(words)}"
  if name in _VOID:
    return Markup(f"{start}>")
  if not children and name in _SHAPES:
    return Markup(f"{start}/>")
  return Markup(f"{start}>{join(*children)}</{name}>")


_VOID = ("meta", "br", "wbr", "col")
_SHAPES = ("rect", "line", "circle", "path", "polyline")


def _number(value: object) -> object:
  if isinstance(value, float):
    return f"{value:.2f}".rstrip("0").rstrip(".")
  return value


def join(*children: object) -> Markup:
  """Returns markup after markup; what is none is escaped."""
  return Markup(
    "".join(one if isinstance(one, Markup) else escape(one) for one in children)
  )


def name(text: str) -> Markup:
  """A name that may be broken after its separators, and nowhere turns the line."""
  parts = re.split(r"(?<=[_\-/:.,])", text)
  return tag("bdi", Markup("<wbr>".join(escape(part) for part in parts)), class_="name")


def sentence(text: Text) -> Markup:
  """A sentence whose names are set off, and whose numbers keep their percent sign."""
  return join(
    *(
      name(part) if isinstance(part, Name) else part.replace(" %", "\u00a0%")
      for part in text
    )
  )
