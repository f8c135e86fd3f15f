"""Weights outside an ONNX file: all are hashed, none is read from elsewhere."""

import os

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
from onnx import TensorProto, numpy_helper
from onnx.helper import (
  make_function,
  make_graph,
  make_model,
  make_node,
  make_opsetid,
  make_sparse_tensor,
  make_tensor_value_info as info,
)

from lead_jax.backbones import InputSpec, load_onnx
from lead_jax.backbones._onnx import to_jax
from lead_jax.checks import InputError

SPEC = InputSpec(height=4, width=4, layout="NCHW")
POOL = make_node("GlobalAveragePool", ["scaled"], ["features"])
IMPORTS = [make_opsetid("", 17), make_opsetid("own", 1)]


def _outside(size=3, **said):
  """A tensor float32[size, 1, 1] whose bytes are in another file."""
  tensor = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=[size, 1, 1])
  tensor.data_location = TensorProto.EXTERNAL
  for key, value in {"location": "weights.bin", **said}.items():
    tensor.external_data.add(key=key, value=str(value))
  return tensor


def _scaled(tensor):
  return [
    make_node("Constant", [], ["c"], value=tensor),
    make_node("Mul", ["x", "c"], ["scaled"]),
  ]


def _model(nodes, initialisers=(), functions=()):
  graph = make_graph(
    [*nodes, POOL],
    "network",
    [info("x", TensorProto.FLOAT, ("N", 3, 4, 4))],
    [info("features", TensorProto.FLOAT, None)],
    list(initialisers),
  )
  return make_model(
    graph, opset_imports=IMPORTS, ir_version=9, functions=list(functions)
  )


def _initialiser(tensor):
  tensor.name = "c"
  return _model([make_node("Mul", ["x", "c"], ["scaled"])], [tensor])


def _attribute(tensor):
  return _model(_scaled(tensor))


def _sparse(tensor):
  del tensor.dims[:]
  tensor.dims.append(3)
  places = numpy_helper.from_array(np.arange(3))
  sparse = make_sparse_tensor(tensor, places, [3, 1, 1])
  nodes = _scaled(tensor)
  nodes[0] = make_node("Constant", [], ["c"], sparse_value=sparse)
  return _model(nodes)


def _branch(tensor, depth=2):
  nodes = _scaled(tensor)
  for level in range(depth):
    name = f"then{level}"
    nodes[-1].output[0] = name
    graph = make_graph(nodes, name, [], [info(name, TensorProto.FLOAT, None)])
    other = make_node("Identity", ["x"], [f"else{level}"])
    there = make_graph(
      [other], "other", [], [info(f"else{level}", TensorProto.FLOAT, None)]
    )
    nodes = [make_node("If", ["yes"], ["scaled"], then_branch=graph, else_branch=there)]
  return _model(nodes, [numpy_helper.from_array(np.array(True), "yes")])


def _function(tensor):
  inner = make_function("own", "Scale", ["x"], ["scaled"], _scaled(tensor), IMPORTS)
  outer = make_function(
    "own",
    "Outer",
    ["x"],
    ["y"],
    [make_node("Scale", ["x"], ["y"], domain="own")],
    IMPORTS,
  )
  call = make_node("Outer", ["x"], ["scaled"], domain="own")
  return _model([call], functions=[inner, outer])


MAKERS = [_initialiser, _attribute, _sparse, _branch, _function]


def _save(folder, model, weights=(1.0, 2.0, 3.0)):
  (folder / "network.onnx").write_bytes(model.SerializeToString())
  (folder / "weights.bin").write_bytes(np.asarray(weights, np.float32).tobytes())
  return folder / "network.onnx"


def _load(path):
  return load_onnx(path, name="network", input_spec=SPEC)


@pytest.mark.parametrize("make", MAKERS)
def test_outside_weights_are_read_and_hashed_wherever_they_stand(
  tmp_path, make, monkeypatch
):
  """They lie beside the model; a file of that name in the current folder is another."""
  elsewhere = tmp_path / "elsewhere"
  elsewhere.mkdir()
  (elsewhere / "weights.bin").write_bytes(np.full(3, 9, np.float32).tobytes())
  monkeypatch.chdir(elsewhere)
  images = np.ones((2, 3, 4, 4), np.float32)
  path = _save(tmp_path, make(_outside()))
  first = _load(path)
  np.testing.assert_allclose(
    first.apply(first.params, images)["features"][1], [1, 2, 3]
  )
  _save(tmp_path, make(_outside()), (1, 2, 4))
  other = _load(path)
  np.testing.assert_allclose(
    other.apply(other.params, images)["features"][0], [1, 2, 4]
  )
  assert first.weights_hash != other.weights_hash
  _save(tmp_path, make(_outside()))
  assert _load(path).weights_hash == first.weights_hash


