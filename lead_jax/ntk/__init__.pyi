from ._empirical import (
  empirical_ntk as empirical_ntk,
  squared_gradient_norms as squared_gradient_norms,
)
from ._heads import (
  Initializer as Initializer,
  LayerScales as LayerScales,
  MLPHead as MLPHead,
  apply_head as apply_head,
  head_layers as head_layers,
  init_head as init_head,
  layer_scales as layer_scales,
)
from ._infinite import (
  infinite_width_kernel as infinite_width_kernel,
)
from ._mlp import (
  expected_head_kernel_diagonal as expected_head_kernel_diagonal,
  head_kernel as head_kernel,
  head_kernel_diagonal as head_kernel_diagonal,
)
from ._spectrum import (
  class_indices as class_indices,
  class_kernels as class_kernels,
  class_spectra as class_spectra,
  mean_eigenvalues as mean_eigenvalues,
  mean_eigenvalues_by_trace as mean_eigenvalues_by_trace,
)
from ._wide import (
  wide_head_kernel as wide_head_kernel,
)
