from ._network_facts import (
  count_flops as count_flops,
  count_params as count_params,
  make_apply as make_apply,
  weight_shapes as weight_shapes,
)
from ._networks import (
  NETWORKS as NETWORKS,
  NetworkSpec as NetworkSpec,
)
from ._tensors import (
  from_tensors as from_tensors,
  to_tensors as to_tensors,
)
