"""Operators that slide a window over space: convolution and pooling.

All of them work channels-last, and hand that layout on.
"""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lead_jax.backbones._convolution import convolve
from lead_jax.backbones._onnx_operators._node import (
  ChannelsLast,
  Node,
  Value,
  channels_last,
  integers,
  one_of,
)

AUTO_PAD = one_of("auto_pad", ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"), "NOTSET")


def pool_refuse(node: Node) -> str | None:
  """Of SAME, onnxruntime counts no dilations in pooling: the output is smaller."""
  mode, dilations = node.get("auto_pad", "NOTSET"), node.get("dilations") or (1,)
  if mode.startswith("SAME") and max(dilations) > 1:
    return f"auto_pad={mode} and dilations"
  return AUTO_PAD(node)


def conv(node: Node, x: Value, w: Value, bias: Value = None) -> ChannelsLast:
  image = channels_last(x)
  w = jnp.asarray(w)
  strides, dilations, padding = window(node, image.shape[1:-1], w.shape[2:])
  y = convolve(
    image,
    w,
    strides=strides,
    padding=padding,
    dilations=dilations,
    groups=node.get("group", 1),
    kernel_layout="OIHW",
  )
  if bias is not None:
    y = y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
  return ChannelsLast(y)


def conv_transpose(node: Node, x: Value, w: Value, bias: Value = None) -> ChannelsLast:
  """The transpose of a convolution: each pixel spreads a scaled kernel."""
  image, w = channels_last(x), jnp.asarray(w)
  kernel, space, groups = w.shape[2:], image.shape[1:-1], node.get("group", 1)
  strides = tuple(node.get("strides", (1,) * len(kernel)))
  dilations = tuple(node.get("dilations", (1,) * len(kernel)))
  extra = tuple(node.get("output_padding", (0,) * len(kernel)))
  pads = _transposed_padding(node, space, kernel, strides, dilations, extra)
  padding = [
    (d * (k - 1) - before, d * (k - 1) - after + more)
    for k, d, (before, after), more in zip(kernel, dilations, pads, extra, strict=True)
  ]
  # [C, M / groups, *k] -> [M, C / groups, *k], each tap from the other end.
  w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
  w = jnp.swapaxes(w, 1, 2).reshape(-1, w.shape[1], *kernel)
  letters = "DHW"[-len(kernel) :]
  y = lax.conv_general_dilated(
    image,
    jnp.flip(w, tuple(range(2, w.ndim))),
    (1,) * len(kernel),
    padding,
    lhs_dilation=strides,
    rhs_dilation=dilations,
    dimension_numbers=(f"N{letters}C", f"OI{letters}", f"N{letters}C"),
    feature_group_count=groups,
  )
  if bias is not None:
    y = y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
  return ChannelsLast(y)


def _transposed_padding(node, space, kernel, strides, dilations, extra):
  """What is cut from the full result, before and after."""
  mode, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
  if wanted is None and mode in ("NOTSET", "VALID"):
    return _explicit_padding(node, space, kernel, strides, dilations)
  if wanted is None:  # SAME never adds
    wanted = [
      min(n * s, s * (n - 1) + more + d * (k - 1) + 1)
      for n, k, s, d, more in zip(space, kernel, strides, dilations, extra, strict=True)
    ]
  padding = []
  for n, k, s, d, more, out in zip(
    space, kernel, strides, dilations, extra, wanted[-len(kernel) :], strict=True
  ):
    total = s * (n - 1) + more + d * (k - 1) + 1 - out
    less, rest = total // 2, total - total // 2
    if total <= 0:  # a larger output than there is grows at its end
      padding.append((0, total))
    else:
      padding.append((less, rest) if mode == "SAME_UPPER" else (rest, less))
  return tuple(padding)


def lp_pool(node: Node, x: Value) -> ChannelsLast:
  image, p = channels_last(x), node.get("p", 2)
  kernel = node.get("kernel_shape")
  strides, dilations, padding = window(node, image.shape[1:-1], kernel)
  y = lax.reduce_window(
    jnp.abs(image) ** p,
    np.asarray(0, image.dtype),
    lax.add,
    (1, *kernel, 1),
    (1, *strides, 1),
    ((0, 0), *padding, (0, 0)),
    window_dilation=(1, *dilations, 1),
  )
  return ChannelsLast(y ** (1 / p))


def global_lp_pool(node: Node, x: Value) -> ChannelsLast:
  image, p = channels_last(x), node.get("p", 2)
  axes = tuple(range(1, image.ndim - 1))
  return ChannelsLast((jnp.abs(image) ** p).sum(axes, keepdims=True) ** (1 / p))


def max_pool(node: Node, x: Value) -> ChannelsLast:
  image = channels_last(x)
  kernel = node.get("kernel_shape")
  strides, dilations, padding = window(node, image.shape[1:-1], kernel)
  floating = jnp.issubdtype(image.dtype, jnp.floating)
  lowest = -jnp.inf if floating else jnp.iinfo(image.dtype).min
  y = lax.reduce_window(
    image,
    np.asarray(lowest, image.dtype),
    lax.max,
    (1, *kernel, 1),
    (1, *strides, 1),
    ((0, 0), *padding, (0, 0)),
    window_dilation=(1, *dilations, 1),
  )
  return ChannelsLast(y)


def average_pool(node: Node, x: Value) -> ChannelsLast:
  image = channels_last(x)
  kernel, space = node.get("kernel_shape"), image.shape[1:-1]
  strides, dilations, padding = window(node, space, kernel)
  y = lax.reduce_window(
    image,
    np.asarray(0, image.dtype),
    lax.add,
    (1, *kernel, 1),
    (1, *strides, 1),
    ((0, 0), *padding, (0, 0)),
    window_dilation=(1, *dilations, 1),
  )
  # What ceil_mode adds at the end never counts; the stated padding counts if asked.
  explicit = _explicit_padding(node, space, kernel, strides, dilations)
  counts: np.ndarray = np.ones(())
  for axis, size in enumerate(space):
    before, after = explicit[axis]
    low, high = (-before, size + after) if node.get("count_include_pad") else (0, size)
    starts = np.arange(y.shape[axis + 1]) * strides[axis] - before
    taps = starts[:, None] + np.arange(kernel[axis])[None] * dilations[axis]
    counts = counts[..., None] * ((taps >= low) & (taps < high)).sum(1)
  return ChannelsLast(y / jnp.asarray(counts[None, ..., None], y.dtype))


def global_average_pool(node: Node, x: Value) -> ChannelsLast:
  image = channels_last(x)
  return ChannelsLast(image.mean(tuple(range(1, image.ndim - 1)), keepdims=True))


def global_max_pool(node: Node, x: Value) -> ChannelsLast:
  image = channels_last(x)
  return ChannelsLast(image.max(tuple(range(1, image.ndim - 1)), keepdims=True))


def col2im(node: Node, x: Value, image: Value, block: Value) -> ChannelsLast:
  """Sums windows [N, C * taps, L] into the images that they were cut from."""
  space, kernel = integers(node, image, "its image"), integers(node, block, "its block")
  strides, dilations, padding = window(node, space, kernel)
  grown = [
    n + before + after for n, (before, after) in zip(space, padding, strict=True)
  ]
  counts = [
    (n - d * (k - 1) - 1) // s + 1
    for n, d, k, s in zip(grown, dilations, kernel, strides, strict=True)
  ]
  taps = jnp.asarray(x).reshape(x.shape[0], -1, math.prod(kernel), *counts)
  total = jnp.zeros((*taps.shape[:2], *grown), taps.dtype)
  for number, tap in enumerate(itertools.product(*map(range, kernel))):
    places = tuple(
      slice(i * d, i * d + (count - 1) * s + 1, s)
      for i, d, count, s in zip(tap, dilations, counts, strides, strict=True)
    )
    total = total.at[(..., *places)].add(taps[:, :, number])
  inner = tuple(
    slice(before, before + n) for n, (before, _) in zip(space, padding, strict=True)
  )
  return ChannelsLast(channels_last(total[(..., *inner)]))


def lrn(node: Node, x: jax.Array) -> jax.Array:
  """Local response normalisation over neighbouring channels."""
  width = node.get("size")
  before = (width - 1) // 2
  padding = ((0, 0), (before, width - 1 - before)) + ((0, 0),) * (x.ndim - 2)
  window = (1, width) + (1,) * (x.ndim - 2)
  squares = lax.reduce_window(
    x * x, np.asarray(0, x.dtype), lax.add, window, (1,) * x.ndim, padding
  )
  scale = node.get("bias", 1.0) + node.get("alpha", 1e-4) / width * squares
  return x / scale ** node.get("beta", 0.75)


def window(node, space, kernel):
  """Returns strides, dilations and the padding that yields the output's size."""
  strides = tuple(node.get("strides", (1,) * len(kernel)))
  dilations = tuple(node.get("dilations", (1,) * len(kernel)))
  padding = _explicit_padding(node, space, kernel, strides, dilations)
  if not node.get("ceil_mode", 0):
    return strides, dilations, padding
  grown = []
  for n, k, s, d, (before, after) in zip(
    space, kernel, strides, dilations, padding, strict=True
  ):
    extent = d * (k - 1) + 1
    windows = math.ceil((n + before + after - extent) / s) + 1
    if (windows - 1) * s >= n + before:  # it would start beyond the image
      windows -= 1
    grown.append((before, max((windows - 1) * s + extent - n - before, after)))
  return strides, dilations, tuple(grown)


def _explicit_padding(node, space, kernel, strides, dilations):
  mode = node.get("auto_pad", "NOTSET")
  if mode == "VALID":
    return ((0, 0),) * len(kernel)
  if mode == "NOTSET":
    pads = node.get("pads", (0,) * (2 * len(kernel)))
    return tuple(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True))
  padding = []
  for n, k, s, d in zip(space, kernel, strides, dilations, strict=True):
    total = (-(-n // s) - 1) * s + d * (k - 1) + 1 - n
    least = -1 if mode == "SAME_UPPER" else -2
    if total < least and node.op_type.endswith("Pool"):  # onnxruntime refuses, or cuts
      raise ValueError(f"auto_pad={mode} would cut pixels off; export it with pads")
    total = max(total, 0)
    less, more = total // 2, total - total // 2
    padding.append((less, more) if mode == "SAME_UPPER" else (more, less))
  return tuple(padding)
