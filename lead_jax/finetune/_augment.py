"""Random views of training images, as pure functions of a key, compiled into the step.

Pixels come and go as uint8 [N, H, W, C]: on the accelerator a batch is a quarter of its
size in float32, and what follows does not know whether there was augmentation. Types are
stated throughout, so that a key gives the same view where 64-bit types are enabled.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, UInt8

Images = UInt8[Array, "n h w c"]

# torchvision's RandomResizedCrop: share of the area, and width over height.
_AREA = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)


def flip(key: Key[Array, ""], images: Images) -> Images:
  """Mirrors each image left to right with probability one half."""
  mirrored = jax.random.bernoulli(key, jnp.float32(0.5), (images.shape[0], 1, 1, 1))
  return jnp.where(mirrored, images[:, :, ::-1], images)


def crop(key: Key[Array, ""], images: Images, pixels: int) -> Images:
  """Shifts each image by up to `pixels` in each direction; its border is reflected."""
  count, *shape = images.shape
  around = ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0))
  wide = jnp.pad(images, around, mode="reflect")
  starts = jax.random.randint(key, (count, 2), 0, 2 * pixels + 1, jnp.int32)

  def cut(image, start):
    return jax.lax.dynamic_slice(image, (start[0], start[1], jnp.int32(0)), shape)

  return jax.vmap(cut)(wide, starts)


def zoom(key: Key[Array, ""], images: Images) -> Images:
  """Enlarges a random part of each image to the whole, as `RandomResizedCrop`.

  Its area is uniform in 8 to 100 % of the image's, its ratio of width to height
  log-uniform in 3/4 to 4/3, its place uniform. A part that would not fit is cut to the
  image, where torchvision draws again. Bilinear.
  """
  count, height, width, channels = images.shape
  area_key, ratio_key, place_key = jax.random.split(key, 3)
  uniform = functools.partial(jax.random.uniform, dtype=jnp.float32)
  area = uniform(area_key, (count,), minval=_AREA[0], maxval=_AREA[1])
  low, high = (math.log(ratio) for ratio in _RATIO)
  ratio = jnp.exp(uniform(ratio_key, (count,), minval=low, maxval=high))
  sizes = jnp.stack([jnp.sqrt(area / ratio), jnp.sqrt(area * ratio)], axis=1)
  whole = jnp.asarray([[height, width]], jnp.float32)
  sizes = jnp.minimum(sizes * math.sqrt(height * width), whole)
  corners = uniform(place_key, (count, 2)) * (whole - sizes)
  scales = whole / sizes

  def enlarge(image, scale, corner):
    return jax.image.scale_and_translate(
      image, (height, width, channels), (0, 1), scale, -corner * scale, "linear"
    )

  pixels = jax.vmap(enlarge)(images.astype(jnp.float32), scales, corners)
  return jnp.clip(jnp.rint(pixels), 0, 255).astype(jnp.uint8)


def augment(
  key: Key[Array, ""], images: Images, *, flips: bool, pixels: int, zooms: bool
) -> Images:
  """Applies what is asked for: first `zoom`, then `crop` by `pixels`, then `flip`."""
  keys = jax.random.split(key, 3)
  if zooms:
    images = zoom(keys[0], images)
  if pixels:
    images = crop(keys[1], images, pixels)
  return flip(keys[2], images) if flips else images
