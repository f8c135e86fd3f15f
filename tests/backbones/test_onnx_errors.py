"""What is wrong with an ONNX file is said in one line when it is loaded."""

import hashlib

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
from onnx import TensorProto, numpy_helper
from onnx.helper import (
  make_graph,
  make_model,
  make_node,
  make_opsetid,
  make_tensor_value_info as info,
)

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones._onnx import load_onnx
from lead_jax.backbones._onnx_operators._operators import OPERATORS
from lead_jax.checks._errors import InputError

SPEC = InputSpec(height=4, width=4, layout="NCHW")
WEIGHTS = {"w": np.ones((2, 3, 1, 1), np.float32)}
GOOD = (
  make_node("Conv", ["x", "w"], ["y"]),
  make_node("GlobalMaxPool", ["y"], ["features"]),
)


def _model(
  nodes=GOOD, size=("N", 3, "H", "W"), opset=17, inputs=("x",), weights=WEIGHTS
):
  graph = make_graph(
    nodes,
    "network",
    [info(name, TensorProto.FLOAT, size) for name in inputs],
    [info("features", TensorProto.FLOAT, None)],
    [numpy_helper.from_array(value, name) for name, value in weights.items()],
  )
  return make_model(graph, opset_imports=[make_opsetid("", opset)], ir_version=8)


def _load(tmp_path, content, **options):
  path = tmp_path / "network.onnx"
  path.write_bytes(
    content if isinstance(content, bytes) else content.SerializeToString()
  )
  return load_onnx(path, **{"name": "network", "input_spec": SPEC, **options})


def _refused(tmp_path, message, content, **options):
  with pytest.raises(InputError, match=message) as caught:
    _load(tmp_path, content, **options)
  assert "\n" not in str(caught.value)
  assert "network.onnx" in str(caught.value)


def test_the_good_network_loads(tmp_path):
  content = _model().SerializeToString()
  digest = hashlib.sha256(content).hexdigest()
  backbone = _load(tmp_path, content, sha256=digest.upper())
  assert backbone.weights_hash == digest


def test_missing_file(tmp_path):
  with pytest.raises(InputError, match=r"none\.onnx: cannot read the ONNX file"):
    load_onnx(tmp_path / "none.onnx", name="network", input_spec=SPEC)


@pytest.mark.parametrize("content", [b"", b"GIF89a not a network", b"\x08\x08"])
def test_no_onnx_file(tmp_path, content):
  _refused(tmp_path, "not an ONNX file", content)


