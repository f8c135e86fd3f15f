"""Rank measures, ground truth, and what can be said about them with confidence."""

from lead_jax.evaluation.ground_truth import ground_truth_column, ground_truth_table
from lead_jax.evaluation.method_places import Places, bootstrap_places, places
from lead_jax.evaluation.rank_measures import (
  kendall,
  regret_at_k,
  relative_accuracy_at_k,
  weighted_kendall,
  weighted_kendall_paper,
  weighted_pearson,
)
from lead_jax.evaluation.resampling import (
  BootstrapIntervals,
  bootstrap_intervals,
  bootstrap_means,
  percentile_intervals,
)
from lead_jax.evaluation.score_table import (
  MeasuredTable,
  ScoreTable,
  measure_table,
  score_table,
)
from lead_jax.evaluation.significance import (
  PermutationTest,
  holm,
  null_means,
  null_spread,
  permutation_test,
)
from lead_jax.evaluation.stability import (
  leave_one_dataset,
  leave_one_family,
  leave_one_model,
)
from lead_jax.evaluation.static_rankers import mean_rank_elsewhere
from lead_jax.evaluation.truth_noise import (
  NoiseCeiling,
  close_pairs,
  deviation_of_seeds,
  deviation_of_test_set,
  noise_ceiling,
  practical_ties,
)

__all__ = [
  "BootstrapIntervals",
  "MeasuredTable",
  "NoiseCeiling",
  "PermutationTest",
  "Places",
  "ScoreTable",
  "bootstrap_intervals",
  "bootstrap_means",
  "bootstrap_places",
  "close_pairs",
  "deviation_of_seeds",
  "deviation_of_test_set",
  "ground_truth_column",
  "ground_truth_table",
  "holm",
  "kendall",
  "leave_one_dataset",
  "leave_one_family",
  "leave_one_model",
  "mean_rank_elsewhere",
  "measure_table",
  "noise_ceiling",
  "null_means",
  "null_spread",
  "percentile_intervals",
  "permutation_test",
  "places",
  "practical_ties",
  "regret_at_k",
  "relative_accuracy_at_k",
  "score_table",
  "weighted_kendall",
  "weighted_kendall_paper",
  "weighted_pearson",
]
