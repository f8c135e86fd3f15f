"""Rank pre-trained models by how well they will fine-tune, without fine-tuning them.

Three names do most of it: `rank` (images and models in, ranked table out), `score` (one
metric on one model's features) and `lead` (the method itself, with all it computed).
"""

from typing import Any

import lazy_loader

from lead_jax.version import __version__ as __version__

_promised, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
  if name == "heads":
    from lead_jax import ntk
    from lead_jax.system import deprecated

    deprecated("lead_jax.heads", since="0.1", removed="0.3", use="lead_jax.ntk")
    return ntk
  return _promised(name)