def test_bytes_are_those_at_the_offset(tmp_path):
  path = _save(tmp_path, _attribute(_outside(offset=8, length=12)), (7, 7, 1, 2, 3))
  backbone = _load(path)
  features = backbone.apply(backbone.params, np.ones((1, 3, 4, 4), np.float32))
  np.testing.assert_allclose(features["features"], [[1, 2, 3]])


def test_a_tree_of_folders_below_the_model(tmp_path):
  (tmp_path / "parts").mkdir()
  path = _save(tmp_path, _attribute(_outside(location="parts/weights.bin")))
  os.replace(tmp_path / "weights.bin", tmp_path / "parts" / "weights.bin")
  assert _load(path).weights_hash


@pytest.mark.parametrize(
  ("said", "message"),
  [
    ({"location": "../secret.bin"}, "not in its own folder"),
    ({"location": "a/../../secret.bin"}, "not in its own folder"),
    ({"location": "..\\secret.bin"}, "not in its own folder"),
    ({"location": "C:\\secret.bin"}, "not in its own folder"),
    ({"location": "/dev/zero"}, "not in its own folder"),
    ({"location": ""}, "not in its own folder"),
    ({"location": "link.bin"}, "a link to outside its folder"),
    ({"location": "folder"}, "which is no file"),
    ({"location": "none.bin"}, "none.bin, which must lie beside it"),
    ({"location": "loop.bin"}, "loop.bin, which must lie beside it"),
    ({"offset": -4}, "'-4' is no number of bytes"),
    ({"offset": "9" * 400}, "is no number of bytes"),
    ({"offset": 4}, "bytes 4 to 16 of weights.bin, which has 12"),
    ({"length": 16}, "are said to be 16 bytes"),
  ],
)
@pytest.mark.parametrize("make", [_initialiser, _attribute])
def test_nothing_else_is_read(tmp_path, make, said, message):
  folder = tmp_path / "model"
  folder.mkdir()
  (folder / "folder").mkdir()
  (tmp_path / "secret.bin").write_bytes(bytes(12))
  (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
  (folder / "loop.bin").symlink_to(folder / "loop.bin")
  path = _save(folder, make(_outside(**said)))
  with pytest.raises(InputError) as caught:
    _load(path)
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)


def test_a_parsed_model_has_no_folder(tmp_path, monkeypatch):
  _save(tmp_path, _attribute(_outside()))
  monkeypatch.chdir(tmp_path)
  for make in MAKERS:
    with pytest.raises(InputError, match="give the path of its file"):
      to_jax(make(_outside()))


def test_the_same_bytes_named_a_thousand_times(tmp_path):
  tensors = []
  for number in range(1000):
    tensor = _outside(1 << 18)
    tensor.name = f"w{number}"
    tensors.append(tensor)
  path = _save(
    tmp_path,
    _model([make_node("Identity", ["x"], ["scaled"])], tensors),
    np.zeros(1 << 18),
  )
  with pytest.raises(InputError, match=r"outside the file would bring .*budget=10"):
    _load(path)


def test_onnx_reads_the_same(tmp_path):
  """The ONNX project's own reader, as the oracle of offsets and lengths."""
  model = make_model(
    make_graph(
      [
        make_node("Add", ["x", "b"], ["y"]),
        make_node("Mul", ["y", "c"], ["scaled"]),
        POOL,
      ],
      "network",
      [info("x", TensorProto.FLOAT, ("N", 3, 4, 4))],
      [info("features", TensorProto.FLOAT, None)],
      [
        numpy_helper.from_array(np.full((3, 1, 1), value, np.float32), name)
        for name, value in (("b", 5), ("c", 6))
      ],
    ),
    opset_imports=IMPORTS,
    ir_version=9,
  )
  onnx.save_model(
    model,
    tmp_path / "network.onnx",
    save_as_external_data=True,
    location="all.bin",
    size_threshold=0,
  )
  backbone = _load(tmp_path / "network.onnx")
  assert {name: float(v.max()) for name, v in backbone.params.items()} == {
    "b": 5,
    "c": 6,
  }
