"""Readers of files from outside: text, JSON, CSV, arrays and archives, each bounded."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
