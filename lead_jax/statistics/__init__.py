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
  merge,
  moments_classes,
  moments_intensity,
  moments_scatter,
  total_scatter,
  zero_moments,
)
from lead_jax.statistics.pca import PCA, pca
from lead_jax.statistics.shrinkage import ledoit_wolf_intensity

__all__ = [
  "PCA",
  "ClassMeans",
  "Discriminants",
  "KMeans",
  "Mixture",
  "Moments",
  "Scatter",
  "TotalScatter",
  "add_batch",
  "centre",
  "class_means",
  "fit_mixture",
  "kmeans",
  "ledoit_wolf_intensity",
  "linear_discriminants",
  "merge",
  "moments_classes",
  "moments_intensity",
  "moments_scatter",
  "pca",
  "pooled_scatter",
  "total_scatter",
  "zero_moments",
]
