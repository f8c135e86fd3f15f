from ._ground_truth import (
  ground_truth_column as ground_truth_column,
  ground_truth_table as ground_truth_table,
)
from ._many_rankings import (
  RankMeasure as RankMeasure,
  many_kendall as many_kendall,
  many_regret_at_k as many_regret_at_k,
)
from ._method_places import (
  MethodPlaces as MethodPlaces,
  bootstrap_places as bootstrap_places,
  place_methods as place_methods,
)
from ._rank_measures import (
  kendall as kendall,
  regret_at_k as regret_at_k,
  relative_accuracy_at_k as relative_accuracy_at_k,
  weighted_kendall as weighted_kendall,
  weighted_kendall_paper as weighted_kendall_paper,
  weighted_pearson as weighted_pearson,
)
from ._resampling import (
  BootstrapIntervals as BootstrapIntervals,
  bootstrap_intervals as bootstrap_intervals,
  bootstrap_means as bootstrap_means,
  percentile_intervals as percentile_intervals,
)
from ._score_table import (
  MeasuredTable as MeasuredTable,
  ScoreTable as ScoreTable,
  measure_table as measure_table,
  score_table as score_table,
)
from ._significance import (
  PermutationTest as PermutationTest,
  holm as holm,
  null_means as null_means,
  permutation_test as permutation_test,
)
from ._stability import (
  leave_one_dataset as leave_one_dataset,
  leave_one_family as leave_one_family,
)
from ._static_rankers import (
  mean_rank_elsewhere as mean_rank_elsewhere,
)
from ._truth_noise import (
  NoiseCeiling as NoiseCeiling,
  close_pairs as close_pairs,
  deviation_of_seeds as deviation_of_seeds,
  deviation_of_test_set as deviation_of_test_set,
  noise_ceiling as noise_ceiling,
  practical_ties as practical_ties,
)
