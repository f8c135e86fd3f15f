"""Equations as MathML, which browsers draw themselves: no script, no font, no network.

Sphinx's own renderers need LaTeX, or a script from elsewhere. docutils, on which Sphinx is
built, can translate LaTeX; this hands its translation to Sphinx. A command that it does not
know is a warning with its page and line. Three things are mended: the index of an accented
letter (bar lambda_c), which would stand below it; a function's name, which would touch what
it is applied to; and the bars of a norm, of which the left alone would grow with the line.
"""

import re
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

_ACCENTS = set("ˉˆ~˙¨ˇ→")
_APPLIED = re.compile(r"<mo>&ApplyFunction;</mo>(\s*(?:<mrow>\s*)?<mo[^>]*>\()?")
_LOGGER = logging.getLogger(__name__)


def mathml(tex: str, *, as_block: bool) -> str:
  """Translates an equation.

  Args:
    tex: LaTeX, without its dollars.
    as_block: Whether it stands by itself.

  Raises:
    MathError: If there is a command in it that docutils does not know.
  """
  text = tex2mathml(tex, as_block=as_block)
  text = _APPLIED.sub(lambda found: found[1] or '<mspace width="0.1667em"/>', text)
  ElementTree.register_namespace("", "http://www.w3.org/1998/Math/MathML")
  root = ElementTree.fromstring(text)
  for element in list(root.iter()):
    if element.text == "‖":
      element.set("stretchy", "false")
    name = element.tag.removesuffix("munderover")
    if name == element.tag or element[2].text not in _ACCENTS:
      continue
    letter, index, accent = element
    accented = ElementTree.Element(f"{name}mover", accent="true")
    accented.extend([letter, accent])
    element.tag = f"{name}msub"
    element[:] = [accented, index]
  return ElementTree.tostring(root, encoding="unicode")


def _translated(node, *, as_block: bool) -> str:
  try:
    return mathml(node.astext(), as_block=as_block)
  except MathError as error:
    _LOGGER.warning("no MathML of %r: %s", node.astext(), error, location=node)
    return ""


def visit_math(self, node) -> None:
  """Writes an equation within a line."""
  self.body.append(_translated(node, as_block=False))
  raise nodes.SkipNode


def visit_math_block(self, node) -> None:
  """Writes an equation of its own, in a box that scrolls where the page is narrow."""
  self.body.append(f'<div class="equation">{_translated(node, as_block=True)}</div>\n')
  raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the renderer `mathml`."""
  app.add_html_math_renderer(
    "mathml",
    inline_renderers=(visit_math, None),
    block_renderers=(visit_math_block, None),
  )
  return {"parallel_read_safe": True, "parallel_write_safe": True}
