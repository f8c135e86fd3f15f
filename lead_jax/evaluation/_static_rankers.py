"""Rankings made without looking at the target: what every method has to beat.

A model that is good everywhere is good here too. On the 12 + 12 networks and 10 data sets
of LEAD's appendix, the mean rank on the *other* data sets reaches a weighted tau as high
as the published method's, so no evaluation is honest without it.
"""

from collections.abc import Mapping

import numpy as np

from lead_jax.checks import check_arguments


@check_arguments()
def mean_rank_elsewhere(
  accuracies: Mapping[str, Mapping[str, float]], dataset: str
) -> dict[str, float]:
  """Scores models by how they rank, on average, on all data sets but one.

  Args:
    accuracies: By data set, by model, the true accuracy; models may be missing.
    dataset: The one that is left out.

  Returns:
    By model, the mean over the other data sets of the share of that data set's other
    models that it beats, ties counting half; in [0, 1], larger is better. Models that
    stand in no other data set are missing, and so is a data set with a single model.
  """
  shares: dict[str, list[float]] = {}
  for other, column in accuracies.items():
    if other == dataset or len(column) < 2:
      continue
    values = np.asarray(list(column.values()), np.float64)
    for model, value in column.items():
      beaten = np.sum(values < value) + 0.5 * (np.sum(values == value) - 1)
      shares.setdefault(model, []).append(float(beaten) / (len(values) - 1))
  return {model: float(np.mean(found)) for model, found in shares.items()}
