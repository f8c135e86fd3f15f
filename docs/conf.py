"""Sphinx: `python -m sphinx -W --keep-going -b html docs docs/_build/html`."""

import pathlib
import sys
import typing

from pygments.lexers.special import TextLexer

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]
# Shapes are then written as in the source: Float[Array, "n d"].
typing.GENERATING_DOCUMENTATION = "jaxtyping"  # type: ignore[attr-defined]

import lead_jax  # noqa: E402

project = "lead_jax"
author = "The lead_jax authors"
copyright = "The lead_jax authors, Apache-2.0"
release = version = lead_jax.__version__

extensions = [
  "myst_parser",
  "sphinx.ext.autodoc",
  "sphinx.ext.napoleon",
  "sphinx.ext.viewcode",
  "docstrings",
  "faces",
  "links",
  "mathml",
]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = "lead_jax"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_math_renderer = "mathml"
highlight_language = "text"  # of fences that name none

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# In docstrings `name` is a name of ours where there is one, and code otherwise.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # they stand in the signature
napoleon_use_rtype = False


def setup(app):
  """Registers `csv`, which Pygments does not know, as plain text."""
  app.add_lexer("csv", TextLexer)
