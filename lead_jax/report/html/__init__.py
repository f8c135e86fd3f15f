"""The report as one self-contained HTML file."""

from lead_jax.report.html.page import as_html

__all__ = ["as_html"]
