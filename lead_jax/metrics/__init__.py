"""Scores of features against labels, one table of them; larger is better in all."""

from lead_jax.metrics.base import Metric, Problem, Value
from lead_jax.metrics.table import (
  DEFAULT_METRICS,
  METRICS,
  check_options,
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
  "check_options",
  "evaluate_metric",
  "find_metric",
  "score",
]
