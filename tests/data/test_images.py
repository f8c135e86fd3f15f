"""Decoding: every mode ends as RGB, every damage as a reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from lead_jax.data._images import ImageError, decode_image, decode_picture

RED = (255, 0, 0)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
  buffer = io.BytesIO()
  image.save(buffer, kind, **options)
  return buffer.getvalue()


def picture(mode: str, color, size=(4, 3)) -> Image.Image:
  return Image.new(mode, size, color)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_formats(kind):
  pixels = decode_image(encoded(picture("RGB", RED), kind))
  assert pixels.shape == (3, 4, 3)
  assert pixels.dtype == np.uint8
  np.testing.assert_allclose(pixels[1, 1], RED, atol=3)  # Lossy formats.


def test_gray_and_bilevel():
  assert (decode_image(encoded(picture("L", 77))) == 77).all()
  assert (decode_image(encoded(picture("1", 1))) == 255).all()


def test_palette():
  image = picture("RGB", RED).convert("P", palette=Image.Palette.ADAPTIVE)
  np.testing.assert_array_equal(decode_image(encoded(image))[0, 0], RED)


def test_cmyk():
  pixels = decode_image(encoded(picture("CMYK", (0, 255, 255, 0)), "TIFF"))
  np.testing.assert_array_equal(pixels[0, 0], RED)


@pytest.mark.parametrize(
  ("mode", "color", "expected"),
  [
    ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
    ("RGBA", (255, 0, 0, 255), RED),
    ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
    ("LA", (0, 0), (255, 255, 255)),
  ],
)
def test_alpha_is_laid_on_white(mode, color, expected):
  np.testing.assert_array_equal(
    decode_image(encoded(picture(mode, color)))[0, 0], expected
  )


def test_transparent_color_of_a_palette_becomes_white():
  image = Image.new("P", (2, 1))
  image.putpalette([0, 0, 0, 255, 0, 0])
  image.putpixel((1, 0), 1)
  pixels = decode_image(encoded(image, transparency=b"\x00\xff"))
  np.testing.assert_array_equal(pixels[0], [[255, 255, 255], RED])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_and_not_clipped(kind):
  values = np.array([[0, 257, 32896, 65535]], np.uint16)
  pixels = decode_image(encoded(Image.fromarray(values), kind))
  np.testing.assert_array_equal(pixels[0, :, 0], [0, 1, 128, 255])


@pytest.mark.parametrize(
  ("orientation", "stored"),
  [
    (0, lambda x: x),  # No value of the standard.
    (1, lambda x: x),
    (2, np.fliplr),
    (3, lambda x: np.rot90(x, 2)),
    (4, np.flipud),
    (5, lambda x: x.transpose(1, 0, 2)),
    (6, np.rot90),
    (7, lambda x: np.rot90(x, 2).transpose(1, 0, 2)),
    (8, lambda x: np.rot90(x, -1)),
    (9, lambda x: x),
  ],
)
def test_exif_orientation(orientation, stored):
  """How each value lays an upright image down, by the table of the EXIF standard."""
  upright = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
  exif = Image.Exif()
  exif[0x0112] = orientation
  data = encoded(
    Image.fromarray(np.ascontiguousarray(stored(upright))), "PNG", exif=exif
  )
  np.testing.assert_array_equal(decode_image(data), upright)
  np.testing.assert_array_equal(np.asarray(decode_picture(data)), upright)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_is_no_reason():
  data = encoded(picture("RGB", RED), "JPEG", exif=b"Exif\x00\x00II*\x00garbage")
  assert decode_image(data).shape == (3, 4, 3)


def test_first_frame_of_an_animation():
  frames = [picture("RGB", color) for color in (RED, (0, 0, 255))]
  data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
  np.testing.assert_array_equal(decode_image(data)[0, 0], RED)


def png_of_size(width: int, height: int) -> bytes:
  """A PNG that claims a size and holds next to nothing."""

  def chunk(kind: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum

  header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
  return (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", header)
    + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    + chunk(b"IEND", b"")
  )


@pytest.mark.parametrize(
  ("data", "reason"),
  [
    (b"", "empty file"),
    (b"hello, I am text", "not an image"),
    (
      b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
      "not an image",
    ),
    (encoded(picture("RGB", RED, (64, 64)), "JPEG")[:-300], "damaged: "),
    (encoded(picture("RGB", RED, (64, 64)))[:60], "damaged: "),
    (encoded(picture("F", 0.5), "TIFF"), "floating-point"),
    (encoded(picture("I", 70000), "TIFF"), "more than 16 bits"),
    (png_of_size(60000, 60000), "too large"),
  ],
)
def test_reasons(data, reason):
  with pytest.raises(ImageError, match=reason) as caught:
    decode_image(data)
  assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_that_pillow_only_warns_of_is_refused_before_it_is_unpacked():
  with pytest.raises(ImageError, match="too large: 12000 x 12000 pixels"):
    decode_image(png_of_size(12000, 12000))


@pytest.mark.filterwarnings("ignore:::PIL")
def test_damaged_bytes_never_raise_anything_else():
  rng = np.random.default_rng(0)
  originals = [
    encoded(picture("RGB", RED, (16, 16)), kind)
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
  ]
  failures = 0
  for data in originals:
    for _ in range(40):
      damaged = bytearray(data)
      for position in rng.integers(0, len(data), 4):
        damaged[position] = rng.integers(256)
      try:
        assert decode_image(bytes(damaged)).shape[-1] == 3
      except ImageError:
        failures += 1
  assert failures > 20
