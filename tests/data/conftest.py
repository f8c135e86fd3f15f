"""Small folders of images, made on the spot."""

import io
import pathlib
import tempfile

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def transforms():
  """torchvision's transforms, which import on a torch without its operators only so."""
  torch = pytest.importorskip("torch", reason="torch is not here")
  library = torch.library.Library("torchvision", "FRAGMENT")
  boxes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
  for name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, name):
      library.define(name + boxes)
  pytest.importorskip("torchvision", reason="torchvision is not here")
  from torchvision import transforms

  yield transforms
  del library  # Until here, since its operators go with it.


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


@pytest.fixture(scope="package", autouse=True)
def _temporaries_of_tests(tmp_path_factory):
  """Folders that tfds makes and leaves, when a builder is new, are pytest's to remove."""
  before, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.mktemp("temporary"))
  yield
  tempfile.tempdir = before