def test_truncated_file(tmp_path):
  content = _model().SerializeToString()
  for length in range(len(content) // 4, len(content) - 1, 7):
    with pytest.raises(InputError):
      _load(tmp_path, content[:length])


def test_truncated_weights(tmp_path):
  model = _model()
  model.graph.initializer[0].raw_data = b"\0" * 5
  _refused(tmp_path, "weights 'w' are cut short", model)


def test_other_hash(tmp_path):
  digest = hashlib.sha256(_model().SerializeToString()).hexdigest()
  _refused(tmp_path, f"{digest} but {'0' * 64} was expected", _model(), sha256="0" * 64)


def _external(tmp_path, value):
  model = _model(weights={"w": value})
  onnx.save_model(
    model,
    tmp_path / "network.onnx",
    save_as_external_data=True,
    location="network.bin",
    size_threshold=0,
  )
  return (tmp_path / "network.onnx").read_bytes()


def test_external_weights(tmp_path):
  backbone = _load(tmp_path, _external(tmp_path, WEIGHTS["w"]))
  (tmp_path / "network.bin").unlink()
  content = _external(tmp_path, 2 * WEIGHTS["w"])
  other = _load(tmp_path, content)
  np.testing.assert_array_equal(other.params["w"], 2 * WEIGHTS["w"])
  assert backbone.weights_hash != other.weights_hash
  (tmp_path / "network.bin").unlink()
  _refused(tmp_path, "its weights are in network.bin", content)


def test_unknown_output(tmp_path):
  message = "no value called 'embedding'; its outputs are 'features'"
  _refused(tmp_path, message, _model(), features="embedding")
  message = "no value called 'logits'"
  _refused(tmp_path, message, _model(), logits="logits")


def test_features_of_more_axes(tmp_path):
  message = r"features 'y' has shape \['N', 2, 4, 4\], not \[N, D\].*'features'"
  _refused(tmp_path, message, _model(), features="y")


def test_all_unsupported_operators_are_named(tmp_path):
  nodes = [
    make_node("NonZero", ["x"], ["a"], name="first"),
    make_node("MaxPool", ["x"], ["b", "indices"], kernel_shape=[1, 1], name="second"),
    make_node("Cast", ["x"], ["c"], to=TensorProto.STRING, name="third"),
    make_node("Secret", ["x"], ["d"], domain="com.example", name="fourth"),
    make_node("NonZero", ["d"], ["f"], name="fifth"),
    make_node("Sum", ["a", "indices", "c", "f"], ["features"]),
  ]
  _refused(
    tmp_path,
    r"NonZero \(node 'first' and 1 more\); MaxPool with its output number 2 "
    r"\(node 'second'\); Cast with .*\(node 'third'\); "
    r"com\.example\.Secret \(node 'fourth'\)",
    _model(nodes),
  )


ATTRIBUTES = [
  *("strides", "dilations", "group", "kernel_shape", "pads", "auto_pad"),
  *("axis", "axes", "alpha", "perm", "to", "approximate", "mode", "keepdims"),
  *("training_mode", "nearest_mode", "ceil_mode", "epsilon", "transA", "value"),
]


@pytest.mark.parametrize(
  "value", [b"text", 1.5, -1, 1 << 62, [], [1.5], [b"a"], None], ids=repr
)
def test_attributes_of_another_type_are_a_line(tmp_path, value):
  """Whatever an attribute holds, for every operator that it may be given to."""
  kind = onnx.AttributeProto.INTS if value == [] else None
  said = []
  for op in OPERATORS:
    broken = make_node(op.rpartition(".")[2], ["x", "w", "w"], ["features"])
    broken.domain = op.rpartition(".")[0]
    for name in ATTRIBUTES:
      attribute = broken.attribute.add(name=name)
      if value is not None:
        made = onnx.helper.make_attribute(name, value, attr_type=kind)
        attribute.CopyFrom(made)
    try:
      _load(tmp_path, _model([broken]))
    except InputError as error:
      said.append(str(error))
  assert said
  assert not [line for line in said if "\n" in line]


@pytest.mark.parametrize("op", ["ArgMax", "Softmax", "LpNormalization"])
def test_an_axis_that_is_text_is_a_line(tmp_path, op):
  broken = make_node(op, ["x"], ["features"], axis="text")
  with pytest.raises(InputError, match=f"{op} node 'features' cannot run on arrays"):
    _load(tmp_path, _model([broken]))


def test_unsupported_operators_that_are_not_needed_do_no_harm(tmp_path):
  _load(tmp_path, _model([*GOOD, make_node("NonZero", ["x"], ["indices"])]))


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"opset": 5}, "opset 5 is older than 6"),
    ({"size": (4, 3, "H", "W")}, "batch size is fixed at 4"),
    ({"size": ("N", 3, 224, "W")}, "height 224, but .* height 4"),
    ({"size": ("N", 1, "H", "W")}, "channels 1, but .* channels 3"),
    ({"size": ("N", 3)}, "has 2 axes"),
    ({"inputs": ("x", "other")}, "one input, this network has 2: x, other"),
    (
      {"weights": {"w": np.ones((2, 5, 1, 1), np.float32)}},
      "Conv node 'y' cannot run on",
    ),
    ({"nodes": [make_node("Identity", ["nothing"], ["features"])]}, "reads 'nothing'"),
    (
      {
        "nodes": [
          make_node("Cast", ["x"], ["shape"], to=TensorProto.INT64),
          make_node("Reshape", ["x", "shape"], ["features"]),
        ]
      },
      "its new shape is computed from the network's input",
    ),
    (
      {"nodes": [make_node("Dropout", ["x", "", "w"], ["features"])]},
      "Dropout with training_mode is an input",
    ),
  ],
)
def test_what_cannot_be_run_is_refused(tmp_path, options, message):
  _refused(tmp_path, message, _model(**options))
