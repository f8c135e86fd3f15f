"""Every figure, by the name of its files: one literal table.

A module has `measure(material) -> rows`, the numbers, and `figure(rows, material)`, which
draws a picture with a `caption` from those rows alone. What stands above `figure` makes
the numbers: when it is changed they are measured anew.
"""

from types import ModuleType

from experiments.figures import (
  cost_and_quality,
  kernel_spectra,
  lead_fig3,
  lead_fig4,
  lead_fig5,
  lead_fig6,
  lead_fig7,
  lead_fig8,
  lead_fig9,
  lead_fig10,
  metric_agreement,
  ped_fig1,
  ped_fig2,
  ped_fig3,
  ped_table1,
  ranking_stability,
  rate_and_norm,
  trajectories,
)

FIGURES: dict[str, ModuleType] = {
  # Hu et al., LEAD, CVPR 2024.
  "lead_fig3": lead_fig3,
  "lead_fig4": lead_fig4,
  "lead_fig5": lead_fig5,
  "lead_fig6": lead_fig6,
  "lead_fig7": lead_fig7,
  "lead_fig8": lead_fig8,
  "lead_fig9": lead_fig9,
  "lead_fig10": lead_fig10,
  # Li et al., Exploring Model Transferability through the Lens of Potential Energy, 2023.
  "ped_fig1": ped_fig1,
  "ped_fig2": ped_fig2,
  "ped_fig3": ped_fig3,
  "ped_table1": ped_table1,
  # Beyond the papers.
  "kernel_spectra": kernel_spectra,
  "rate_and_norm": rate_and_norm,
  "trajectories": trajectories,
  "cost_and_quality": cost_and_quality,
  "metric_agreement": metric_agreement,
  "ranking_stability": ranking_stability,
}

# Those that need the logits of fine-tuning (`--finetuned`).
FINETUNED = frozenset(
  {"lead_fig3", "lead_fig5", "lead_fig10", "ped_fig3", "trajectories"}
)
