"""Models of the timm library: through an ONNX export in JAX, else in torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
