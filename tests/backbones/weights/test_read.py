"""Every kind of file: read right, refused right, never executed."""

import io
import itertools
import json
import pickle
import re
import struct
import zipfile

import numpy as np
import pytest

from lead_jax.backbones._weights._read import read_weights
from lead_jax.checks._errors import InputError
from tests.backbones.weights import files

ARRAYS = {
  "a": np.arange(24.0, dtype="f4").reshape(2, 3, 4),
  "b.c": np.array(2.5, "f8"),
  "d": np.array([1.5, -2.0], "f2"),
  "e": np.array([[7, -8]], "i8"),
  "f": np.zeros((0, 3), "f4"),
  "g": np.array([True, False]),
}
WRITERS = {
  "zip": files.torch_zip,
  "zip, compressed": lambda obj: files.torch_zip(obj, compression=zipfile.ZIP_DEFLATED),
  "legacy": files.torch_legacy,
  "pickle": files.pickled,
}


def _write(tmp_path, content):
  path = tmp_path / "file.pth.tar"
  path.write_bytes(content)
  return path


def _refused(path):
  with pytest.raises(InputError) as error:
    read_weights(path)
  message = str(error.value)
  assert "\n" not in message
  assert str(path) in message
  return message


@pytest.mark.parametrize("kind", WRITERS)
def test_handmade_files(kind, tmp_path):
  other = {"epoch": 3, "lr": 0.1, "name": "resnet", "none": None, "yes": True}
  names = [
    files.Name("torch.float32"),
    files.Name("os.system"),
  ]  # Mentioned, not called.
  other["opt"] = files.Call("argparse.Namespace", (), pickle.NEWOBJ)
  saved = {"state": ARRAYS, "lists": [ARRAYS["a"], (names, ARRAYS["e"])], **other}
  read = read_weights(_write(tmp_path, WRITERS[kind](saved)))
  expected = {f"state.{name}": value for name, value in ARRAYS.items()}
  expected |= {"lists.0": ARRAYS["a"], "lists.1.1": ARRAYS["e"]}
  assert read.keys() == expected.keys()
  for name, value in expected.items():
    wide = np.float32 if value.dtype == np.float16 else value.dtype
    assert read[name].dtype == wide
    np.testing.assert_array_equal(read[name], value)


def test_pickles_of_numpy(tmp_path):
  arrays = {"c": np.asfortranarray(ARRAYS["a"]), "big": np.arange(3, dtype=">i4")}
  for protocol in range(2, 6):
    content = pickle.dumps({**arrays, "s": np.float64(2)}, protocol)
    read = read_weights(_write(tmp_path, content))
    assert read.keys() == {"c", "big", "s"}
    for name, value in arrays.items():
      np.testing.assert_array_equal(read[name], value)
    assert read["s"] == 2
    assert all(value.dtype.isnative for value in read.values())


def test_arrays_of_jax(tmp_path):
  import jax.numpy as jnp

  path = _write(tmp_path, pickle.dumps({"a": jnp.arange(3.0)}))
  np.testing.assert_array_equal(read_weights(path)["a"], np.arange(3.0))


TORCH_FORMATS = {
  (zipped, protocol): {
    "_use_new_zipfile_serialization": zipped,
    "pickle_protocol": protocol,
  }
  for zipped, protocol in itertools.product((True, False), (2, 4, 5))
}


