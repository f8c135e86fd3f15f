"""From the bytes of an image file, whatever it holds, to uint8 RGB.

Image files are untrusted input: only the formats of `_formats` are tried, pictures that
would unpack into hundreds of megabytes are refused before they are unpacked, and every
failure comes out as one exception with a reason fit for a report.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lead_jax.checks import InputError, need, one_line
from lead_jax.data._formats import (
  HEAD_BYTES,
  HEIF,
  TAIL_BYTES,
  formats_of,
  missing_support,
)

# Reason of what holds no picture at all.
NOT_AN_IMAGE = "not an image"

_ORIENTATION = 0x0112  # EXIF; 2 to 8 are turned or mirrored.
# TIFF tags, and the photometric interpretation in which 0 is white.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
_SAMPLE_FORMAT, _SIGNED = 339, 2
# Where the bit depth stands in a PNG.
_PNG_DEPTH = 24

# Pillow's own default for its warning; 256 MiB of RGB.
MAX_PIXELS = 89_478_485


class ImageError(Exception):
  """An image cannot be used; the message is the reason, without the file's name."""


class Decoded(NamedTuple):
  """A decoded image.

  Attributes:
    picture: Loaded, in mode RGB.
    frames: Whether the file holds more pictures than this, its first.
    deep: Whether the file has more than 8 bits per sample.
  """

  picture: Image.Image
  frames: bool
  deep: bool


def decode_image(data: bytes) -> np.ndarray:
  """Decodes one image to uint8[H, W, 3], RGB; see `decode`."""
  return np.array(decode_picture(data))


def decode_picture(data: bytes) -> Image.Image:
  """Decodes one image to a Pillow image in mode RGB; see `decode`."""
  return decode(data).picture


def decode(data: bytes, end: str = "") -> Decoded:
  """Decodes one image.

  The first frame of an animation is taken, EXIF orientation is applied, and transparency
  is laid on white. Samples of more than 8 bits are scaled from the range of the bits that
  the file declares (65535 for 16, 4095 for 12) and never by what they hold, so that images
  of one data set stay comparable; 0 is black in the result, also of a TIFF whose 0 is
  white.

  Args:
    data: Content of the file.
    end: The end of the file's name, for formats that their content does not tell.

  Raises:
    ImageError: If it cannot be decoded.
  """
  if not data:
    raise ImageError("empty file")
  formats = formats_of(data[:HEAD_BYTES], data[-TAIL_BYTES:], end)
  if not formats:
    raise ImageError(NOT_AN_IMAGE)
  if lacking := missing_support(formats):
    raise ImageError(lacking)
  try:
    with _opened(data, formats) as image:
      width, height = image.size
      if width * height > MAX_PIXELS:
        raise ImageError(f"too large: {width} x {height} pixels")
      frames = _has_frames(image)
      image.load()
      deep = _is_deep(image, data)
      return Decoded(_to_rgb(_upright(image)), frames, deep)
  except ImageError:
    raise
  except InputError as error:
    raise ImageError(str(error)) from None
  except UnidentifiedImageError:
    raise ImageError(NOT_AN_IMAGE) from None
  except Image.DecompressionBombError as error:
    raise ImageError(f"too large: {one_line(error, most=200)}") from None
  # Decoders fed with damaged files raise almost anything (OSError, SyntaxError,
  # struct.error, IndexError, MemoryError ...); whatever it is, the picture is no use.
  except Exception as error:
    raise ImageError(f"damaged: {one_line(error, most=200)}") from None


class PictureReader:
  """Image i as an array, or as the Pillow image that the array would be copied from."""

  def __init__(self, read_bytes: Callable[[int], bytes]):
    """Takes what returns the content of file i."""
    self._read_bytes = read_bytes

  def __call__(self, index: int) -> np.ndarray:
    """uint8[H, W, 3], RGB."""
    return decode_image(self._read_bytes(index))

  def picture(self, index: int) -> Image.Image:
    """The same as a Pillow image."""
    return decode_picture(self._read_bytes(index))


def _opened(data: bytes, formats: tuple[str, ...]) -> Image.Image:
  """The image, identified and not yet unpacked."""
  if formats == (HEIF,):
    heif = need("pillow_heif", extra="heif", purpose="HEIC")
    opened: Image.Image = heif.HeifImageFile(io.BytesIO(data))
    return opened
  return Image.open(io.BytesIO(data), formats=formats)


def _has_frames(image: Image.Image) -> bool:
  """Whether there are more pictures in the file; layers and sizes of one do not count."""
  if image.format in ("PSD", "ICO", "ICNS", "CUR"):
    return False
  try:
    return bool(getattr(image, "is_animated", False))
  except Exception:  # A damaged second frame does not make the first one unusable.
    return True


def _is_deep(image: Image.Image, data: bytes) -> bool:
  """Whether the file has more than 8 bits per sample."""
  if image.mode.startswith("I"):
    return True
  if image.format == "PNG":
    return data[_PNG_DEPTH] == 16
  bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 8)
  return max(bits) > 8 if isinstance(bits, tuple) and bits else bits == 16


def _upright(image: Image.Image) -> Image.Image:
  """Applies EXIF orientation, where there is one that can be read."""
  try:
    if image.getexif().get(_ORIENTATION) not in range(2, 9):
      return image  # Pillow would copy it.
    tags = getattr(image, "tag_v2", None)
    image = ImageOps.exif_transpose(image)
    if tags is not None:  # Turning makes a plain image of it.
      image.tag_v2 = tags  # type: ignore[attr-defined]
    return image
  except Exception:  # A broken EXIF block does not make the pixels unusable.
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
  if image.mode == "F":
    raise ImageError(
      "floating-point pixels, whose range is unknown: save them as integers of 8 or 16 bits"
    )
  if image.mode.startswith("I"):
    return _from_deep_gray(image)
  formats = getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, ())
  if _SIGNED in (formats if isinstance(formats, tuple) else (formats,)):
    raise ImageError("signed samples, whose range is unknown: save them as 0..255")
  if image.mode in ("La", "LA"):
    image = image.convert("LA")
  if image.has_transparency_data:
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    image = Image.alpha_composite(white, layer)
  return image if image.mode == "RGB" else image.convert("RGB")


def _from_deep_gray(image: Image.Image) -> Image.Image:
  """Scales gray of more than 8 bits; 0 becomes black."""
  gray = np.asarray(image).astype(np.int64)
  tags = getattr(image, "tag_v2", {})
  bits = tags.get(_BITS_PER_SAMPLE, 16)
  bits = bits[0] if isinstance(bits, tuple) else bits
  top = 4095 if bits == 12 else 65535
  if gray.min() < 0:
    raise ImageError("negative pixels, whose range is unknown: save them as 0..65535")
  if gray.max() > top:
    raise ImageError("pixels of more than 16 bits: save them as 0..65535")
  if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
    gray = top - gray
  # Pillow's own conversion would clip at 255 instead.
  scaled = (gray * 255 + top // 2) // top
  return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
