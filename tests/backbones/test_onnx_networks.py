"""Whole networks against onnxruntime: synthesised ones, and those of ../shared."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
import onnxruntime as ort
from onnx import TensorProto, numpy_helper
from onnx.helper import (
  make_graph,
  make_model,
  make_node,
  make_opsetid,
  make_tensor_value_info as info,
)

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones._onnx import load_onnx, to_jax
from lead_jax.backbones._zoo_file import load_zoo

SPEC = InputSpec(height=8, width=8, layout="NCHW")


def _weights(**shapes):
  rng = np.random.default_rng(1)
  return {
    name: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    for name, shape in shapes.items()
  }


def _model(nodes, weights, *, size=("N", 3, 8, 8), outputs=("features",), opset=17):
  graph = make_graph(
    nodes,
    "network",
    [info("x", TensorProto.FLOAT, size)],
    [info(name, TensorProto.FLOAT, None) for name in outputs],
    [numpy_helper.from_array(value, name) for name, value in weights.items()],
  )
  return make_model(graph, opset_imports=[make_opsetid("", opset)], ir_version=8)


def _convolutional(size=("N", 3, 8, 8)):
  """Conv, batch normalisation, depthwise, residual; a half-precision weight."""
  weights = _weights(
    w1=(8, 3, 3, 3), w2=(8, 1, 3, 3), w3=(8, 8, 1, 1), b3=(8,), g=(5, 8)
  )
  weights |= _weights(scale=(8,), bias=(8,), mean=(8,))
  weights["variance"] = np.linspace(0.5, 2, 8, dtype=np.float32)
  weights["half"] = weights.pop("w3").astype(np.float16)
  weights |= {"six": np.float32(6), "zero": np.float32(0)}
  nodes = [
    make_node("Conv", ["x", "w1"], ["c1"], strides=[2, 2], auto_pad="SAME_UPPER"),
    make_node("BatchNormalization", ["c1", "scale", "bias", "mean", "variance"], ["n"]),
    make_node("Clip", ["n", "zero", "six"], ["r1"]),
    make_node("Conv", ["r1", "w2"], ["c2"], group=8, pads=[1, 1, 1, 1]),
    make_node("HardSwish", ["c2"], ["r2"]),
    make_node("Cast", ["half"], ["w3"], to=TensorProto.FLOAT),
    make_node("Conv", ["r2", "w3", "b3"], ["c3"]),
    make_node("Add", ["c3", "r1"], ["sum"]),
    make_node("GlobalAveragePool", ["sum"], ["pooled"]),
    make_node("Flatten", ["pooled"], ["features"]),
    make_node("Gemm", ["features", "g"], ["logits"], transB=1),
  ]
  return _model(nodes, weights, size=size, outputs=("features", "logits"))


def _attention():
  """Patches, LayerNormalization and self-attention; shapes computed from the input."""
  weights = _weights(
    patch=(12, 3, 4, 4),
    qkv=(12, 36),
    out=(12, 12),
    scale=(12,),
    bias=(12,),
    pos=(1, 4, 12),
  )
  integers = {"zero": 0, "one": [1], "rest": [-1], "heads": [3, 4], "width": [12]}
  weights |= {key: np.array(value, np.int64) for key, value in integers.items()}
  weights["root"] = np.float32(0.5)
  nodes = [
    make_node("Conv", ["x", "patch"], ["p"], strides=[4, 4]),
    make_node("Shape", ["p"], ["shape"]),
    make_node("Gather", ["shape", "zero"], ["n"], axis=0),
    make_node("Unsqueeze", ["n", "zero_axis"], ["n1"]),
    make_node("Concat", ["n1", "width", "rest"], ["flat_shape"], axis=0),
    make_node("Reshape", ["p", "flat_shape"], ["flat"]),
    make_node("Transpose", ["flat"], ["tokens"], perm=[0, 2, 1]),
    make_node("Add", ["tokens", "pos"], ["embedded"]),
    make_node("LayerNormalization", ["embedded", "scale", "bias"], ["normal"]),
    make_node("MatMul", ["normal", "qkv"], ["mixed"]),
    make_node("Split", ["mixed"], ["q0", "k0", "v0"], axis=2),
    make_node("Concat", ["n1", "rest", "heads"], ["head_shape"], axis=0),
    *(make_node("Reshape", [f"{c}0", "head_shape"], [f"{c}1"]) for c in "qkv"),
    make_node("Transpose", ["q1"], ["q"], perm=[0, 2, 1, 3]),
    make_node("Transpose", ["k1"], ["k"], perm=[0, 2, 3, 1]),
    make_node("Transpose", ["v1"], ["v"], perm=[0, 2, 1, 3]),
    make_node("MatMul", ["q", "k"], ["scores"]),
    make_node("Mul", ["scores", "root"], ["scaled"]),
    make_node("Softmax", ["scaled"], ["weights"]),
    make_node("MatMul", ["weights", "v"], ["mixture"]),
    make_node("Transpose", ["mixture"], ["back"], perm=[0, 2, 1, 3]),
    make_node("Concat", ["n1", "rest", "width"], ["token_shape"], axis=0),
    make_node("Reshape", ["back", "token_shape"], ["joined"]),
    make_node("MatMul", ["joined", "out"], ["projected"]),
    make_node("Add", ["projected", "embedded"], ["residual"]),
    make_node("Erf", ["residual"], ["activated"]),
    make_node("ReduceMean", ["activated"], ["features"], axes=[1], keepdims=0),
  ]
  weights["zero_axis"] = np.array([0], np.int64)
  return _model(nodes, weights)


def _branches():
  """Operators that hand the channels-last layout on, and those that end it."""
  weights = _weights(w=(4, 3, 3, 3), slope=(4, 1, 1), offset=(1, 4, 1, 1))
  weights |= {"p": np.array([0, 0, 1, 0, 0, 0, 1, 2], np.int64)}
  weights |= {"s": np.array([-1], np.int64), "e": np.array([-(2**63)], np.int64)}
  weights |= {"axis": np.array([1], np.int64), "step": np.array([-1], np.int64)}
  weights["scales"] = np.array([1, 1, 1.5, 2], np.float32)
  nodes = [
    make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
    make_node("PRelu", ["c", "slope"], ["a"]),
    make_node("Slice", ["a", "s", "e", "axis", "step"], ["flipped"]),
    make_node("Sub", ["flipped", "offset"], ["shifted"]),
    make_node("Concat", ["shifted", "a"], ["joined"], axis=1),
    make_node("Pad", ["joined", "p"], ["padded"], mode="reflect"),
    make_node("MaxPool", ["padded"], ["pooled"], kernel_shape=[3, 2], ceil_mode=1,
              strides=[2, 2]),
    make_node("Resize", ["pooled", "", "scales"], ["grown"], mode="linear"),
    make_node("Split", ["grown"], ["left", "right"], axis=1),
    make_node("Sigmoid", ["left"], ["gate"]),
    make_node("Mul", ["gate", "right"], ["gated"]),
    make_node("ReduceMean", ["gated"], ["mean"], axes=[-1], keepdims=0),
    make_node("Softmax", ["mean"], ["soft"], axis=1),
    make_node("AveragePool", ["gated"], ["last"], kernel_shape=[3, 3],
              auto_pad="SAME_LOWER"),
    make_node("Flatten", ["last"], ["wide"]),
    make_node("Flatten", ["soft"], ["narrow"]),
    make_node("Concat", ["wide", "narrow"], ["features"], axis=1),
  ]  # fmt: skip
  return _model(nodes, weights)


NETWORKS = {
  "convolutional": _convolutional,
  "attention": _attention,
  "branches": _branches,
}


def _images(n, channels=3, height=8, width=8):
  rng = np.random.default_rng(0)
  return rng.normal(size=(n, channels, height, width)).astype(np.float32)


def _reference(model, names, x):
  options = ort.SessionOptions()
  options.intra_op_num_threads = 1
  return ort.InferenceSession(model, options).run(names, {"x": x})


def _assert_close(actual, expected, tolerance):
  assert actual.shape == expected.shape
  assert np.abs(actual - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_synthetic_networks_agree_with_onnxruntime(network):
  model = network()
  names = [output.name for output in model.graph.output]
  apply, params = to_jax(model)
  for batch in (3, 2):
    x = _images(batch)
    expected = _reference(model.SerializeToString(), names, x)
    for actual, wanted in zip(jax.jit(apply)(params, x), expected, strict=True):
      _assert_close(actual, wanted, 1e-5)


def test_real_networks_agree_with_onnxruntime(shared):
  folder = shared / "realzoo"
  entries = json.loads((folder / "zoo.json").read_text())["models"]
  specs = load_zoo(folder / "zoo.json")
  for spec, entry in zip(specs, entries, strict=True):
    backbone = spec.load()
    channels = 1 if backbone.input.channels == "gray" else 3
    x = _images(4, channels, backbone.input.height, backbone.input.width)
    outputs = jax.jit(backbone.apply)(backbone.params, x)
    names = [entry["features"]] + [entry["logits"]] * (entry["logits"] is not None)
    assert len(outputs) == len(names)
    expected = _reference(str(folder / entry["file"]), names, x)
    for actual, wanted in zip(outputs.values(), expected, strict=True):
      _assert_close(actual, wanted, 1e-4)


def test_parameters_are_what_training_changes(tmp_path):
  backbone = _load(tmp_path, _convolutional())
  assert set(backbone.params) == {"w1", "w2", "half", "b3", "scale", "bias"}
  assert {value.dtype for value in backbone.params.values()} == {jnp.dtype("float32")}
  assert backbone.num_params == sum(v.size for v in backbone.params.values())


def test_logits_are_computed_only_where_asked_for(tmp_path):
  x = _images(2)
  without = _load(tmp_path, _convolutional())
  assert set(without.apply(without.params, x)) == {"features"}
  assert "g" not in without.params
  with_logits = _load(tmp_path, _convolutional(), logits="logits")
  assert with_logits.apply(with_logits.params, x)["logits"].shape == (2, 5)


def test_any_value_is_a_feature_point(tmp_path):
  backbone = _load(tmp_path, _convolutional(), features="pooled")
  other = _load(tmp_path, _convolutional())
  x = _images(2)
  np.testing.assert_array_equal(
    backbone.apply(backbone.params, x)["features"],
    other.apply(other.params, x)["features"],
  )


def test_a_batch_fixed_at_one_is_mapped(tmp_path):
  fixed = _load(tmp_path, _convolutional(size=(1, 3, 8, 8)))
  free = _load(tmp_path, _convolutional())
  x = _images(3)
  _assert_close(
    np.asarray(fixed.apply(fixed.params, x)["features"]),
    np.asarray(free.apply(free.params, x)["features"]),
    1e-6,
  )


@pytest.mark.parametrize(
  "network", [_convolutional, _attention], ids=["conv", "attention"]
)
def test_gradients_agree_with_finite_differences(tmp_path, network):
  with jax.enable_x64(True):
    backbone = _load(tmp_path, network())
    params = jax.tree.map(lambda v: v.astype(jnp.float64), backbone.params)
    x = jnp.asarray(_images(2), jnp.float64)

    @jax.jit
    def loss(params, x):
      return jnp.sum(jnp.sin(backbone.apply(params, x)["features"]))

    gradient_params, gradient_x = jax.jit(jax.grad(loss, (0, 1)))(params, x)
    rng = np.random.default_rng(3)
    step = 1e-6
    for name, value in params.items():
      direction = rng.normal(size=value.shape)
      moved = [loss({**params, name: value + s * direction}, x) for s in (step, -step)]
      slope = (moved[0] - moved[1]) / (2 * step)
      assert abs(slope) > 1e-4  # every parameter matters
      np.testing.assert_allclose(
        jnp.vdot(gradient_params[name], direction), slope, rtol=1e-4, atol=1e-7
      )
    direction = rng.normal(size=x.shape)
    slope = (
      loss(params, x + step * direction) - loss(params, x - step * direction)
    ) / (2 * step)
    np.testing.assert_allclose(jnp.vdot(gradient_x, direction), slope, rtol=1e-4)


def test_gradients_for_each_sample(tmp_path):
  backbone = _load(tmp_path, _convolutional())
  x = _images(3)
  total = lambda params, x: backbone.apply(params, x)["features"].sum()
  one_sample = jax.grad(lambda params, one: total(params, one[None]))
  each = jax.jit(jax.vmap(one_sample, (None, 0)))(backbone.params, x)
  together = jax.jit(jax.grad(total))(backbone.params, x)
  for name, value in together.items():
    np.testing.assert_allclose(each[name].sum(0), value, rtol=1e-4, atol=1e-4)


def test_shape_arithmetic_stays_static():
  """A shape computed by comparison and choice from the batch reaches Reshape."""
  weights = {
    "cut": np.array([0], np.int64), "one": np.array([1], np.int64),
    "rest": np.array([-1], np.int64),
  }  # fmt: skip
  nodes = [
    make_node("Shape", ["x"], ["shape"]),
    make_node("Slice", ["shape", "cut", "one"], ["n"]),
    make_node("Greater", ["n", "cut"], ["positive"]),
    make_node("Not", ["positive"], ["empty"]),
    make_node("Where", ["empty", "one", "n"], ["rows"]),
    make_node("Concat", ["rows", "rest"], ["target"], axis=0),
    make_node("Reshape", ["x", "target"], ["features"]),
  ]
  apply, params = to_jax(_model(nodes, weights))
  x = _images(2)
  assert params == {}
  np.testing.assert_array_equal(jax.jit(apply)(params, x)[0], x.reshape(2, -1))


def _load(tmp_path, model, **options):
  path = tmp_path / "network.onnx"
  path.write_bytes(model.SerializeToString())
  return load_onnx(path, name="network", input_spec=SPEC, **options)


def test_the_version_of_the_reader_is_part_of_the_key(tmp_path, monkeypatch):
  """Features stored before an operator's values changed are not found again."""
  point = _load(tmp_path, NETWORKS["convolutional"]()).feature_point
  monkeypatch.setattr("lead_jax.backbones._onnx.READER_VERSION", 2)
  assert _load(tmp_path, NETWORKS["convolutional"]()).feature_point != point
