"""Rank measures and ground truth."""

from lead_jax.evaluation.ground_truth import ground_truth_table
from lead_jax.evaluation.rank_measures import (
  kendall,
  regret_at_k,
  relative_accuracy_at_k,
  weighted_kendall,
  weighted_kendall_paper,
  weighted_pearson,
)
from lead_jax.evaluation.static_rankers import mean_rank_elsewhere

__all__ = [
  "ground_truth_table",
  "kendall",
  "mean_rank_elsewhere",
  "regret_at_k",
  "relative_accuracy_at_k",
  "weighted_kendall",
  "weighted_kendall_paper",
  "weighted_pearson",
]
