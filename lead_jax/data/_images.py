"""From the bytes of an image file, whatever it holds, to uint8 RGB.

Image files are untrusted input: only the formats named here are tried, pictures that
would unpack into hundreds of megabytes are refused before they are unpacked, and every
failure comes out as one exception with a reason fit for a report.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lead_jax.checks import one_line

IMAGE_EXTENSIONS = frozenset(
  (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
)

# PPM stands for its whole family. No format that calls an outside program (EPS) is here.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")

_ORIENTATION = 0x0112  # EXIF; 2 to 8 are turned or mirrored.

# Pillow's own default for its warning; 256 MiB of RGB.
MAX_PIXELS = 89_478_485


class ImageError(Exception):
  """An image cannot be used; the message is the reason, without the file's name."""


def decode_image(data: bytes) -> np.ndarray:
  """Decodes one image to uint8[H, W, 3], RGB; see `decode_picture`."""
  return np.array(decode_picture(data))


def decode_picture(data: bytes) -> Image.Image:
  """Decodes one image.

  The first frame of an animation is taken, EXIF orientation is applied, transparency is
  laid on white, and 16-bit gray is scaled to 8 bits.

  Args:
    data: Content of the file.

  Returns:
    A loaded picture in mode RGB.

  Raises:
    ImageError: If it cannot be decoded.
  """
  if not data:
    raise ImageError("empty file")
  try:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
      width, height = image.size
      if width * height > MAX_PIXELS:
        raise ImageError(f"too large: {width} x {height} pixels")
      image.load()
      return _to_rgb(_upright(image))
  except ImageError:
    raise
  except UnidentifiedImageError:
    raise ImageError("not an image") from None
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


def _upright(image: Image.Image) -> Image.Image:
  """Applies EXIF orientation, where there is one that can be read."""
  try:
    if image.getexif().get(_ORIENTATION) not in range(2, 9):
      return image  # Pillow would copy it.
    return ImageOps.exif_transpose(image)
  except Exception:  # A broken EXIF block does not make the pixels unusable.
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
  if image.mode == "F":
    raise ImageError("floating-point pixels, whose range is unknown")
  if image.mode.startswith("I"):
    gray = np.asarray(image).astype(np.int64)
    if gray.min() < 0 or gray.max() > 65535:
      raise ImageError("pixels of more than 16 bits")
    # 65535 / 255 = 257; Pillow's own conversion would clip at 255 instead.
    return Image.fromarray(((gray + 128) // 257).astype(np.uint8)).convert("RGB")
  if image.has_transparency_data:
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    image = Image.alpha_composite(white, layer)
  return image if image.mode == "RGB" else image.convert("RGB")
