"""Random views: what they may do to an image, and nothing else."""

import jax
import numpy as np
import pytest

from lead_jax.finetune._augment import augment, crop, flip, zoom

IMAGES = np.random.default_rng(0).integers(0, 256, (64, 6, 9, 3)).astype(np.uint8)


def test_flip_mirrors_about_half_of_the_images():
  found = np.asarray(jax.jit(flip)(jax.random.key(0), IMAGES))
  same = (found == IMAGES).all(axis=(1, 2, 3))
  mirrored = (found == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
  assert (same ^ mirrored).all()
  assert 16 < mirrored.sum() < 48  # 4 standard deviations


def test_crop_shifts_by_every_offset_and_reflects_the_border():
  found = np.asarray(crop(jax.random.key(0), IMAGES, 2))
  wide = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
  offsets = set()
  for image, padded in zip(found, wide, strict=True):
    places = [
      (i, j)
      for i in range(5)
      for j in range(5)
      if (padded[i : i + 6, j : j + 9] == image).all()
    ]
    assert len(places) == 1
    offsets.update(places)
  assert {i for i, _ in offsets} == {j for _, j in offsets} == set(range(5))


def test_zoom_keeps_a_plain_image_and_enlarges_a_part_of_another():
  plain = np.full((8, 16, 16, 3), 77, np.uint8)
  np.testing.assert_array_equal(zoom(jax.random.key(0), plain), plain)
  # A ramp enlarged is a flatter ramp between values of the old one.
  ramp = np.broadcast_to(np.arange(0, 256, 8, dtype=np.uint8)[:, None], (32, 32))
  images = np.broadcast_to(ramp[None, :, :, None], (32, 32, 32, 3))
  found = np.asarray(zoom(jax.random.key(1), images)).astype(int)
  spans = found[:, -1, 16, 0] - found[:, 0, 16, 0]
  assert (np.diff(found[:, :, 16, 0], axis=1) >= 0).all()
  assert spans.min() < 120
  assert 200 < spans.max() <= 248


@pytest.mark.parametrize(
  "options", [(False, 0, False), (True, 1, False), (True, 1, True)]
)
def test_all_together_keep_type_and_shape_and_follow_the_key(options):
  flips, pixels, zooms = options
  view = jax.jit(lambda k: augment(k, IMAGES, flips=flips, pixels=pixels, zooms=zooms))
  found = view(jax.random.key(0))
  assert (found.dtype, found.shape) == (np.uint8, IMAGES.shape)
  np.testing.assert_array_equal(found, view(jax.random.key(0)))
  assert (found == IMAGES).all() == (not flips)
  assert (found == view(jax.random.key(1))).all() == (not flips)
