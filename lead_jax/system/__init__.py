"""What every room needs of the machine: atomic files, cache, compiled programs, time."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
