"""Resizing by interpolation, as onnxruntime computes it.

Sizes are known before the network runs, so that resizing along an axis is a choice of
indices (`nearest`) or the product with a small matrix of weights computed in NumPy
(`linear`, `cubic`); axes are resized one after another.

The standard's text and onnxruntime disagree where a size times a scale is no whole
number and where a coordinate lies half-way between two pixels. A file means what its
exporter's runtime computes: coordinates are single precision, `align_corners` and
`tf_crop_and_resize` count with the integer size of the output, the output's size is the
single-precision product rounded down (regions of interest do not change it), and an
axis of scale 1 is copied, and so is an image whose size stays.
"""

import math

import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._onnx_operators._node import (
  Node,
  Value,
  integers,
  namespace,
  one_of,
  refuse_any,
  static,
  unwrap,
)

_TIE = 1e-6  # how near to half-way onnxruntime counts as half-way

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
      "tf_half_pixel_for_nn",
      "tf_crop_and_resize",
    ),
    "half_pixel",
  ),
  one_of(
    "nearest_mode",
    ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    "round_prefer_floor",
  ),
  one_of(
    "keep_aspect_ratio_policy", ("stretch", "not_larger", "not_smaller"), "stretch"
  ),
)


def resize(
  node: Node, x: Value, roi: Value = None, scales: Value = None, sizes: Value = None
) -> Value:
  """Resize from opset 11 on."""
  coordinates = node.get("coordinate_transformation_mode", "half_pixel")
  rounding = node.get("nearest_mode", "round_prefer_floor")
  region = None
  if coordinates == "tf_crop_and_resize":
    region = static(node, roi, "its region of interest").astype(np.float32)
  return _resize(node, x, region, scales, sizes, coordinates, rounding)


def resize_10(node: Node, x: Value, scales: Value = None) -> Value:
  """Resize at opset 10, and Upsample; its scales were an attribute up to opset 8."""
  if scales is None:
    scales = np.asarray(node.get("scales"), np.float32)
  return _resize(node, x, None, scales, None, "asymmetric", "simple")


def _resize(node, x, region, scales, sizes, coordinates, rounding):
  (array,), place, wrap = unwrap(x)
  xp, axes = namespace(array), node.get("axes", range(array.ndim))
  axes = [axis % array.ndim for axis in axes]
  lengths = [array.shape[place(axis)] for axis in axes]
  factors, targets = _extents(node, lengths, scales, sizes)
  if targets == lengths:  # copied, whatever the scales
    return x
  exact = array.dtype
  interpolated = node.get("mode", "nearest") in ("linear", "cubic")
  integral = jnp.issubdtype(exact, jnp.integer)
  if integral:
    bounds = jnp.iinfo(exact).min, jnp.iinfo(exact).max
  if integral and interpolated:
    array = array.astype(np.float32)
  steps = list(zip(range(len(axes)), axes, lengths, targets, factors, strict=True))
  for number, axis, n, out, factor in reversed(steps):
    if factor == 1:
      continue
    ends = None if region is None else region[[number, number + len(axes)]]
    at = _source(coordinates, np.arange(out, dtype=np.float32), n, out, factor, ends)
    along = place(axis)
    if node.get("antialias", 0) and out == n:
      pass  # copied, but not where it lies outside
    elif interpolated:
      weights = xp.asarray(_weights(node, at, n, factor), array.dtype)
      array = xp.moveaxis(xp.tensordot(array, weights, (along, 1)), -1, along)
      if node.get("antialias", 0) and integral:  # rounded along each axis
        array = xp.clip(xp.floor(array + 0.5), *bounds)
    else:
      nearest = _round(rounding, at, factor < 1).astype(int)
      array = xp.take(array, np.clip(nearest, 0, n - 1), axis=along)
    if ends is not None:
      sizes_here = [1] * array.ndim
      sizes_here[along] = out
      outside = ((at < 0) | (at > n - 1)).reshape(sizes_here)
      fill = xp.asarray(node.get("extrapolation_value", 0.0), array.dtype)
      array = xp.where(outside, fill, array)
  if array.dtype != exact:
    array = xp.clip(xp.trunc(array), *bounds).astype(exact)
  return wrap(array)


def _extents(node, lengths, scales, sizes):
  """Returns each axis's scale, in single precision, and its new length."""
  before = np.asarray(lengths, np.float32)
  if sizes is None or not sizes.size:
    factors = static(node, scales, "its scales").astype(np.float32)
    if len(factors) != len(lengths):
      raise ValueError(f"{len(factors)} scales for {len(lengths)} axes")
    return factors, np.floor(before * factors).astype(int).tolist()
  targets = integers(node, sizes, "its sizes")
  if len(targets) != len(lengths):
    raise ValueError(f"{len(targets)} sizes for {len(lengths)} axes")
  factors = np.asarray(targets, np.float32) / before
  policy = node.get("keep_aspect_ratio_policy", "stretch")
  if policy != "stretch":
    common = factors.min() if policy == "not_larger" else factors.max()
    factors = np.full_like(factors, common)
    targets = np.floor(before * factors + np.float32(0.5)).astype(int).tolist()
  return factors, targets


def _source(mode, i, n, out, scale, ends):
  """Where output pixel `i` of `out` lies among the `n` input pixels; float32."""
  half, size, last = np.float32(0.5), np.float32(n), np.float32(n - 1)
  if mode == "asymmetric":
    return i / scale
  if mode == "tf_half_pixel_for_nn":
    return (i + half) / scale
  if mode == "align_corners":
    return i * last / np.float32(out - 1) if out > 1 else i * 0
  if mode == "tf_crop_and_resize":
    start, end = ends
    if out > 1:
      return start * last + (i * (end - start) * last) / np.float32(out - 1)
    return i * 0 + half * (start + end) * last
  if mode == "pytorch_half_pixel" and out == 1:
    return i * 0
  if mode == "half_pixel_symmetric":
    offset = size / 2 * (1 - np.float32(out) / (scale * size))
    centred = (i.astype(float) + 0.5) / float(scale) - 0.5
    return (float(offset) + centred).astype(np.float32)
  return (i + half) / scale - half


def _round(mode, at, shrinks):
  if mode == "simple":  # before opset 11 nothing said how
    return np.ceil(at) if shrinks else np.trunc(at)
  low = np.floor(at)
  if mode in ("floor", "ceil"):
    return low if mode == "floor" else np.ceil(at)
  part = at.astype(float) - low
  prefers = low if mode == "round_prefer_floor" else low + 1
  return np.where(np.abs(part - 0.5) < _TIE, prefers, np.floor(at.astype(float) + 0.5))


def _weights(node, at, n, factor):
  """The matrix [out, n] of linear or cubic interpolation."""
  reach, kernel = 1, lambda d: np.maximum(1 - np.abs(d), 0)
  if node.get("mode") == "cubic":
    reach, kernel = 2, _cubic(node.get("cubic_coeff_a", -0.75))
  # Against aliasing, the kernel is as wide as the pixels that it makes.
  at, antialias = at.astype(float), node.get("antialias", 0)
  scale = min(float(factor), 1.0) if antialias else 1.0
  reach = math.ceil(reach / scale)
  index = np.floor(at).astype(int)[:, None] + np.arange(1 - reach, reach + 1)[None]
  weight = kernel(scale * (at[:, None] - index))
  if node.get("exclude_outside", 0):
    weight = np.where((index >= 0) & (index < n), weight, 0)
  if antialias or node.get("exclude_outside", 0):
    whole = weight.sum(1, keepdims=True)  # 0 where the kernel misses the image
    weight = weight / np.where(whole == 0, 1, whole)
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
