"""Scores of features against labels, one table of them; larger is better in all."""

from lead_jax.metrics.base import Metric, Problem, Spread, Value
from lead_jax.metrics.lookup import (
  check_options,
  evaluate_metric,
  find_metric,
  missing,
  score,
  score_pool,
)
from lead_jax.metrics.streaming import STREAMING, score_stream
from lead_jax.metrics.table import DEFAULT_METRICS, METRICS, RECOMMENDED

__all__ = [
  "DEFAULT_METRICS",
  "METRICS",
  "RECOMMENDED",
  "STREAMING",
  "Metric",
  "Problem",
  "Spread",
  "Value",
  "check_options",
  "evaluate_metric",
  "find_metric",
  "missing",
  "score",
  "score_pool",
  "score_stream",
]
