"""The papers' own networks: what is known of each, and the way from there to a backbone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
