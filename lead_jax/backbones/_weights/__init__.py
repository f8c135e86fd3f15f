"""Weights from where they are published: fetched, read, and renamed to torchvision's."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
