"""Weights from where they are published: fetched, read, and renamed to torchvision's."""

from lead_jax.backbones.weights.layouts import LAYOUTS, Layout, to_torchvision
from lead_jax.backbones.weights.read import read_weights

__all__ = ["LAYOUTS", "Layout", "read_weights", "to_torchvision"]
