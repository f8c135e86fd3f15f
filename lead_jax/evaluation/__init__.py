"""Rank measures and ground truth."""

from lead_jax.evaluation.ground_truth import datasets_of, parse_ground_truth
from lead_jax.evaluation.rank_measures import regret_at_1, weighted_kendall

__all__ = ["datasets_of", "parse_ground_truth", "regret_at_1", "weighted_kendall"]
