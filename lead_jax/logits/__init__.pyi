from ._evolution import (
  evolve_class_aware as evolve_class_aware,
  evolve_constant as evolve_constant,
  evolve_full_kernel as evolve_full_kernel,
)
from ._flow import (
  cross_entropy_flow as cross_entropy_flow,
)
from ._gmm import (
  gmm_decision as gmm_decision,
)
from ._held_out_flow import (
  KernelSpectrum as KernelSpectrum,
  held_out_flow as held_out_flow,
  held_out_ridge as held_out_ridge,
  kernel_spectrum as kernel_spectrum,
  trained_flow as trained_flow,
  trained_ridge as trained_ridge,
)
from ._initial import (
  Classifier as Classifier,
  InitialLogits as InitialLogits,
  Normalisation as Normalisation,
  initial_logits as initial_logits,
  normalise_decisions as normalise_decisions,
)
from ._lda import (
  lda_decision as lda_decision,
)
from ._svm import (
  svm_decision as svm_decision,
)
