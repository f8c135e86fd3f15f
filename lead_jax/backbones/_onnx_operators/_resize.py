"""Resizing by interpolation.

Sizes are known before the network runs, so that resizing along an axis is a choice of
indices (`nearest`) or the product with a small matrix of weights computed in NumPy
(`linear`, `cubic`); axes are resized one after another.
"""

import math

import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import (
  Node,
  Value,
  integers,
  one_of,
  refuse_any,
  static,
  unwrap,
)

refuse = refuse_any(
  one_of("mode", ("nearest", "linear", "cubic"), "nearest"),
  one_of(
    "coordinate_transformation_mode",
    (
      "half_pixel",
      "half_pixel_symmetric",
      "pytorch_half_pixel",
      "align_corners",
      "asymmetric",
    ),
    "half_pixel",
  ),
  one_of(
    "nearest_mode",
    ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    "round_prefer_floor",
  ),
  one_of("keep_aspect_ratio_policy", ("stretch",), "stretch"),
)


def resize(
  node: Node, x: Value, roi: Value = None, scales: Value = None, sizes: Value = None
) -> Value:
  """Resize from opset 11 on. `roi` serves a mode that is refused."""
  coordinates = node.get("coordinate_transformation_mode", "half_pixel")
  return _resize(node, x, scales, sizes, coordinates, "round_prefer_floor")


def resize_10(node: Node, x: Value, scales: Value) -> Value:
  """Resize at opset 10, and Upsample."""
  return _resize(node, x, scales, None, "asymmetric", "floor")


def _resize(node, x, scales, sizes, coordinates, rounding):
  (array,), place, wrap = unwrap(x)
  axes = [axis % array.ndim for axis in node.get("axes", range(array.ndim))]
  if sizes is not None and sizes.size:
    targets = integers(node, sizes, "its sizes")
    lengths = [array.shape[place(axis)] for axis in axes]
    factors = [out / n for out, n in zip(targets, lengths, strict=True)]
  else:
    factors = static(node, scales, "its scales").astype(float).tolist()
    targets = [
      math.floor(array.shape[place(axis)] * factor)
      for axis, factor in zip(axes, factors, strict=True)
    ]
  for axis, out, factor in zip(axes, targets, factors, strict=True):
    place_here = place(axis)
    n = array.shape[place_here]
    if out == n and factor == 1:
      continue
    at = _source(coordinates, np.arange(out, dtype=float), n, out, factor)
    if node.get("mode", "nearest") == "nearest":
      nearest = _round(node.get("nearest_mode", rounding), at).astype(int)
      array = jnp.take(array, np.clip(nearest, 0, n - 1), axis=place_here)
      continue
    weights = _weights(node, at, n, factor)
    product = jnp.tensordot(array, jnp.asarray(weights, array.dtype), (place_here, 1))
    array = jnp.moveaxis(product, -1, place_here)
  return wrap(array)


def _source(mode, i, n, out, scale):
  """Where output pixel `i` of `out` lies among the `n` input pixels."""
  if mode == "asymmetric":
    return i / scale
  if mode == "align_corners":
    return i * (n - 1) / (scale * n - 1) if out > 1 else i * 0
  if mode == "pytorch_half_pixel" and out == 1:
    return i * 0
  if mode == "half_pixel_symmetric":
    offset = n / 2 * (1 - out / (scale * n))
    return offset + (i + 0.5) / scale - 0.5
  return (i + 0.5) / scale - 0.5


def _round(mode, at):
  if mode == "round_prefer_floor":
    return np.ceil(at - 0.5)
  if mode == "round_prefer_ceil":
    return np.floor(at + 0.5)
  return np.floor(at) if mode == "floor" else np.ceil(at)


def _weights(node, at, n, factor):
  """The matrix [out, n] of linear or cubic interpolation."""
  reach, kernel = 1, lambda d: np.maximum(1 - np.abs(d), 0)
  if node.get("mode") == "cubic":
    reach, kernel = 2, _cubic(node.get("cubic_coeff_a", -0.75))
  # Against aliasing, the kernel is as wide as the pixels that it makes.
  antialias = node.get("antialias", 0)
  scale = min(factor, 1.0) if antialias else 1.0
  reach = math.ceil(reach / scale)
  index = np.floor(at).astype(int)[:, None] + np.arange(1 - reach, reach + 1)[None]
  weight = kernel(scale * (at[:, None] - index))
  if node.get("exclude_outside", 0):
    weight = np.where((index >= 0) & (index < n), weight, 0)
  if antialias or node.get("exclude_outside", 0):
    weight = weight / weight.sum(1, keepdims=True)
  matrix = np.zeros((len(at), n))
  rows = np.arange(len(at))[:, None]
  np.add.at(matrix, (rows, np.clip(index, 0, n - 1)), weight)
  return matrix


def _cubic(a):
  """The cubic convolution kernel of Keys (1981) with free parameter `a`."""

  def kernel(distance):
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))

  return kernel
