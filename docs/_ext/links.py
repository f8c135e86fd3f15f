"""Links that leave `docs/`, so that one text serves both the repository and these pages.

`../README.md` becomes the page that the README is here; any other file of the repository is
copied beside the pages and offered for download. Code that is the full name of something of
ours, like `lead_jax.metrics._sfda.sfda`, links to its place in the API reference.
"""

import pathlib
import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ROOT = pathlib.Path(__file__).resolve().parents[2]
_README = "readme"
_NAME = re.compile(r"lead_jax(\.\w+)+$")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def of_page(text: str) -> str:
  """Returns a page of `docs/` with its links to the rest of the repository mended."""

  def mended(found: re.Match) -> str:
    target, anchor = found[1], found[2] or ""
    if target == "../README.md":
      return f"]({_README}.md{anchor})"
    return f"](path:{target})" if target.startswith("../") else found[0]

  return _LINK.sub(mended, text)


def of_readme(text: str) -> str:
  """Returns the README as a page of `docs/`."""

  def mended(found: re.Match) -> str:
    target, anchor = found[1], found[2] or ""
    if target.startswith("docs/"):
      return f"]({target.removeprefix('docs/')}{anchor})"
    return f"](path:../{target})"

  return _LINK.sub(mended, text)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
  if name == _README:
    readme = ROOT / "README.md"
    app.env.note_dependency(str(readme))
    source[0] = of_readme(readme.read_text("utf-8"))
  elif not name.startswith("api/"):
    source[0] = of_page(source[0])


def _link_names(app: Sphinx, document: nodes.document) -> None:
  for literal in list(document.findall(nodes.literal)):
    if _NAME.match(literal.astext()) and not isinstance(
      literal.parent, nodes.reference | addnodes.pending_xref
    ):
      link = addnodes.pending_xref(
        "",
        literal.deepcopy(),
        refdomain="py",
        reftype="obj",
        reftarget=literal.astext(),
        refdoc=app.env.current_document.docname,
        refwarn=False,
      )
      literal.replace_self(link)


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the mending and the links to the API."""
  app.connect("source-read", _read)
  app.connect("doctree-read", _link_names)
  return {"parallel_read_safe": True, "parallel_write_safe": True}
