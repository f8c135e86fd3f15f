"""How a run and its result are shown."""

from lead_jax.report.models import render_models
from lead_jax.report.progress import LiveProgress, PlainProgress
from lead_jax.report.table import render

__all__ = ["LiveProgress", "PlainProgress", "render", "render_models"]
