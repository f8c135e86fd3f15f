"""Calibrated anchors: strong, cheap accuracies that say whether a score is any good.

Adapters of k-nearest neighbours and the linear probe to the table of metrics.
"""

from typing import get_args

import jax

from lead_jax.metrics.base import OK, Problem, Value
from lead_jax.metrics.knn import Distance, knn_accuracy
from lead_jax.metrics.linear_probe import linear_probe

_knn_accuracy = jax.jit(knn_accuracy, static_argnames=("num_classes", "k", "distance"))
_linear_probe = jax.jit(linear_probe, static_argnames=("num_classes", "folds", "l2"))


def check_knn(*, k: int = 1, distance: str = "cosine") -> None:
  """Checks the options of `knn`, as far as they do not depend on the data."""
  if not isinstance(k, int) or k < 1:
    raise ValueError(f"k must be a whole number of at least 1, got {k!r}")
  if distance not in get_args(Distance):
    raise ValueError(f"distance must be one of {get_args(Distance)}, got {distance!r}")


def check_probe(*, folds: int = 5, l2: float = 1.0) -> None:
  """Checks the options of `linear_probe`."""
  if not isinstance(folds, int) or folds < 2:
    raise ValueError(f"folds must be a whole number of at least 2, got {folds!r}")
  if not isinstance(l2, int | float) or not l2 > 0:
    raise ValueError(f"l2 must be a number above 0, got {l2!r}")


def knn(problem: Problem, *, k: int = 1, distance: str = "cosine") -> Value:
  """Leave-one-out accuracy of the k nearest neighbours."""
  accuracy = _knn_accuracy(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    k=k,
    distance=distance,
  )
  return Value(float(accuracy))


def probe(problem: Problem, *, folds: int = 5, l2: float = 1.0) -> Value:
  """Cross-validated accuracy of a linear classifier."""
  name, size = problem.smallest_class()
  if size < 2:
    raise ValueError(
      f"class {name!r} has {size} sample: cross-validation needs at least 2"
    )
  result = _linear_probe(
    problem.features,
    problem.labels,
    num_classes=problem.num_classes,
    key=problem.key,
    folds=folds,
    l2=l2,
  )
  notes = []
  if (took_place := int(result.folds)) < folds:
    notes.append(f"{took_place} folds: class {name!r} has {size} samples")
  if not bool(result.converged):
    notes.append("a fold's classifier did not converge")
  details = {
    "log_likelihood": float(result.log_likelihood),
    "accuracy_std_over_folds": float(result.accuracy_std),
    "folds": took_place,
  }
  return Value(float(result.accuracy), "; ".join(notes) or OK, details)
