"""Values that are no numbers are refused where a network enters, whatever its features."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("onnx")
from onnx import TensorProto, numpy_helper
from onnx.helper import (
  make_graph,
  make_model,
  make_node,
  make_opsetid,
  make_tensor_value_info as info,
)

from lead_jax.backbones import Backbone, InputSpec, ModelSpec, load_onnx
from lead_jax.backbones._input_doubts import doubting_input
from lead_jax.checks import InputError

SPEC = InputSpec(4, 4, layout="NCHW")
PIXELS = InputSpec(4, 4, layout="NCHW", std=(1.0, 1.0, 1.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16"])
def test_parameters_of_a_backbone(kind, value):
  weights = np.ones((3, 4), jnp.dtype(kind))
  weights[1, 2] = value
  with pytest.raises(
    InputError, match=r"net: 1 of the 12 values of 'layer/0'.*damaged"
  ):
    Backbone("net", None, {"layer": [weights], "n": 3}, SPEC, "")
  whole = {
    "layer": [np.ones((3, 4), jnp.dtype(kind))],
    "steps": np.arange(3),
    "empty": weights[:0],
  }
  Backbone("net", None, {**whole, "key": jax.random.key(0)}, SPEC, "")


def test_what_is_traced_passes():
  make = lambda w: Backbone("net", None, {"w": w}, SPEC, "").params["w"].sum()
  assert jax.jit(make)(jnp.ones(3)) == 3


def _onnx(tmp_path, nodes, arrays, kind=TensorProto.FLOAT, spec=SPEC):
  graph = make_graph(
    nodes,
    "network",
    [info("x", kind, ("N", 3, 4, 4))],
    [info("features", TensorProto.FLOAT, None)],
    [numpy_helper.from_array(value, name) for name, value in arrays.items()],
  )
  path = tmp_path / "network.onnx"
  model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)
  path.write_bytes(model.SerializeToString())
  return load_onnx(path, name="network", input_spec=spec)


POOL = make_node("GlobalAveragePool", ["y"], ["features"])
NORM = {
  "scale": np.ones(3, np.float32),
  "bias": np.zeros(3, np.float32),
  "mean": np.zeros(3, np.float32),
  "var": np.ones(3, np.float32),
}


@pytest.mark.parametrize(
  ("name", "value", "message"),
  [
    ("scale", np.nan, "1 of the 3 values of 'scale' are NaN"),
    ("mean", np.inf, "1 of the 3 values of 'mean' are NaN or infinite"),
    ("var", np.nan, "1 of the 3 values of 'var' are NaN"),
    ("var", np.inf, "1 of the 3 values of 'var' are NaN or infinite"),
    ("var", -2, "has the negative variance -2: the file is damaged"),
  ],
)
def test_statistics_that_are_no_parameters(tmp_path, name, value, message):
  arrays = {key: array.copy() for key, array in NORM.items()}
  nodes = [make_node("BatchNormalization", ["x", *NORM], ["y"]), POOL]
  _onnx(tmp_path, nodes, arrays)
  arrays[name][1] = value
  with pytest.raises(InputError, match=rf"network\.onnx: .*{message}"):
    _onnx(tmp_path, nodes, arrays)


def test_a_constant_of_the_network(tmp_path):
  number = numpy_helper.from_array(np.float32(np.nan))
  nodes = [
    make_node("Constant", [], ["c"], value=number),
    make_node("Mul", ["x", "c"], ["y"]),
    POOL,
  ]
  with pytest.raises(InputError, match="1 of the 1 values of 'c' are NaN"):
    _onnx(tmp_path, nodes, {})


def test_bounds_and_masks_may_be_infinite(tmp_path):
  mask = np.where(np.tri(4, dtype=bool), 0, -np.inf).astype(np.float32)
  nodes = [
    make_node("Add", ["x", "mask"], ["masked"]),
    make_node("Softmax", ["masked"], ["soft"]),
    make_node("Clip", ["soft", "", "most"], ["y"]),
    POOL,
  ]
  loaded = _onnx(tmp_path, nodes, {"mask": mask, "most": np.float32(np.inf)})
  assert not loaded.params  # a mask is no parameter
  found = loaded.apply({}, jnp.ones((2, 3, 4, 4)))["features"]
  np.testing.assert_allclose(found, 0.25, rtol=1e-6)
  mask[0, 1] = np.inf
  with pytest.raises(InputError, match="of 'mask' are NaN or infinite"):
    _onnx(tmp_path, nodes, {"mask": mask, "most": np.float32(np.inf)})


@pytest.mark.parametrize(
  ("kind", "spec", "fits"),
  [
    (TensorProto.UINT8, PIXELS, True),
    (TensorProto.UINT8, SPEC, False),
    (TensorProto.UINT8, InputSpec(4, 4, mean=(1, 1, 1), std=(1, 1, 1)), False),
    (TensorProto.UINT8, InputSpec(4, 4, mean=(0, 0, 0), std=(2, 2, 2)), False),
    (TensorProto.INT8, InputSpec(4, 4, mean=(128,) * 3, std=(1, 1, 1)), True),
    (TensorProto.INT8, InputSpec(4, 4, mean=(127.5,) * 3, std=(1, 1, 1)), False),
    (TensorProto.INT8, PIXELS, False),
    (TensorProto.INT32, InputSpec(4, 4, mean=(128,) * 3, std=(1, 1, 1)), True),
    (TensorProto.FLOAT16, SPEC, True),
  ],
)
def test_a_network_of_whole_numbers(tmp_path, kind, spec, fits):
  spec = dataclasses.replace(spec, layout="NCHW")
  nodes = [make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT), POOL]
  if fits:
    _onnx(tmp_path, nodes, {}, kind, spec)
    return
  with pytest.raises(InputError, match=r"network\.onnx: the network takes u?int8 but "):
    _onnx(tmp_path, nodes, {}, kind, spec)


def test_gray_is_rounded_for_whole_numbers(tmp_path):
  graph = make_graph(
    [make_node("Cast", ["x"], ["features"], to=TensorProto.FLOAT)],
    "network",
    [info("x", TensorProto.UINT8, ("N", 1, 1, 4))],
    [info("features", TensorProto.FLOAT, None)],
  )
  path = tmp_path / "network.onnx"
  model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)
  path.write_bytes(model.SerializeToString())
  spec = InputSpec(1, 4, "gray", (0.0,), (1.0,), "NCHW")
  loaded = load_onnx(path, name="network", input_spec=spec)
  x = jnp.array([[[[0.4, 0.6, 254.6, 7.0]]]])
  assert loaded.apply({}, x)["features"].tolist() == [[0, 1, 255, 7]]


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"mean": (np.nan, 0, 0)}, r"mean is \[nan, 0, 0\]; channels='rgb' needs 3 finite"),
    ({"std": (1, np.inf, 1)}, r"std is \[1, inf, 1\]; .* needs 3 finite numbers"),
    ({"std": (1, 0.0, 1)}, "each must be greater than 0"),
    ({"mean": (10**400, 0, 0)}, "needs 3 finite numbers"),
    ({"mean": (True, 0, 0)}, "needs 3 finite numbers"),
    ({"mean": 3}, "mean is 3; channels='rgb' needs 3 finite numbers"),
    ({"channels": "gray"}, "channels='gray' needs 1 finite number"),
    ({"channels": "hsv"}, "channels is 'hsv', not rgb | bgr | gray"),
    ({"layout": "CHW"}, "layout is 'CHW', not NCHW | NHWC"),
    ({"interpolation": "sinc"}, "interpolation is 'sinc', not nearest | "),
    ({"height": 0}, r"height is 0, not a whole number of pixels in 1\.\.16384"),
    ({"width": 10**9}, "width is 1000000000, not a whole number"),
    ({"width": 2.5}, "width is 2.5, not a whole number"),
    ({"height": True}, "height is True, not a whole number"),
    ({"resize": -1}, "resize is -1, not a whole number"),
  ],
)
def test_descriptions_of_an_input(options, message):
  with pytest.raises(InputError, match=message.replace("|", r"\|")):
    InputSpec(**{"height": 4, "width": 4, **options})


IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@pytest.mark.parametrize(
  ("mean", "std", "ends"),
  [
    (*IMAGENET, (-2.118, 2.640)),
    ((0, 0, 0), (255,) * 3, (0, 1)),
    ((127.5,) * 3, (127.5,) * 3, (-1, 1)),
    ((0, 0, 0), (1, 1, 1), (0, 255)),
    ((104, 117, 123), (1, 1, 1), (-123, 151)),
    ((128,) * 3, (1, 1, 1), (-128, 127)),
  ],
)
def test_inputs_that_are_usual_are_not_doubted(mean, std, ends):
  spec = InputSpec(4, 4, mean=mean, std=std)
  np.testing.assert_allclose(spec.input_range, ends, atol=1e-3)
  assert spec.doubt() == ""


@pytest.mark.parametrize(
  ("mean", "std", "shown"),
  [
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "-2.118 … 1136: .*units of 0..1"),
    ((0.5,) * 3, (0.5,) * 3, "-1 … 509: .*units of 0..1"),
    ((0.485, 0.456, 0.406), (58.4, 57.1, 57.4), "units of 0..1"),
    ((123.7, 116.3, 103.5), (0.229, 0.224, 0.225), "units of 0..1"),
    ((0, 0, 0), (1 / 255,) * 3, "0 … 6.502e"),
    ((0, 0, 0), (65025,) * 3, "0 … 0.003922"),
    ((300,) * 3, (60,) * 3, "a mean lies outside 0..255"),
  ],
)
def test_inputs_that_cannot_well_be_meant_are_told(mean, std, shown):
  spec = InputSpec(4, 4, mean=mean, std=std)
  told = []
  model = ModelSpec("net", lambda: Backbone("net", None, {}, spec, ""))
  doubting_input(model, told.append).load()
  (line,) = told
  assert re.search(f"^net: the network sees values in .*{shown}", line), line
