"""Engines: who works off the tasks of a plan. None of them knows a metric."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
