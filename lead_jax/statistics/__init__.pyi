from ._blocks import (
  Take as Take,
  fold_rows as fold_rows,
  gram_of_rows as gram_of_rows,
)
from ._classes import (
  ClassMeans as ClassMeans,
  class_means as class_means,
)
from ._discriminant import (
  Discriminants as Discriminants,
  Scatter as Scatter,
  centre_and_rotate as centre_and_rotate,
  linear_discriminants as linear_discriminants,
  pooled_scatter as pooled_scatter,
)
from ._logistic import (
  fit_logistic as fit_logistic,
)
from ._mixture import (
  KMeans as KMeans,
  Mixture as Mixture,
  fit_mixture as fit_mixture,
  kmeans as kmeans,
)
from ._moments import (
  Moments as Moments,
  TotalScatter as TotalScatter,
  add_batch as add_batch,
  moments_classes as moments_classes,
  moments_intensity as moments_intensity,
  moments_scatter as moments_scatter,
  total_scatter as total_scatter,
  zero_moments as zero_moments,
)
from ._pca import (
  PCA as PCA,
  axes_of_gram as axes_of_gram,
  pca as pca,
)
from ._probabilities import (
  softmax as softmax,
)
from ._ranks import (
  fast_sort as fast_sort,
  midranks as midranks,
  spearman as spearman,
  spearman_two_valued as spearman_two_valued,
)
from ._sampling import (
  stratified_subsample as stratified_subsample,
)
from ._shrinkage import (
  ledoit_wolf_intensity as ledoit_wolf_intensity,
)
from ._similarity import (
  Correlations as Correlations,
  above_diagonal as above_diagonal,
  correlations as correlations,
  cosine_gaps as cosine_gaps,
  directions_about as directions_about,
  pair_correlations as pair_correlations,
  standardise as standardise,
)
