"""From images of any size to a network's input: the host's half and the device's half.

Decoding and resizing need Pillow and run in threads, a bounded number of batches ahead of
the accelerator. What is arithmetic (channel order, gray, mean and standard deviation,
layout) is a pure function that the caller compiles into the network, so that only uint8
crosses to the device. Resized images are kept per size: networks share few sizes, and the
second network of a size then costs no decoding at all.
"""

import collections
import threading
import typing
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image

from lead_jax.backbones import InputSpec, Interpolation
from lead_jax.checks import InputError
from lead_jax.data._dataset import Dataset
from lead_jax.system import cpu_count

_FILTERS = {
  name: Image.Resampling[name.upper()] for name in typing.get_args(Interpolation)
}

# Beyond it, only what the network sees of a resized image is made: a strip of 1 x 10,000
# pixels becomes 256 x 2,560,000 before its middle is cut out.
_MAX_RESIZED_PIXELS = 1 << 25

# ITU-R BT.601 luma of R, G, B.
_LUMA = (0.299, 0.587, 0.114)

_Key = tuple[str, int, int, str, int | None]


class Resized(NamedTuple):
  """Images of a data set at a network's size, as far as they are made.

  Attributes:
    images: uint8[N, H, W, 3].
    made: bool[N], which of them are.
  """

  images: np.ndarray
  made: np.ndarray


class ResizedCache:
  """Resized images of data sets, the least recently used ones dropped first.

  Safe to share between threads.
  """

  def __init__(self, max_bytes: int = 1 << 30):
    """Makes an empty cache that never holds more than `max_bytes` of pixels."""
    self._max_bytes = max_bytes
    self._kept: collections.OrderedDict[_Key, Resized] = collections.OrderedDict()
    self._lock = threading.Lock()

  def accepts(self, nbytes: int) -> bool:
    """Whether an array of this size can be kept."""
    return nbytes <= self._max_bytes

  def get(self, key: _Key) -> Resized | None:
    """What is kept under a key, or None."""
    with self._lock:
      if key in self._kept:
        self._kept.move_to_end(key)
      return self._kept.get(key)

  def put(self, key: _Key, resized: Resized) -> None:
    """Keeps images, dropping others to make room."""
    with self._lock:
      self._kept.pop(key, None)
      room = self._max_bytes - resized.images.nbytes
      while self._kept and sum(r.images.nbytes for r in self._kept.values()) > room:
        self._kept.popitem(last=False)
      if room >= 0:
        self._kept[key] = resized


def resize_image(image: np.ndarray | Image.Image, spec: InputSpec) -> np.ndarray:
  """Resizes an RGB image to what a network sees: uint8[spec.height, spec.width, 3].

  Pillow's filters widen with the reduction, so a large photograph does not alias. With
  `spec.resize`, sizes and offsets are rounded as torchvision's `Resize` and `CenterCrop`
  round them, and pixels are the same. The result may be a view of `image`.

  Args:
    image: uint8[H, W, 3], or a Pillow image in mode RGB.
    spec: Its height, width, interpolation and `resize` are used.
  """
  if spec.resize is not None:
    return _middle(_resize_shorter(image, spec.resize, spec), spec.height, spec.width)
  return _resize(image, spec.height, spec.width, spec)


def _resize(
  image: np.ndarray | Image.Image,
  height: int,
  width: int,
  spec: InputSpec,
  box: tuple[float, float, float, float] | None = None,
) -> np.ndarray:
  if box is None and _shape(image) == (height, width):
    return np.asarray(image)
  if not isinstance(image, Image.Image):
    image = Image.fromarray(np.ascontiguousarray(image))
  return np.asarray(image.resize((width, height), _FILTERS[spec.interpolation], box))


def _shape(image: np.ndarray | Image.Image) -> tuple[int, ...]:
  """Rows and columns."""
  return image.size[::-1] if isinstance(image, Image.Image) else image.shape[:2]


def _resize_shorter(
  image: np.ndarray | Image.Image, side: int, spec: InputSpec
) -> np.ndarray:
  """Gives the shorter side this length, the aspect kept."""
  height, width = _shape(image)
  new_long = int(side * max(height, width) / min(height, width))
  rows, columns = (new_long, side) if height > width else (side, new_long)
  if rows * columns <= max(_MAX_RESIZED_PIXELS, height * width):
    return _resize(image, rows, columns, spec)
  top, bottom, rows = _seen(height, rows, spec.height)
  left, right, columns = _seen(width, columns, spec.width)
  return _resize(image, rows, columns, spec, (left, top, right, bottom))


def _seen(length: int, new_length: int, wanted: int) -> tuple[float, float, int]:
  """Where on a side the middle of its resized form comes from, and its new length."""
  keep = min(new_length, wanted)
  start, scale = _offset(new_length, keep), length / new_length
  return start * scale, min((start + keep) * scale, length), keep


