"""Calibrated anchors: strong, cheap accuracies that say whether a score is any good.

Adapters of k-nearest neighbours and the linear probe to the table of metrics.
"""

from lead_jax.metrics.base import OK, Problem, Value


def knn(problem: Problem, *, k: int = 1, distance: str = "cosine") -> Value:
  """Leave-one-out accuracy of the k nearest neighbours."""
  from lead_jax.metrics.knn import knn_accuracy

  accuracy = knn_accuracy(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    k=k,
    distance=distance,
  )
  return Value(float(accuracy))


def probe(problem: Problem, *, folds: int = 5) -> Value:
  """Cross-validated accuracy of a linear classifier."""
  from lead_jax.metrics.linear_probe import linear_probe

  result = linear_probe(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    key=problem.key,
    folds=folds,
  )
  return Value(
    float(result.accuracy),
    OK,
    {"log_likelihood": float(result.log_likelihood)},
  )
