"""Neural tangent kernels: exact ones of any network, closed forms for the MLP head."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
