"""Pre-trained networks, whatever file they come from, as one type: `Backbone`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
