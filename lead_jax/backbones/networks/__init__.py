"""Networks published for ImageNet, as Flax modules, and their weights.

A network is an entry of `NETWORKS`; `from_tensors` makes its variables of weights by
torchvision's names, `make_apply` the function that backbones share.
"""

from lead_jax.backbones.networks.table import (
  NETWORKS,
  Network,
  count_flops,
  count_params,
  make_apply,
)
from lead_jax.backbones.networks.tensors import from_tensors, to_tensors

__all__ = [
  "NETWORKS",
  "Network",
  "count_flops",
  "count_params",
  "from_tensors",
  "make_apply",
  "to_tensors",
]
