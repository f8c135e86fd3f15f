"""Small folders of images, made on the spot."""

import io
import pathlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def png_bytes():
  """Returns a function: seed -> bytes of a small random PNG."""

  def make(seed: int, size: tuple[int, int] = (5, 7)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()

  return make


@pytest.fixture
def make_folder(tmp_path, png_bytes):
  """Returns a function: {class: number of images} -> a new folder of classes."""

  def make(classes: dict[str, int], root: str = "photos") -> pathlib.Path:
    folder = tmp_path / root
    for i, (name, count) in enumerate(classes.items()):
      (folder / name).mkdir(parents=True)
      for j in range(count):
        (folder / name / f"{j}.png").write_bytes(png_bytes(1000 * i + j))
    return folder

  return make
