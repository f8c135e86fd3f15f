"""Where a file should be there may be a pipe or a device: nothing waits for it."""

import os

import numpy as np
import pytest

from lead_jax.backbones import InputSpec, load_onnx, resolve_models
from lead_jax.checks import InputError
from lead_jax.data import load_npz_dataset
from lead_jax.readers import map_npy, read_npz
from lead_jax.system import file_digest, open_regular

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


@pytest.fixture(params=["pipe", "device", "folder", "link to a device"])
def odd(request, tmp_path):
  path = tmp_path / "odd"
  if request.param == "pipe":
    os.mkfifo(path)
  elif request.param == "folder":
    path.mkdir()
  else:
    path.symlink_to("/dev/zero")
  return "/dev/zero" if request.param == "device" else path


READERS = {
  "npz": lambda path: read_npz(path, "it"),
  "npy": map_npy,
  "data": load_npz_dataset,
  "onnx": lambda path: load_onnx(path, name="a", input_spec=InputSpec(8, 8)),
  "weights": lambda path: resolve_models([f"resnet50={path}"])[0].load(),
  "features": lambda path: resolve_models([f"features:{path}"])[0].load(),
}


@pytest.mark.parametrize("name", READERS)
def test_it_is_refused_at_once(name, odd):
  with pytest.raises(InputError, match=r"pipe or a device|irectory|folder") as caught:
    READERS[name](odd)
  assert "\n" not in str(caught.value)


def test_its_digest_is_not_taken(odd):
  with pytest.raises(OSError, match=r"pipe or a device|irectory"):
    file_digest(odd)


def test_a_file_is_read(tmp_path):
  np.save(tmp_path / "a.npy", np.arange(3))
  (tmp_path / "b").symlink_to(tmp_path / "a.npy")
  with open_regular(tmp_path / "b") as file:
    assert file.read() == (tmp_path / "a.npy").read_bytes()
