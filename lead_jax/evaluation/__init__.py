"""Rank measures and ground truth."""

from lead_jax.evaluation.ground_truth import ground_truth_table
from lead_jax.evaluation.rank_measures import regret_at_1, weighted_kendall
from lead_jax.evaluation.static_rankers import mean_rank_elsewhere

__all__ = [
  "ground_truth_table",
  "mean_rank_elsewhere",
  "regret_at_1",
  "weighted_kendall",
]
