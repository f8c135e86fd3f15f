"""All metrics beside each other: what the figures that compare metrics are made of."""

import dataclasses

from experiments.figures.material import Material
from experiments.sensitivity.low_data import METRICS
from lead_jax.assessment import Collected, Summary, Truth, of_reports, summarise_methods
from lead_jax.run import metrics_or_default

BASELINE = "linear_probe"
# Of the bundled zoo, whose features have five widths, compilation takes nearly all of the
# time. The first of these shares what it computes with the others.
_OF_DIGITS = (*METRICS, "log_init", "lambda", "constant")


def metrics_of(material: Material) -> list[str]:
  """Returns the metrics to compare: all of them, or a selection on the bundled zoo."""
  bundled = all(model.startswith("digits/") for model in material.models)
  return metrics_or_default(list(_OF_DIGITS) if bundled else ["all"])


def collected(material: Material) -> Collected:
  """Scores the zoo on all data sets as `lead-rank` does, and under the same keys."""
  bench = dataclasses.replace(material.bench, metrics=metrics_of(material))
  reports = {dataset.name: bench.whole(dataset)[0] for dataset in material.datasets}
  truth = {name: dict(known) for name, known in material.truth.items()}
  return of_reports(reports, Truth(truth))


def summarised(material: Material) -> Summary:
  """Returns mean weighted tau of all methods, with intervals, chance and cost."""
  return summarise_methods(
    collected(material), baseline=BASELINE, samples=1000, seed=material.seed
  )
