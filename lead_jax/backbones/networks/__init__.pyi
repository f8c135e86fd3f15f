from ._networks import (
  NETWORKS as NETWORKS,
  Network as Network,
  count_flops as count_flops,
  count_params as count_params,
  make_apply as make_apply,
  shapes as shapes,
)
from ._tensors import (
  from_tensors as from_tensors,
  to_tensors as to_tensors,
)