@pytest.mark.parametrize("form", TORCH_FORMATS)
def test_as_torch_reads_it(form, tmp_path):
  torch = pytest.importorskip("torch")
  base = torch.arange(48.0).reshape(6, 8)
  layer = torch.nn.Linear(3, 2)
  state = {
    "whole": base,
    "transposed": base.t(),
    "strided": base[1:5:2, ::3],
    "parameter": torch.nn.Parameter(torch.randn(3)),
    "brain": torch.tensor([1.0, -3.140625, 1e-20, float("inf")], dtype=torch.bfloat16),
    "half": torch.randn(5).half(),
    "double": torch.randn(2, 2).double(),
    "scalar": torch.tensor(3),
    "empty": torch.zeros(0, 4),
    "bytes": torch.arange(5, dtype=torch.uint8),
    **layer.state_dict(),
  }
  saved = {
    "model": state,
    "epoch": 4,
    "module": layer.state_dict(),  # An OrderedDict with attributes of its own.
    "optimizer": torch.optim.SGD(layer.parameters(), lr=1.0).state_dict(),
    "other": [torch.Size([2, 3]), torch.device("cpu"), torch.float16, {1, 2}],
  }
  path = tmp_path / "file.pth"
  torch.save(saved, path, pickle_protocol=2)  # The one that its own safe reader knows.
  reference = torch.load(path, weights_only=True)["model"]
  torch.save(saved, path, **TORCH_FORMATS[form])
  read = read_weights(path)
  assert {n.removeprefix("model.") for n in read if "model." in n} == state.keys()
  for name, value in reference.items():
    wide = value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
    expected = wide.detach().numpy()
    assert read[f"model.{name}"].dtype == expected.dtype
    np.testing.assert_array_equal(read[f"model.{name}"], expected)


def _safetensors(header, data=b""):
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  return struct.pack("<Q", len(text)) + text + data


def test_safetensors(tmp_path):
  from safetensors.numpy import save

  plain = {name: value for name, value in ARRAYS.items() if name != "d"}
  read = read_weights(_write(tmp_path, save(plain, metadata={"format": "pt"})))
  assert read.keys() == plain.keys()
  for name, value in plain.items():
    assert read[name].dtype == value.dtype
    np.testing.assert_array_equal(read[name], value)


def test_safetensors_in_half_precision(tmp_path):
  header = {
    "brain": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
    "half": {"dtype": "F16", "shape": [1, 2], "data_offsets": [4, 8]},
  }
  data = struct.pack("<HH", 0x3F80, 0xC049) + np.array([0.5, -2], "<f2").tobytes()
  read = read_weights(_write(tmp_path, _safetensors(header, data)))
  np.testing.assert_array_equal(read["brain"], np.array([1, -3.140625], np.float32))
  np.testing.assert_array_equal(read["half"], np.array([[0.5, -2]], np.float32))
  assert {value.dtype for value in read.values()} == {np.dtype(np.float32)}


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
  ("header", "data", "reason"),
  [
    (b"{nonsense}", b"", "JSON"),
    ({"a": ENTRY}, b"1234567", "incomplete|not fully covered"),
    ({"a": ENTRY}, b"123456789", "incomplete|not fully covered"),
    ({"a": {**ENTRY, "shape": [3]}}, b"12345678", "shape"),
    ({"a": {**ENTRY, "dtype": "F8_E5M2", "shape": [8]}}, b"12345678", "F8_E5M2"),
    ({}, b"", "no arrays"),
  ],
)
def test_damaged_safetensors(header, data, reason, tmp_path):
  message = _refused(_write(tmp_path, _safetensors(header, data)))
  assert re.search(reason, message)


