"""Networks published for ImageNet, as Flax modules, and their weights.

A network is an entry of `NETWORKS`; `from_tensors` makes its variables of weights by
torchvision's names, `make_apply` the function that backbones share.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
