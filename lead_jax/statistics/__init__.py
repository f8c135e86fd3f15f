"""What several methods need to know of samples and their classes."""

from lead_jax.statistics.classes import ClassMeans, class_means
from lead_jax.statistics.discriminant import (
  Discriminants,
  Scatter,
  centre,
  linear_discriminants,
  pooled_scatter,
)
from lead_jax.statistics.mixture import KMeans, Mixture, fit_mixture, kmeans
from lead_jax.statistics.moments import (
  Moments,
  TotalScatter,
  add_batch,
  moments_classes,
  moments_intensity,
  moments_scatter,
  total_scatter,
  zero_moments,
)
from lead_jax.statistics.pca import PCA, pca
from lead_jax.statistics.ranks import (
  fast_sort,
  midranks,
  spearman,
  spearman_two_valued,
)
from lead_jax.statistics.sampling import stratified_subsample
from lead_jax.statistics.shrinkage import ledoit_wolf_intensity
from lead_jax.statistics.similarity import (
  Correlations,
  correlations,
  pair_correlations,
  pairs,
  standardise,
)

__all__ = [
  "PCA",
  "ClassMeans",
  "Correlations",
  "Discriminants",
  "KMeans",
  "Mixture",
  "Moments",
  "Scatter",
  "TotalScatter",
  "add_batch",
  "centre",
  "class_means",
  "correlations",
  "fast_sort",
  "fit_mixture",
  "kmeans",
  "ledoit_wolf_intensity",
  "linear_discriminants",
  "midranks",
  "moments_classes",
  "moments_intensity",
  "moments_scatter",
  "pair_correlations",
  "pairs",
  "pca",
  "pooled_scatter",
  "spearman",
  "spearman_two_valued",
  "standardise",
  "stratified_subsample",
  "total_scatter",
  "zero_moments",
]
