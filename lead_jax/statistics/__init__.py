"""What several methods need to know of samples and their classes."""

from lead_jax.statistics.classes import ClassMeans, class_means
from lead_jax.statistics.pca import PCA, pca
from lead_jax.statistics.shrinkage import ledoit_wolf_intensity

__all__ = ["PCA", "ClassMeans", "class_means", "ledoit_wolf_intensity", "pca"]