@pytest.mark.parametrize(
  ("content", "reason"),
  [
    (b"", "is empty"),
    (b"\n<!DOCTYPE html><html>Sign in", "web page"),
    (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
    (b"\x1f\x8b\x08\x00", "gzip"),
    (b"\x89HDF\r\n", "HDF5"),
    (b"just a few words", "no file of weights that is known"),
    (pickle.dumps({"epoch": 3}), "holds no arrays"),
    (pickle.dumps(np.array(["text"])), "hold no numbers"),
    (pickle.dumps(np.array([{}])), "hold no numbers"),
    (files.torch_legacy({"a": ARRAYS["a"]})[:-1], "should have"),
  ],
)
def test_what_is_no_file_of_weights(content, reason, tmp_path):
  assert reason in _refused(_write(tmp_path, content))


def test_the_end_of_a_zip_file(tmp_path):
  content = files.torch_zip(ARRAYS)
  assert "table of contents, is missing" in _refused(_write(tmp_path, content[:-30]))


def test_missing_files(tmp_path):
  assert "there is no such file" in _refused(tmp_path / "absent.pth")
  assert "folder without a TensorFlow checkpoint" in _refused(tmp_path)


@pytest.mark.parametrize("kind", WRITERS)
def test_truncated_files(kind, tmp_path):
  content = WRITERS[kind]({"state": ARRAYS, "epoch": 3})
  for length in range(0, len(content), 11):
    _refused(_write(tmp_path, content[:length]))


def _rezipped(content, change):
  """A zip file with some of its members changed: `change(name, data)` -> data or None."""
  source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
  with zipfile.ZipFile(target, "w") as archive:
    for name in source.namelist():
      data = change(name, source.read(name))
      if data is not None:
        archive.writestr(name, data)
  return target.getvalue()


@pytest.mark.parametrize(
  ("name", "data", "reason"),
  [
    ("archive/data/1", None, "record archive/data/1 is missing"),
    ("archive/data/0", b"1234", "has 4 bytes, 96 are needed"),
    ("archive/byteorder", b"big", "big-endian"),
    ("archive/data.pkl", b"", "exhausted"),
    ("archive/data.pkl", None, "no weights of torch"),
  ],
)
def test_zip_with_wrong_members(name, data, reason, tmp_path):
  def change(member, content):
    return data if member == name else content

  content = _rezipped(files.torch_zip(ARRAYS), change)
  assert reason in _refused(_write(tmp_path, content))


def test_zip_with_a_wrong_checksum(tmp_path):
  content = files.torch_zip(ARRAYS)
  place = content.index(ARRAYS["a"].tobytes())
  changed = content[: place + 5] + b"\x7f" + content[place + 6 :]
  message = _refused(_write(tmp_path, changed))
  assert "record archive/data/0 does not have its checksum" in message


def test_how_old_versions_of_torch_name_tensors(tmp_path):
  values = np.arange(8.0, dtype="f4")
  parts = (files.Reference(values), 2, (3, 2), (2, 1))
  one = files.Call("torch._utils._rebuild_tensor", parts)
  saved = {
    "rebuilt": one,
    "built": files.Call("torch.cuda.FloatTensor", (), state=parts),
    "parameter": files.Call(
      "torch.nn.parameter.Parameter", (one,), state=(True, False)
    ),
    "variable": files.Call("torch.autograd.variable.Variable", (one,)),
  }
  ordered = files.Call("collections.OrderedDict", ([[k, v] for k, v in saved.items()],))
  read = read_weights(_write(tmp_path, files.torch_legacy(ordered)))
  assert read.keys() == saved.keys()
  for value in read.values():
    np.testing.assert_array_equal(value, values[2:].reshape(3, 2))


@pytest.mark.parametrize(
  ("view", "expected"),
  [(("9", 3, 4), [4, 5]), (("9", 3, 2), None), (("9", 6, 4), None), ("9", None)],
)
def test_views_of_storages(view, expected, tmp_path):
  reference = files.Reference(np.arange(8.0, dtype="f4"), view)
  args = (reference, 1, (2,), (1,), False, None)
  tensor = files.Call("torch._utils._rebuild_tensor_v2", args)
  path = _write(tmp_path, files.torch_legacy({"a": tensor}))
  if expected is None:
    _refused(path)
  else:
    np.testing.assert_array_equal(read_weights(path)["a"], expected)


def test_two_tensors_of_one_name(tmp_path):
  saved = {"a.b": ARRAYS["a"], "a": {"b": ARRAYS["e"]}}
  assert "two tensors of the name 'a.b'" in _refused(
    _write(tmp_path, files.torch_zip(saved))
  )


@pytest.mark.parametrize("missing", [3, 20, 30])
def test_a_legacy_file_that_was_cut(missing, tmp_path):
  """Within the last storage, its count, and the storage before."""
  array = np.ones(4, np.float32)
  content = files.torch_legacy({"a": array, "b": array + 1})
  message = _refused(_write(tmp_path, content[:-missing]))
  assert "(it was cut short: it" in message