def _middle(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """Cuts out the middle; where the image is smaller, zeros are put around it first."""
  missing = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
  if any(missing):
    around = [(pixels // 2, (pixels + 1) // 2) for pixels in missing]
    image = np.pad(image, (*around, (0, 0)))
  top, left = _offset(image.shape[0], height), _offset(image.shape[1], width)
  return image[top : top + height, left : left + width]


def _offset(length: int, keep: int) -> int:
  return round((length - keep) / 2)  # Of an odd rest: to the even side.


def resized_batches(
  dataset: Dataset,
  spec: InputSpec,
  *,
  batch_size: int,
  rows: np.ndarray | None = None,
  cache: ResizedCache | None = None,
  threads: int | None = None,
  prefetch: int = 2,
) -> Iterator[np.ndarray]:
  """Yields a data set's images at a network's size, in order.

  Args:
    dataset: With `read_image`.
    spec: Its height, width, interpolation and `resize` are used here.
    batch_size: Batch size in images; at least one.
    rows: int[M], which images, and in which order; None is all as they are.
    cache: Where resized images are looked up, and kept once these have all been made.
    threads: How many images are made at a time; None is one per CPU core.
    prefetch: How many batches are being made while one is being used.

  Yields:
    uint8[B, H, W, 3], B images but for the last batch, which may have fewer.

  Raises:
    InputError: If the data set holds ready features and no images.
  """
  if batch_size < 1:
    raise ValueError(f"batch_size must be at least 1, got {batch_size}")
  read_image = dataset.read_image
  if read_image is None:
    raise InputError(
      f"data set {dataset.name!r} holds ready features and no images: "
      "a network cannot be applied to it"
    )
  rows = np.arange(len(dataset)) if rows is None else rows
  key = (
    dataset.fingerprint,
    spec.height,
    spec.width,
    spec.interpolation,
    spec.resize,
  )
  shape = (spec.height, spec.width, 3)
  kept = None if cache is None else cache.get(key)
  if kept is None and cache and cache.accepts(len(dataset) * int(np.prod(shape))):
    kept = Resized(
      np.empty((len(dataset), *shape), np.uint8), np.zeros(len(dataset), bool)
    )

  read = getattr(read_image, "picture", read_image)

  def make(index: int, target: np.ndarray) -> None:
    if kept is not None and kept.made[index]:
      target[...] = kept.images[index]
      return
    target[...] = resize_image(read(index), spec)
    if kept is not None:
      kept.images[index] = target
      kept.made[index] = True

  pool = ThreadPoolExecutor(threads or cpu_count())
  pending: collections.deque[tuple[np.ndarray, list[Future]]] = collections.deque()
  starts = iter(range(0, len(rows), batch_size))

  def submit() -> None:
    start = next(starts, None)
    if start is None:
      return
    some = rows[start : start + batch_size].tolist()
    # Each batch has an array of its own: a consumer may still be copying the last one to
    # its device.
    batch = np.empty((len(some), *shape), np.uint8)
    jobs = [pool.submit(make, row, batch[i]) for i, row in enumerate(some)]
    pending.append((batch, jobs))

  try:
    for _ in range(1 + prefetch):
      submit()
    while pending:
      batch, jobs = pending.popleft()
      for job in jobs:
        job.result()
      yield batch
      submit()
  finally:
    pool.shutdown(cancel_futures=True)
  if cache is not None and kept is not None:
    cache.put(key, kept)


def prepare_batch(
  images: UInt8[Array, "n h w 3"], spec: InputSpec
) -> Float[Array, "n ..."]:
  """Turns resized RGB images into a network's input; pure, to be compiled with it.

  Args:
    images: Pixels 0..255, already of the spec's height and width.
    spec: Channel order, mean, standard deviation and layout.

  Returns:
    float32, `(x - mean) / std` per channel: [N, C, H, W] or [N, H, W, C] by the layout,
    C one for gray and three otherwise.
  """
  x = images.astype(jnp.float32)
  if spec.channels == "gray":
    # A weighted sum and no matrix product, which an accelerator may round coarsely.
    red, green, blue = (weight * x[..., i : i + 1] for i, weight in enumerate(_LUMA))
    x = red + green + blue
  elif spec.channels == "bgr":
    x = x[..., ::-1]
  count = x.shape[-1]
  mean = jnp.asarray(spec.mean, jnp.float32).reshape(1, 1, 1, count)
  std = jnp.asarray(spec.std, jnp.float32).reshape(1, 1, 1, count)
  x = (x - mean) / std
  return x.transpose(0, 3, 1, 2) if spec.layout == "NCHW" else x


def prepared_images(
  dataset: Dataset, spec: InputSpec, rows: np.ndarray
) -> Float[Array, "n ..."]:
  """Reads, resizes and prepares a few images of a data set, in the order of `rows`."""
  if dataset.read_image is None:
    raise InputError(
      f"data set {dataset.name!r} holds ready features and no images: "
      "a network cannot be applied to it"
    )
  images = [resize_image(dataset.read_image(int(row)), spec) for row in rows]
  return prepare_batch(jnp.asarray(np.stack(images)), spec)
