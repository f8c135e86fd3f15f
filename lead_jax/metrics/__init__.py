"""Scores of features against labels, one table of them; larger is better in all."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
