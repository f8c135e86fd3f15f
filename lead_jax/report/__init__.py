"""How a run and its result are shown."""

from lead_jax.report.html import as_html
from lead_jax.report.latex import as_latex
from lead_jax.report.markdown import as_markdown
from lead_jax.report.models import render_models
from lead_jax.report.progress import LiveProgress, PlainProgress
from lead_jax.report.summary import Summary, summarise
from lead_jax.report.table import render

__all__ = [
  "LiveProgress",
  "PlainProgress",
  "Summary",
  "as_html",
  "as_latex",
  "as_markdown",
  "render",
  "render_models",
  "summarise",
]
