from ._network_facts import (
  count_flops as count_flops,
  count_params as count_params,
  make_apply as make_apply,
  shapes as shapes,
)
from ._networks import (
  NETWORKS as NETWORKS,
  Network as Network,
)
from ._tensors import (
  from_tensors as from_tensors,
  to_tensors as to_tensors,
)
