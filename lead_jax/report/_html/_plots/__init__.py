"""Hand-written SVG: coloured by the page's style sheet, so light and dark are one plot."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
