"""Decoding: every mode ends as RGB, every damage as a reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from lead_jax.data._images import ImageError, decode, decode_image, decode_picture
from lead_jax.data._seen import look_at, notes_of, warnings_of

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


def tiff(values: np.ndarray, **tags: int) -> bytes:
  """A gray TIFF of one strip, whatever the values are said to be."""
  height, width = values.shape
  entries = {256: width, 257: height, 258: 16, 259: 1, 262: 1, 273: 8, 277: 1}
  entries |= {278: height, 279: values.nbytes, 339: 1}
  entries |= {int(tag[1:]): value for tag, value in tags.items()}
  table = b"".join(
    struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items())
  )
  offset = 8 + values.nbytes
  return (
    struct.pack("<2sHI", b"II", 42, offset)
    + values.tobytes()
    + struct.pack("<H", len(entries))
    + table
    + bytes(4)
  )


DEEP = np.array([[0, 257, 32896, 65535]], "<u2")


@pytest.mark.parametrize("orientation", [1, 3])
def test_where_zero_is_white_it_stays_white(orientation):
  plain, negative = (tiff(DEEP, t262=t, t274=orientation) for t in (1, 0))
  expected = [0, 1, 128, 255][:: 1 if orientation == 1 else -1]
  np.testing.assert_array_equal(decode_image(plain)[0, :, 0], expected)
  np.testing.assert_array_equal(
    decode_image(negative)[0, :, 0], 255 - np.array(expected)
  )


def test_a_declared_depth_of_12_bits_is_the_scale():
  # Two samples in three bytes: 0x000 0xFFF 0x800 0x010.
  packed = np.frombuffer(bytes.fromhex("000fff800010"), np.uint8)
  data = tiff(packed.reshape(1, 6), t256=4, t258=12)
  np.testing.assert_array_equal(decode_image(data)[0, :, 0], [0, 255, 128, 1])


@pytest.mark.parametrize("max_value", [4095, 65535])
def test_the_range_of_a_pgm_is_the_one_that_it_says(max_value):
  values = np.array([0, max_value // 2, max_value], ">u2")
  data = f"P5 3 1 {max_value}\n".encode() + values.tobytes()
  np.testing.assert_array_equal(decode_image(data)[0, :, 0], [0, 127, 255])


def test_little_used_ranges_are_said():
  rng = np.random.default_rng(0)

  def said(images):
    decoded = [decode(data) for data in images]
    looks = [
      look_at(np.asarray(one.picture), frames=one.frames, deep=one.deep)
      for one in decoded
    ]
    return warnings_of(looks)

  dark, whole = (rng.integers(0, top, (8, 8)).astype("<u2") for top in (4096, 65536))
  for data in (tiff(dark), tiff(dark, t262=0), encoded(Image.fromarray(dark))):
    (line,) = said([data, data])
    assert line.startswith(
      "2 images of more than 8 bits per sample use 17 of 256 levels"
    )
    assert line.endswith("scale it to the full range first (12 bits: multiply by 16)")
  assert not said([tiff(dark), tiff(whole)])
  color = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
  assert not said([encoded(color), encoded(color)])
  (line,) = said([encoded(picture("L", 1)), encoded(picture("L", 0))])
  assert line.startswith("2 images of 8 bits per sample use 2 of 256 levels (0 to 1)")


def test_negative_pixels_are_refused():
  data = tiff(np.array([[-5, 7]], "<i2"), t339=2)
  with pytest.raises(ImageError, match="negative pixels"):
    decode_image(data)


def test_signed_samples_are_refused():
  data = tiff(np.array([[5, 7], [200, 255]], "u1"), t258=8, t339=2)
  with pytest.raises(ImageError, match="signed samples"):
    decode_image(data)


def test_further_frames_are_noticed():
  frames = [picture("RGB", color) for color in (RED, (0, 0, 255))]
  for kind in ("GIF", "TIFF", "WEBP", "PNG", "MPO"):
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode(data).frames, kind
    assert not decode(encoded(frames[0], kind)).frames, kind
  one = look_at(np.zeros((2, 2, 3), np.uint8), frames=True)
  assert notes_of([one, one]) == [
    "2 files have several frames or pages, of which the first is used"
  ]


def test_heic():
  heif = pytest.importorskip("pillow_heif", reason="the extra heif is not here")
  upright = picture("RGB", RED, (60, 40))
  buffer = io.BytesIO()
  heif.from_pillow(upright).save(buffer, quality=90)
  pixels = decode_image(buffer.getvalue())
  assert pixels.shape == (40, 60, 3)
  np.testing.assert_allclose(pixels[5, 5], RED, atol=6)


def test_content_decides_and_not_the_name():
  content = encoded(picture("RGB", RED), "JPEG")
  assert decode(content, ".tga").picture.size == (4, 3)
  for text in (b"hello, world, this is text of some length", b"<xml/>", b"#!/bin/sh"):
    for end in ("", ".txt", ".jpg", ".tga"):
      with pytest.raises(ImageError, match="not an image"):
        decode(text, end)


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
