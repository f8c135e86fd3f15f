"""Files of strangers: nothing runs, nothing grows, every refusal is one line."""

import contextlib
import os
import pickle
import zipfile

import numpy as np
import pytest

from lead_jax.backbones._weights._read import read_weights
from lead_jax.checks._errors import InputError
from tests.backbones.weights import files
from tests.backbones.weights.test_read import ARRAYS, WRITERS, _refused, _write


def _malicious(path, writer, *, spelled):
  """A file that makes a folder when it is unpickled."""
  made = str(path)
  call = {
    "reduce": files.Call("os.mkdir", (made,)),
    "newobj": files.Call("os.mkdir", (made,), pickle.NEWOBJ),
    "reconstructed": files.Call(
      "copyreg._reconstructor", (files.Name("os.mkdir"), made)
    ),
    "jax": files.Call(
      "jax._src.array._reconstruct_array", (files.Name("os.mkdir"), (made,), 0, {})
    ),
    "in options": files.Call(
      "argparse.Namespace", (files.Call("os.mkdir", (made,)),), pickle.NEWOBJ
    ),
  }[spelled]
  return WRITERS[writer]({"a": ARRAYS["a"], "x": call})


@pytest.mark.parametrize("writer", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize(
  "spelled", ["reduce", "newobj", "reconstructed", "jax", "in options"]
)
def test_malicious_files_are_refused(writer, spelled, tmp_path):
  made = tmp_path / "made"
  path = _write(tmp_path, _malicious(made, writer, spelled=spelled))
  message = _refused(path)
  assert not made.exists()
  if spelled != "jax":  # There it is no call but an argument, in the wrong place.
    assert "os.mkdir to be called" in message
    assert "nothing in it was executed" in message


def test_the_malicious_payload_is_live(tmp_path):
  made = tmp_path / "made"
  pickle.loads(_malicious(made, "pickle", spelled="reduce"))
  assert made.exists()


OLD_OPCODES = {
  "inst": b"(S'made'\nios\nmkdir\n.",
  "obj": b"(cos\nmkdir\nS'made'\no.",
  "global": b"cos\nmkdir\n(S'made'\ntR.",
  "stack global": b"\x8c\x02os\x8c\x05mkdir\x93\x8c\x04made\x85R.",
  "named": b"cos\nmkdir\n)}S'path'\nS'made'\ns\x92.",
}


@pytest.mark.parametrize("opcodes", OLD_OPCODES)
def test_other_ways_to_call(opcodes, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  _refused(_write(tmp_path, b"\x80\x04" + OLD_OPCODES[opcodes]))
  assert os.listdir(tmp_path) == ["file.pth.tar"]


def test_names_that_would_confuse_a_terminal(tmp_path):
  content = b"\x80\x04\x8c\x06o\x1b[2Js\x8c\x05mk\ndr\x93)R."
  message = _refused(_write(tmp_path, content))
  assert "o?[2Js.mk dr to be called" in message


def test_whole_modules_are_refused(tmp_path):
  torch = pytest.importorskip("torch")
  for zipped in (True, False):
    path = tmp_path / "file.pth"
    torch.save(torch.nn.Linear(2, 2), path, _use_new_zipfile_serialization=zipped)
    message = _refused(path)
    assert "torch.nn.modules.linear.Linear" in message or "whole modules" in message


@pytest.mark.parametrize("kind", WRITERS)
def test_damaged_bytes_never_escape(kind, tmp_path):
  """Any one byte changed: arrays or an InputError, and nothing else."""
  content = WRITERS[kind]({"state": {"a": ARRAYS["a"], "d": ARRAYS["d"]}, "epoch": 3})
  rng = np.random.default_rng(0)
  for place in rng.permutation(len(content))[:120]:
    changed = bytearray(content)
    changed[place] ^= 1 << rng.integers(8)
    path = _write(tmp_path, bytes(changed))
    with contextlib.suppress(InputError):
      read_weights(path)


def test_zip_bomb(tmp_path):
  zeros = np.zeros(5_000_000, np.float32)
  content = files.torch_zip({"a": zeros}, compression=zipfile.ZIP_DEFLATED)
  assert len(content) < 50_000
  assert "its members claim 20000" in _refused(_write(tmp_path, content))


@pytest.mark.parametrize(
  ("shape", "strides", "count", "offset"),
  [
    ((9,), (1,), 8, 0),
    ((8,), (1,), 8, 1),
    ((2,), (8,), 8, 0),
    ((2,), (-1,), 8, 1),
    ((-2,), (1,), 8, 0),
    ((10**12,), (0,), 8, 0),  # Expanded: terabytes of one number.
    ((8,), (1,), 10**12, 0),
    ((8,), (1, 1), 8, 0),
    ((2.0,), (1,), 8, 0),
    ((8,), (1,), -8, 0),
  ],
)
def test_tensors_beyond_their_storage(shape, strides, count, offset, tmp_path):
  reference = files.Reference(np.arange(8.0, dtype="f4"), count=count)
  args = (reference, offset, shape, strides, False, None)
  tensor = files.Call("torch._utils._rebuild_tensor_v2", args)
  for write in (files.torch_zip, files.torch_legacy):
    _refused(_write(tmp_path, write({"a": tensor})))


def test_how_dill_names_arrays(tmp_path):
  """Before 0.3.5 (2022) it asks builtin functions for their module and name."""

  def builtin(module, name):
    named = files.Call("dill._dill._import_module", (module,))
    return files.Call("dill._dill._get_attr", (named, name))

  numpy = "numpy.core._multiarray_umath"
  values = np.arange(6, dtype="f4").reshape(2, 3)
  text = values.tobytes().decode("latin-1")
  data = files.Call(builtin("_codecs", "encode"), (text, "latin1"))
  order = (3, "<", None, None, None, -1, -1, 0)
  dtype = files.Call("numpy.dtype", ("f4", False, True), state=order)
  shell = (files.Name("numpy.ndarray"), (0,), b"b")
  state = (1, (2, 3), dtype, False, data)
  array = files.Call(builtin(numpy, "_reconstruct"), shell, state=state)
  created = files.Call(
    "dill._dill._create_array", (builtin(numpy, "_reconstruct"), shell, state, None)
  )
  evil = files.Call(builtin("os", "mkdir"), (str(tmp_path / "made"),))
  read = read_weights(_write(tmp_path, files.pickled({"a": array, "b": created})))
  np.testing.assert_array_equal(read["a"], values)
  np.testing.assert_array_equal(read["b"], values)
  message = _refused(_write(tmp_path, files.pickled({"a": array, "b": evil})))
  assert "os.mkdir to be called" in message
  assert not (tmp_path / "made").exists()


def test_lists_in_lists_by_reference(tmp_path):
  """Ten lists of ten references each, ten deep: a kilobyte that names 10^10 arrays."""
  inner = [np.ones(1)]
  for _ in range(10):
    inner = [inner] * 10
  message = _refused(_write(tmp_path, pickle.dumps(inner)))
  assert "more than a network could have" in message


def test_deep_keys_and_values(tmp_path):
  deep = b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"K\x01s."
  assert "holds no arrays" in _refused(_write(tmp_path, deep))
  deep = b"\x80\x02" + b"]" * 5_000 + b"a" * 4_999 + b"."
  assert "more than a network could have" in _refused(_write(tmp_path, deep))


def _called_again(target, value, count):
  """A pickle that calls `target` with one value, which it holds once, many times."""
  module, name = target.encode().rsplit(b".", 1)
  call = b"h\x02h\x01\x85R"
  memo = value + b"q\x010" + b"c" + module + b"\n" + name + b"\nq\x020"
  return b"\x80\x02" + memo + b"](" + call * count + b"e."


_TEXT = b"X" + (10**6).to_bytes(4, "little") + b"a" * 10**6
_LIST = b"](" + b"K\x01" * 30_000 + b"e"
_PAIRS = b"K\x01K\x02\x86q\x030](" + b"h\x03" * 30_000 + b"e"


@pytest.mark.parametrize(
  ("target", "value"),
  [("_codecs.encode", _TEXT), ("builtins.list", _LIST), ("builtins.dict", _PAIRS)],
)
def test_calls_that_copy_one_value_many_times(target, value, tmp_path):
  _write(tmp_path, _called_again(target, value, 3))
  assert "holds no arrays" in _refused(tmp_path / "file.pth.tar")
  _write(tmp_path, _called_again(target, value, 100))
  assert "by copies of the same" in _refused(tmp_path / "file.pth.tar")


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_one_tensor_under_many_names(kind, dtype, tmp_path):
  array = np.random.default_rng(0).normal(size=250_000).astype(dtype)
  inner = {"w": array}  # The dictionary is pickled once, and referred to.
  few = read_weights(_write(tmp_path, WRITERS[kind]({"a": inner, "b": inner})))
  np.testing.assert_array_equal(few["a.w"], array.astype(np.float32))
  assert np.shares_memory(few["a.w"], few["b.w"])  # Widened once.
  assert not few["a.w"].flags.writeable
  many = {str(i): inner for i in range(40)}
  assert "by copies" in _refused(_write(tmp_path, WRITERS[kind](many)))


def test_one_long_name_of_many(tmp_path):
  tensors = {str(i): np.ones(1) for i in range(100)}
  message = _refused(_write(tmp_path, files.pickled({"x" * 300_000: tensors})))
  assert "by copies" in message


def test_text_is_never_made_of_lists(tmp_path):
  """Lists that hold one list ten times, ten deep, would be 10^10 characters of it."""
  inner = ["x"]
  for _ in range(3):
    inner = [inner] * 10
  for target, args in [
    ("dill._dill._import_module", (inner,)),
    ("dill._dill._create_namedtuple", ("name", inner, "module")),
  ]:
    content = files.pickled({"a": files.Call(target, args)})
    assert "by something else than text" in _refused(_write(tmp_path, content))
