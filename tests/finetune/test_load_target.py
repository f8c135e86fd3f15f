"""What is trained on and measured on: no image on both sides, unless that is asked for."""

import pathlib

import numpy as np
import pytest

from lead_jax.finetune._load_target import load_target


@pytest.fixture
def arrays():
  """Forty noise images of two classes."""
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (40, 4, 4), np.uint8), np.arange(40) % 2


def saved(folder: pathlib.Path, images, labels, **more) -> str:
  np.savez(folder / "x.npz", images=images, labels=labels, **more)
  return f"npz:{folder / 'x.npz'}"


def test_a_training_image_in_the_test_part_is_not_learnt(arrays, tmp_path):
  images, labels = arrays
  images[3] = images[31]  # same class, other part
  images[5] = images[7]  # a copy within train
  data = saved(tmp_path, images, labels, split=np.repeat(["train", "test"], (30, 10)))
  target = load_target(data)
  assert (len(target.train), len(target.test)) == (28, 10)
  lines = target.describe()
  assert "1 training images are in the test part too and left out of training" in lines
  assert any("1 training image is left out, so that each" in line for line in lines)
  kept = load_target(data, duplicates="keep")
  assert (len(kept.train), len(kept.test)) == (30, 10)
  assert kept.content(test=False) != target.content(test=False)
  assert kept.content(test=True)["test"] == target.content(test=True)["test"]


def test_copies_do_not_end_on_both_sides_of_a_division(arrays, tmp_path):
  images, labels = arrays
  images[20:] = images[:20]
  target = load_target(saved(tmp_path, images, labels))
  sides = [
    {part.pixels[i] for i in range(len(part))} for part in (target.train, target.test)
  ]
  assert not sides[0] & sides[1]
  assert (len(target.train), len(target.test)) == (16, 4)
  assert target.remarks[0].startswith(
    "20 groups of images that are exact copies: 20 images"
  )


def test_without_copies_keys_are_those_of_before(arrays, tmp_path):
  data = saved(tmp_path, *arrays, split=np.repeat(["train", "test"], (30, 10)))
  once, keep = load_target(data), load_target(data, duplicates="keep")
  assert once.content(test=True) == keep.content(test=True)
  assert once.remarks == []
