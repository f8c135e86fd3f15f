"""The figures of an evaluation, as PNG and SVG."""

import pathlib

from lead_jax.assessment._collect import Collected
from lead_jax.assessment._figures import (
  _agreement_figure as agreement,
  _cost_figure as cost,
  _heatmap_figure as heatmap,
  _means_figure as means,
  _ranks_figure as ranks,
)
from lead_jax.assessment._method_summary import Summary
from lead_jax.assessment.plotting import save, styled

# By the name of the file.
FIGURES = {
  "figure_means": means.figure,
  "figure_datasets": heatmap.figure,
  "figure_cost": cost.figure,
  "figure_ranks": ranks.figure,
  "figure_agreement": agreement.figure,
}


def draw_figures(
  summary: Summary, collected: Collected, out: pathlib.Path, command: str
) -> list[pathlib.Path]:
  """Draws all figures that the data allow; returns the files that were written.

  Args:
    summary: Of the evaluation.
    collected: What it was made of.
    out: Folder to write.
    command: That made this, for the captions.

  Raises:
    InputError: If a file cannot be written.
  """
  found: list[pathlib.Path] = []
  for name, make in FIGURES.items():
    with styled():
      picture = make(summary, collected)
      if picture is not None:
        found += save(picture, out / name, origin(summary, collected, command))
  return found


def origin(summary: Summary, collected: Collected, command: str) -> str:
  """Returns what stands below every figure: data, models, seed and command."""
  table = collected.table
  data = ", ".join(
    f"{name} ({collected.samples[name][0]} images, {there} models)"
    for name, there in zip(table.datasets, table.present.sum(1), strict=True)
  )
  text = f"Data: {data}. Seed {summary.seed}, {summary.samples} resamples."
  return f"{text} {command}".strip()
