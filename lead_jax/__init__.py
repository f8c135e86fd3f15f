"""Rank pre-trained models by how well they will fine-tune, without fine-tuning them.

Three names do most of it: `rank` (images and models in, ranked table out), `score` (one
metric on one model's features) and `lead` (the method itself, with all it computed).
"""

import lazy_loader

from lead_jax.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
