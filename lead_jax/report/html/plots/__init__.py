"""Hand-written SVG: coloured by the page's style sheet, so light and dark are one plot."""

from lead_jax.report.html.plots.axes import floor_of
from lead_jax.report.html.plots.cost import cost_panels
from lead_jax.report.html.plots.heatmap import heatmap
from lead_jax.report.html.plots.intervals import intervals
from lead_jax.report.html.plots.truth import truth_plot

__all__ = ["cost_panels", "floor_of", "heatmap", "intervals", "truth_plot"]
