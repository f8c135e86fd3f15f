"""The main job: plan what is wanted, work it off into a store, conclude from the store."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
