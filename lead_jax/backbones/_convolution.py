"""The one place where the form of a convolution is chosen.

On accelerators `lax.conv_general_dilated` is the right call for every convolution. On a
CPU it is not: XLA runs a depthwise convolution as a generic loop (15 to 25 times slower
than written as shifted multiply-adds), a grouped one likewise, a 1x1 convolution slower
than the matrix product that it is, and one without padding up to three times slower than
the same one with a row of padding. All forms compute the same function and are
differentiable in both arguments; tests hold them equal, gradients included.

The forms work channels-last inside, which is what XLA's CPU kernels and tensor cores
read fastest; a channels-first caller pays for the transposes around.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from lead_jax.typing import Array, Float

Layout = Literal["NHWC", "NCHW"]
KernelLayout = Literal["HWIO", "OIHW"]


def convolve(
  x: Float[Array, "n ..."],
  w: Float[Array, "..."],
  *,
  strides: Sequence[int],
  padding: Sequence[tuple[int, int]],
  dilations: Sequence[int] | None = None,
  groups: int = 1,
  layout: Layout = "NHWC",
  kernel_layout: KernelLayout = "HWIO",
  platform: str | None = None,
) -> Float[Array, "n ..."]:
  """Convolves images with a kernel, zero-padded, in the fastest form for the platform.

  Args:
    x: Images, `float[N, *space, C]` (`NHWC`) or `float[N, C, *space]` (`NCHW`), with any
      number of spatial axes, at least one.
    w: Kernel, `float[*k, C / groups, M]` (`HWIO`) or `float[M, C / groups, *k]` (`OIHW`).
    strides: Step along each spatial axis, at least 1.
    padding: Zeros (before, after) along each spatial axis, at least 0.
    dilations: Spacing of the kernel's taps, at least 1; all 1 if None.
    groups: Divides C and M; output channel block g sees input channel block g alone.
    layout: Order of the axes of `x` and of the result.
    kernel_layout: Order of the axes of `w`.
    platform: `cpu`, `gpu` or `tpu`; JAX's default backend at trace time if None.

  Returns:
    `float[N, *space', M]` or `float[N, M, *space']`, where
    `space' = (space + before + after - dilation (k - 1) - 1) // stride + 1`.

  Raises:
    ValueError: If the number of axes or of channels does not fit together.
  """
  space = x.ndim - 2
  dilations = (1,) * space if dilations is None else tuple(dilations)
  strides, padding = tuple(strides), tuple((int(a), int(b)) for a, b in padding)
  if w.ndim != x.ndim or {len(strides), len(padding), len(dilations)} != {space}:
    raise ValueError(
      f"w, strides, padding and dilations must fit the {space} spatial axes of x, "
      f"received w of shape {w.shape}, {strides=}, {padding=}, {dilations=}"
    )
  dtype = jnp.result_type(x, w)
  x, w = jnp.asarray(x, dtype), jnp.asarray(w, dtype)
  if layout == "NCHW":
    x = jnp.moveaxis(x, 1, -1)
  given = w
  if kernel_layout == "OIHW":
    w = jnp.transpose(w, (*range(2, w.ndim), 1, 0))
  if x.shape[-1] != w.shape[-2] * groups or w.shape[-1] % groups:
    raise ValueError(
      f"groups must match the channels: x has {x.shape[-1]} channels, w takes "
      f"{w.shape[-2]} and gives {w.shape[-1]}, received groups={groups}"
    )
  kernel = w.shape[:-2]
  pointwise = all(k == 1 for k in kernel) and not any(map(sum, padding))
  if (platform or jax.default_backend()) != "cpu":
    y = _general(x, w, strides, padding, dilations, groups)
  elif pointwise and groups == 1:
    # The kernel as it came: a product contracts either axis of it without a copy.
    matrix, axis = given.reshape(w.shape[-2:]), 0
    if kernel_layout == "OIHW":
      matrix, axis = given.reshape(given.shape[:2]), 1
    contracted = ((x.ndim - 1,), (axis,))
    y = lax.dot_general(_strided(x, strides), matrix, (contracted, ((), ())))
  elif pointwise:
    y = _pointwise_grouped(_strided(x, strides), w, groups)
  elif groups > 1 and w.shape[-2] == 1:
    y = _depthwise(x, w, strides, padding, dilations)
  elif groups > 1:
    y = _grouped(x, w, strides, padding, dilations, groups)
  elif not any(map(sum, padding)):
    y = _unpadded(x, w, strides, dilations)
  else:
    y = _general(x, w, strides, padding, dilations, groups)
  return jnp.moveaxis(y, -1, 1) if layout == "NCHW" else y


def _general(x, w, strides, padding, dilations, groups):
  letters = "DHW"[-(x.ndim - 2) :]
  return lax.conv_general_dilated(
    x,
    w,
    strides,
    padding,
    rhs_dilation=dilations,
    dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
    feature_group_count=groups,
  )


def _unpadded(x, w, strides, dilations):
  """With a row of zeros after the image; what comes of it is cut off."""
  padding = ((0, 1), *((0, 0),) * (x.ndim - 3))
  y = _general(x, w, strides, padding, dilations, 1)
  rows = (x.shape[1] - dilations[0] * (w.shape[0] - 1) - 1) // strides[0] + 1
  return y[:, : max(rows, 0)]


def _strided(x, strides):
  return x[(slice(None), *(slice(None, None, s) for s in strides))]


def _pointwise_grouped(x, w, groups):
  """One matrix product per group: blocks of channels are a batch axis of the product."""
  blocks = x.reshape(*x.shape[:-1], groups, -1)
  w = w.reshape(w.shape[-2], groups, -1)
  y = jnp.einsum("...gi,igo->...go", blocks, w)
  return y.reshape(*x.shape[:-1], -1)


def _depthwise(x, w, strides, padding, dilations):
  """Each channel by itself: a sum over the kernel's taps of shifted images."""
  kernel = w.shape[:-2]
  multiplier = w.shape[-1] // x.shape[-1]
  if multiplier > 1:
    x = jnp.repeat(x, multiplier, axis=-1)
  x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
  extents = [
    (size - d * (k - 1) - 1) // s * s + 1
    for size, k, s, d in zip(x.shape[1:-1], kernel, strides, dilations, strict=True)
  ]
  total = None
  for tap in itertools.product(*map(range, kernel)):
    starts = [i * d for i, d in zip(tap, dilations, strict=True)]
    stops = [start + extent for start, extent in zip(starts, extents, strict=True)]
    shifted = lax.slice(
      x, (0, *starts, 0), (x.shape[0], *stops, x.shape[-1]), (1, *strides, 1)
    )
    term = shifted * w[tap].reshape((1,) * (x.ndim - 1) + (-1,))
    total = term if total is None else total + term
  return total


def _grouped(x, w, strides, padding, dilations, groups):
  """Groups one after another: XLA's CPU kernel for groups is a generic loop."""
  parts = [
    _general(part, kernel, strides, padding, dilations, 1)
    for part, kernel in zip(
      jnp.split(x, groups, axis=-1), jnp.split(w, groups, axis=-1), strict=True
    )
  ]
  return jnp.concatenate(parts, axis=-1)
