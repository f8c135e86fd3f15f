"""Converted once, noticed when damaged, made again."""

import hashlib
import os

import numpy as np
import pytest

from lead_jax.backbones._weights import read_converted
from lead_jax.checks._errors import InputError
from tests.backbones.weights import files

NETWORK = {
  "conv1.weight": np.arange(12.0, dtype="f4").reshape(2, 3, 2, 1),
  "bn1.running_var": np.array([0.5, 2], "f2"),
}


@pytest.fixture
def source(tmp_path):
  path = tmp_path / "model.pth"
  state = {f"module.encoder_q.{name}": value for name, value in NETWORK.items()}
  state["module.encoder_q.fc.weight"] = np.zeros((2, 2), "f4")
  state["module.queue"] = np.zeros((4, 1000), "f4")
  path.write_bytes(files.torch_zip({"state_dict": state}))
  return path


def _kept(tmp_path):
  return sorted((tmp_path / "cache" / "weights" / "converted").iterdir())


def _check(tensors):
  assert tensors.keys() == NETWORK.keys()
  for name, value in NETWORK.items():
    assert tensors[name].dtype == np.float32
    np.testing.assert_array_equal(tensors[name], value)


def test_kept_and_read_again(source, tmp_path):
  digest = hashlib.sha256(source.read_bytes()).hexdigest()
  for _ in range(2):
    tensors, found = read_converted(source, "moco_v1", tmp_path / "cache")
    assert found == digest
    _check(tensors)
  (kept,) = _kept(tmp_path)
  assert kept.name == f"{digest}-moco_v1-1.safetensors"
  assert kept.stat().st_size < 1000  # Without the queue.
  written = kept.stat().st_mtime_ns
  _check(read_converted(source, "moco_v1", tmp_path / "cache")[0])
  assert kept.stat().st_mtime_ns == written
  read_converted(source, "pcl_v1", tmp_path / "cache")
  assert len(_kept(tmp_path)) == 2


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "other"])
def test_a_damaged_file_is_made_again(source, tmp_path, damage):
  read_converted(source, "moco_v1", tmp_path / "cache")
  (kept,) = _kept(tmp_path)
  content = kept.read_bytes()
  flipped = content[:-1] + bytes([content[-1] ^ 1])
  torch = files.torch_zip({"conv1.weight": np.zeros(3, "f4")})
  kept.write_bytes(
    {"cut": content[:-5], "changed": flipped, "empty": b"", "other": torch}[damage]
  )
  _check(read_converted(source, "moco_v1", tmp_path / "cache")[0])
  assert _kept(tmp_path) == [kept]
  assert kept.read_bytes() == content


def test_a_cache_that_cannot_be_written(source, tmp_path):
  (tmp_path / "cache").write_text("a file")
  _check(read_converted(source, "moco_v1", tmp_path / "cache")[0])


def test_errors_are_not_kept(source, tmp_path):
  with pytest.raises(InputError, match="looks like pcl_v1 or moco_v1, not byol"):
    read_converted(source, "byol", tmp_path / "cache")
  with pytest.raises(InputError, match="there is no such file"):
    read_converted(tmp_path / "absent.pth", "byol", tmp_path / "cache")
  with pytest.raises(InputError, match="cannot be read"):
    read_converted(tmp_path, "byol", tmp_path / "cache")
  assert os.listdir(tmp_path) == ["model.pth"]


def test_what_a_check_refuses_is_not_kept(source, tmp_path):
  def refuse(tensors):
    _check(tensors)
    raise InputError("not this network's")

  with pytest.raises(InputError, match="not this network's"):
    read_converted(source, "moco_v1", tmp_path / "cache", check=refuse)
  assert os.listdir(tmp_path) == ["model.pth"]
  seen = []
  for _ in range(2):
    _check(read_converted(source, "moco_v1", tmp_path / "cache", check=seen.append)[0])
  assert len(seen) == len(_kept(tmp_path)) == 1
