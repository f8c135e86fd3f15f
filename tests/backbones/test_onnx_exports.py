"""Files as exporters and quantisers write them: features are onnxruntime's."""

import warnings

import jax
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones._onnx import load_onnx

SPEC = InputSpec(height=12, width=12, layout="NCHW")


def _images(n):
  return np.random.default_rng(0).normal(size=(n, 3, 12, 12)).astype(np.float32)


def _reference(path, x):
  options = ort.SessionOptions()
  options.intra_op_num_threads, options.log_severity_level = 1, 4
  session = ort.InferenceSession(str(path), options)
  return session.run(["features"], {session.get_inputs()[0].name: x})[0]


def _features(path, x):
  backbone = load_onnx(path, name="network", input_spec=SPEC)
  return np.asarray(jax.jit(backbone.apply)(backbone.params, x)["features"]), backbone


@pytest.fixture
def convolutional(tmp_path):
  """A small convolutional network in a file, random weights."""
  rng = np.random.default_rng(1)
  shapes = {"w1": (8, 3, 3, 3), "w2": (8, 1, 3, 3), "w3": (8, 8, 1, 1), "g": (5, 8)}
  weights = {
    name: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    for name, shape in (shapes | {"b1": (8,), "b2": (5,)}).items()
  }
  node = helper.make_node
  nodes = [
    node("Conv", ["x", "w1", "b1"], ["c1"], strides=[2, 2], pads=[1, 1, 1, 1]),
    node("Relu", ["c1"], ["r1"]),
    node("Conv", ["r1", "w2"], ["c2"], group=8, pads=[1, 1, 1, 1]),
    node("Relu", ["c2"], ["r2"]),
    node("Conv", ["r2", "w3"], ["c3"]),
    node("Add", ["c3", "r1"], ["sum"]),
    node("MaxPool", ["sum"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
    node("GlobalAveragePool", ["pooled"], ["mean"]),
    node("Flatten", ["mean"], ["flat"]),
    node("Gemm", ["flat", "g", "b2"], ["features"], transB=1),
  ]
  graph = helper.make_graph(
    nodes,
    "network",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 12, 12])],
    [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 5])],
    [numpy_helper.from_array(value, name) for name, value in weights.items()],
  )
  opsets = [helper.make_opsetid("", 17)]
  path = tmp_path / "network.onnx"
  onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
  return path


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_statically_quantised(convolutional, form, per_channel):
  quantization = pytest.importorskip("onnxruntime.quantization")

  class Reader(quantization.CalibrationDataReader):
    batches = iter([{"x": _images(8)}])

    def get_next(self):
      return next(self.batches, None)

  path = convolutional.with_name("int8.onnx")
  quantization.quantize_static(
    convolutional,
    path,
    Reader(),
    quant_format=quantization.QuantFormat[form],
    per_channel=per_channel,
    activation_type=quantization.QuantType.QUInt8,
    weight_type=quantization.QuantType.QInt8,
    reduce_range=True,  # onnxruntime's sums of 8-bit products are exact
  )
  x = _images(6)
  actual, _ = _features(path, x)
  expected = _reference(path, x)
  steps = np.unique(np.abs(np.diff(np.unique(expected))))
  assert np.abs(actual - expected).max() <= steps[steps > 1e-6].min() * 1.01
  # It is the quantised network: rounding shows against the one that it was made from.
  assert np.abs(actual - _reference(convolutional, x)).max() > 1e-3


def test_quantised_weights_alone(convolutional):
  model = onnx.load(convolutional)
  for tensor in list(model.graph.initializer):
    value = numpy_helper.to_array(tensor)
    if value.ndim < 2:
      continue
    scale = np.abs(value).max(tuple(range(1, value.ndim))) / 127
    steps = np.round(value / scale.reshape(-1, *[1] * (value.ndim - 1)))
    model.graph.initializer.remove(tensor)
    for suffix, part in (("_q", steps.astype(np.int8)), ("_s", scale)):
      model.graph.initializer.append(
        numpy_helper.from_array(part, tensor.name + suffix)
      )
    model.graph.node.insert(
      0,
      helper.make_node(
        "DequantizeLinear",
        [tensor.name + "_q", tensor.name + "_s"],
        [tensor.name],
        axis=0,
      ),
    )
  path = convolutional.with_name("weights.onnx")
  onnx.save(model, path)
  x = _images(3)
  actual, backbone = _features(path, x)
  np.testing.assert_allclose(actual, _reference(path, x), atol=1e-5)
  # What the integers mean is what fine-tuning trains.
  assert set(backbone.params) == {"w1", "w2", "w3", "g", "b1", "b2"}


def test_dynamically_quantised_images_do_not_see_each_other(convolutional):
  """Ranges are of one image: those of a batch would let the batch size decide."""
  quantization = pytest.importorskip("onnxruntime.quantization")
  path = convolutional.with_name("dynamic.onnx")
  quantization.quantize_dynamic(convolutional, path)
  x = _images(4) * np.array([1, 5, 0.2, 1], np.float32).reshape(-1, 1, 1, 1)
  actual, _ = _features(path, x)
  expected = np.concatenate([_reference(path, image[None]) for image in x])
  np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_vision_transformer_of_opset_23(tmp_path):
  """torch writes scaled_dot_product_attention as one Attention node."""
  torch = pytest.importorskip("torch", reason="torch is an extra (make torch)")
  models = pytest.importorskip("torchvision.models", reason="needs torchvision")
  pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
  torch.manual_seed(0)
  network = models.VisionTransformer(12, 4, 1, 2, 16, 32, num_classes=5).eval()
  for parameter in network.parameters():
    torch.nn.init.normal_(parameter, std=0.2)
  path = tmp_path / "vit.onnx"
  x = _images(3)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    program = torch.onnx.export(
      network,
      (torch.from_numpy(x),),
      dynamo=True,
      opset_version=23,
      output_names=["features"],
      dynamic_shapes=({0: torch.export.Dim("batch")},),
      verbose=False,
    )
  program.save(path)
  assert any(node.op_type == "Attention" for node in onnx.load(path).graph.node)
  actual, _ = _features(path, x)
  np.testing.assert_allclose(actual, _reference(path, x), atol=1e-5)
  with torch.no_grad():
    np.testing.assert_allclose(actual, network(torch.from_numpy(x)), atol=1e-5)
