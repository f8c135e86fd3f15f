"""The resize and the cut that a network was evaluated with, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.data import _preprocess as preprocess
from lead_jax.data._preprocess import resize_image

# (rows, columns) of the image: both ways round, odd and even rests, already of that size,
# smaller than the cut, a thin strip.
SHAPES = [(37, 50), (50, 37), (41, 41), (16, 23), (23, 16), (5, 9), (16, 16), (3, 61)]
# (resize, height, width): as ImageNet networks are evaluated, odd rests, a cut that is not
# square, one that reaches beyond the resized image on one side or on both.
CUTS = [
  (16, 14, 14),
  (17, 12, 12),
  (20, 10, 15),
  (16, 16, 16),
  (12, 14, 14),
  (9, 20, 8),
]


def image_of(rows: int, columns: int) -> np.ndarray:
  rng = np.random.default_rng([rows, columns])
  return rng.integers(0, 256, (rows, columns, 3), np.uint8)


def by_hand(
  image: np.ndarray, side: int, height: int, width: int, filter_
) -> np.ndarray:
  """The same with Pillow alone: its resize, then its crop, which puts zeros outside."""
  rows, columns = image.shape[:2]
  if rows >= columns:
    size = side, int(side * rows / columns)
  else:
    size = int(side * columns / rows), side
  picture = Image.fromarray(image).resize(size, filter_)

  def start(have: int, want: int) -> int:
    return -((want - have) // 2) if want > have else round((have - want) / 2)

  left, top = start(size[0], width), start(size[1], height)
  return np.asarray(picture.crop((left, top, left + width, top + height)))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_against_pillow(shape, cut):
  side, height, width = cut
  image = image_of(*shape)
  spec = InputSpec(height, width, resize=side, interpolation="bicubic")
  found = resize_image(image, spec)
  assert found.shape == (height, width, 3)
  expected = by_hand(image, side, height, width, Image.Resampling.BICUBIC)
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos", "box"])
@pytest.mark.parametrize("cut", CUTS)
def test_against_torchvision(transforms, name, cut):
  side, height, width = cut
  both = transforms.Compose(
    [
      transforms.Resize(side, transforms.InterpolationMode(name)),
      transforms.CenterCrop((height, width)),
    ]
  )
  spec = InputSpec(height, width, resize=side, interpolation=name)
  for shape in SHAPES:
    image = image_of(*shape)
    expected = np.asarray(both(Image.fromarray(image)))
    np.testing.assert_array_equal(resize_image(image, spec), expected)


def test_both_sides_at_once_is_what_torchvision_does_with_two_numbers(transforms):
  resize = transforms.Resize((14, 12))
  for shape in SHAPES:
    image = image_of(*shape)
    expected = np.asarray(resize(Image.fromarray(image)))
    np.testing.assert_array_equal(resize_image(image, InputSpec(14, 12)), expected)


@pytest.mark.parametrize("shape", [(40, 3), (3, 40)])
def test_of_a_long_strip_only_the_middle_is_made(shape, monkeypatch):
  spec = InputSpec(14, 12, resize=16)
  expected = resize_image(image_of(*shape), spec)
  made = []
  resize = Image.Image.resize

  def watched(self, size, *options):
    made.append(size[0] * size[1])
    return resize(self, size, *options)

  monkeypatch.setattr(Image.Image, "resize", watched)
  monkeypatch.setattr(preprocess, "_MAX_RESIZED_PIXELS", 14 * 12)
  found = resize_image(image_of(*shape), spec)
  assert made == [14 * 12]
  # Pillow takes the place of the middle in float32: a pixel may be rounded otherwise.
  assert np.abs(found.astype(int) - expected).max() <= 1
