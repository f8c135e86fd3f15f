"""Resize against onnxruntime and torch, on a grid of modes, scales and sizes."""

import itertools
import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from lead_jax.backbones._onnx import to_jax

SCALES = (0.5, 1.5, 1.7, 0.33, 2, 3, 2.5, 0.75, 1.2, 0.9, 0.7, 1)
SIZES = (15, 1, 7, 10, 4, 8)
COORDINATES = (
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_crop_and_resize",
)
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
KINDS = [
  *({"mode": "nearest", "nearest_mode": rounding} for rounding in ROUNDINGS),
  *({"mode": mode, "antialias": a} for mode in ("linear", "cubic") for a in (0, 1)),
  {"mode": "cubic", "exclude_outside": 1, "cubic_coeff_a": -0.5},
  {"mode": "cubic", "exclude_outside": 1, "antialias": 1},
]
REGION = np.array([0, 0, 0.1, 0.2, 1, 1, 0.8, 1.2], np.float32)


def _session(model):
  options = ort.SessionOptions()
  options.intra_op_num_threads = 1
  options.log_severity_level = 4
  return ort.InferenceSession(model.SerializeToString(), options)


def _model(types, *, opset=19, op_type="Resize", **attributes):
  """One node whose inputs are all given; a type None leaves the input out."""
  names = [f"input{i}" if kind else "" for i, kind in enumerate(types)]
  graph = helper.make_graph(
    [helper.make_node(op_type, names, ["y"], **attributes)],
    "resize",
    [
      helper.make_tensor_value_info(name, kind, None)
      for name, kind in zip(names, types, strict=True)
      if kind
    ],
    [helper.make_tensor_value_info("y", types[0], None)],
  )
  opsets = [helper.make_opsetid("", opset)]
  return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _both(model, session, *arrays):
  names = [value.name for value in model.graph.input]
  (expected,) = session.run(None, dict(zip(names, arrays, strict=True)))
  # NumPy arrays are computed in NumPy: nothing is compiled.
  (actual,) = to_jax(model)[0]({}, *arrays)
  return np.asarray(actual), expected


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("by", ["scales", "sizes"])
def test_agrees_with_onnxruntime(coordinates, by):
  rng = np.random.default_rng(0)
  float_, int_ = TensorProto.FLOAT, TensorProto.INT64
  types = [float_, float_, *((float_,) if by == "scales" else (None, int_))]
  compared = 0
  for kind in KINDS:
    model = _model(
      types,
      coordinate_transformation_mode=coordinates,
      extrapolation_value=7.0,
      **kind,
    )
    session = _session(model)
    for (i, height), (j, scale) in itertools.product(
      enumerate(SIZES), enumerate(SCALES)
    ):
      sizes = (height, SIZES[i - 1])
      scales = np.array([1, 1, scale, SCALES[j - 5]], np.float32)
      if any(n * s < 1 for n, s in zip(sizes, scales[2:], strict=True)):
        continue
      if by == "sizes":
        scales = np.array([1, 2, *(np.array(sizes) * scales[2:])], np.int64)
      x = rng.normal(size=(1, 2, *sizes)).astype(np.float32)
      actual, expected = _both(model, session, x, REGION, scales)
      assert actual.shape == expected.shape
      np.testing.assert_allclose(
        actual, expected, atol=1e-5, err_msg=f"{kind} {scales}"
      )
      compared += 1
  assert compared > 500


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(("op_type", "opset"), [("Upsample", 9), ("Resize", 10)])
def test_old_operators_agree_with_onnxruntime(op_type, opset, mode):
  model = _model([TensorProto.FLOAT] * 2, op_type=op_type, opset=opset, mode=mode)
  session = _session(model)
  x = np.random.default_rng(0).normal(size=(1, 2, 7, 10)).astype(np.float32)
  for scale in SCALES:
    if scale < 1 and op_type == "Upsample":
      continue
    actual, expected = _both(model, session, x, np.array([1, 1, scale, 2], np.float32))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_aspect_ratio_and_axes_agree_with_onnxruntime(policy):
  types = [TensorProto.FLOAT, None, None, TensorProto.INT64]
  for axes in ([2, 3], [3, 2]):
    model = _model(types, keep_aspect_ratio_policy=policy, mode="linear", axes=axes)
    session = _session(model)
    for target in ([7, 9], [3, 30], [11, 4]):
      x = np.random.default_rng(0).normal(size=(1, 2, 5, 8)).astype(np.float32)
      actual, expected = _both(model, session, x, np.array(target))
      assert actual.shape == expected.shape
      np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("antialias", [0, 1])
def test_integers_are_interpolated_as_numbers(antialias):
  """A step apart at most: onnxruntime's antialiasing of bytes has 22 bits."""
  model = _model(
    [TensorProto.UINT8, None, TensorProto.FLOAT], mode="linear", antialias=antialias
  )
  x = np.random.default_rng(0).integers(0, 255, (1, 2, 7, 5)).astype(np.uint8)
  scales = np.array([1, 1, 1.7, 0.6], np.float32)
  actual, expected = _both(model, _session(model), x, scales)
  assert actual.dtype == np.uint8
  assert np.abs(actual.astype(int) - expected).max() <= antialias


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
def test_agrees_with_torch(dynamo, tmp_path):
  torch = pytest.importorskip("torch", reason="torch is an extra (make torch)")
  if dynamo:
    pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
  scales = (0.5, 1.5, 1.7, 0.33)
  kinds = [{"mode": "nearest"}]
  for corners in (True, False):
    kinds += [{"mode": m, "align_corners": corners} for m in ("bilinear", "bicubic")]
  if dynamo:  # the older exporter has none
    kinds.append({"mode": "bilinear", "align_corners": False, "antialias": True})

  class Network(torch.nn.Module):
    def forward(self, x):
      return [
        torch.nn.functional.interpolate(x, scale_factor=(scale, scale), **kind)
        for kind in kinds
        for scale in scales
      ]

  x = torch.from_numpy(
    np.random.default_rng(0).normal(size=(1, 2, 15, 7)).astype(np.float32)
  )
  path = tmp_path / "network.onnx"
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the older exporter's end
    if dynamo:
      torch.onnx.export(Network(), (x,), dynamo=True, verbose=False).save(path)
    else:
      torch.onnx.export(Network(), (x,), path, dynamo=False, opset_version=18)
  model = onnx.load(path)
  session = _session(model)
  computed = session.run(None, {session.get_inputs()[0].name: x.numpy()})
  apply, params = to_jax(model)
  actual = apply(params, x.numpy())
  made = [kind for kind in kinds for _ in scales]
  for kind, *values in zip(made, actual, computed, Network()(x), strict=True):
    ours, runtime, meant = values
    assert ours.shape == tuple(meant.shape)
    np.testing.assert_allclose(ours, runtime, atol=1e-5)
    # torch's exporter and onnxruntime differ in antialiasing by a broken scale.
    if "antialias" not in kind:
      np.testing.assert_allclose(ours, meant.numpy(), atol=1e-5)
