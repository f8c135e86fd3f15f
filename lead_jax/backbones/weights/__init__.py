"""Weights from where they are published: fetched, read, and renamed to torchvision's."""

from lead_jax.backbones.weights.converted import converted
from lead_jax.backbones.weights.digests import check_digest
from lead_jax.backbones.weights.fetch import (
  PublishedFile,
  cached_download,
  download_file,
  find_weights,
)
from lead_jax.backbones.weights.layouts import LAYOUTS, Layout, to_torchvision
from lead_jax.backbones.weights.read import read_weights

__all__ = [
  "LAYOUTS",
  "Layout",
  "PublishedFile",
  "cached_download",
  "check_digest",
  "converted",
  "download_file",
  "find_weights",
  "read_weights",
  "to_torchvision",
]
