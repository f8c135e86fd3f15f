"""Scores of features against labels, one table of them; larger is better in all."""

from lead_jax.metrics.base import Metric, Problem, Value
from lead_jax.metrics.table import (
  DEFAULT_METRICS,
  METRICS,
  evaluate_metric,
  find_metric,
  score,
)

__all__ = [
  "DEFAULT_METRICS",
  "METRICS",
  "Metric",
  "Problem",
  "Value",
  "evaluate_metric",
  "find_metric",
  "score",
]
