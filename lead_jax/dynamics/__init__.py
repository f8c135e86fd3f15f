"""LEAD: where the flow of the logits leads, in sample (as published) and out of sample."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
