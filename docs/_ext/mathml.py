"""Equations as MathML, which browsers draw themselves: no script, no font, no network.

Sphinx's own renderers need LaTeX, or a script from elsewhere. docutils, on which Sphinx is
built, can translate LaTeX; this hands its translation to Sphinx. A command that it does not
know is a warning with its page and line.
"""

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)


def _translated(node, *, as_block: bool) -> str:
  try:
    return tex2mathml(node.astext(), as_block=as_block)
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
