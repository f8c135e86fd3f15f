"""The ONNX project's own tests of each operator, run on our implementations.

They come with the `onnx` package: those of single operators are generated in this
process, those exported from PyTorch are stored with it; nothing is fetched.
"""

import importlib
import pathlib
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
import onnx.backend.test.case.node as node_cases
from onnx.backend.test import loader

from lead_jax.backbones._onnx import to_jax
from lead_jax.backbones._onnx_operators._demand import (
  GROWING,
  NO_LARGER,
  PRODUCTS,
  demand,
)
from lead_jax.backbones._onnx_operators._node import channels_first
from lead_jax.backbones._onnx_operators._operators import OPERATORS
from lead_jax.backbones._onnx_operators._run import Run

# Tests of supported operators that are not run: part of the name -> why.
EXCLUDED = {
  "_expanded": "the same operator once more, spelt as others",
  "training_": "training mode is refused",
  "_training_mode": "training mode is refused",
  "test_identity_sequence": "a sequence, no array",
  "test_identity_opt": "an optional, no array",
  "test_maxpool_with_argmax": "indices of the maxima are refused",
  "test_not_": "opset 1 is refused",
  "tf_crop_and_resize": "onnxruntime's size; test_onnx_resize.py tests it",
  "scales_linear_align_corners": "onnxruntime's size; test_onnx_resize.py tests it",
  "scales_cubic_align_corners": "onnxruntime's size; test_onnx_resize.py tests it",
  "test_dynamicquantizelinear": "a tie, one step off; test_onnx_parity.py tests it",
  "quantizelinear_e": "types of 8 bits and less are refused",
  "quantizelinear_float4": "types of 8 bits and less are refused",
  "attention_3d_": "slow; the same in 4d, and 3d by itself, are run",
  "_with_past_and_present_qk_matmul_": "slow; 4d_with_qk_matmul_ and its past are run",
  "attention_4d_gqa_with_past_and_present": "slow; 4d_gqa and 4d_with_past are run",
  "causal_fp16": "slow; single precision is run",
  "_bf16": "slow; single precision is run",
  "FLOAT8": "types of 8 bits and less are refused",
  "FLOAT4": "types of 8 bits and less are refused",
  "INT4": "types of 8 bits and less are refused",
  "INT2": "types of 8 bits and less are refused",
  "test_operator_add_broadcast": "broadcasting along an axis (opset 6) is refused",
  "test_operator_add_size1": "broadcasting along an axis (opset 6) is refused",
  "test_operator_addconstant": "its stored input is uninitialised memory",
  "test_PReLU": "slopes of opset 6 are refused",
}
STORED = ("pytorch-operator", "pytorch-converted", "simple")


def _generated():
  """Tests are made, with what they expect, where their module is imported."""
  for path in sorted(pathlib.Path(node_cases.__file__).parent.glob("*.py")):
    source = path.read_text(encoding="utf-8")
    if any(f'"{operator}"' in source for operator in OPERATORS):
      importlib.import_module(f"{node_cases.__name__}.{path.stem}")
  return node_cases._NodeTestCases


def _cases():
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # raised by ONNX's own reference computations
    generated = _generated()
  cases = [(case.name, case.model, case.data_sets) for case in generated]
  for kind in STORED:
    for case in loader.load_model_tests(kind=kind):
      folder = pathlib.Path(case.model_dir)
      model = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
      cases.append((case.name, model, sorted(folder.glob("test_data_set_*"))))
  return [
    pytest.param(model, data_sets, id=name)
    for name, model, data_sets in cases
    if all(node.op_type in OPERATORS for node in model.graph.node)
    and not any(part in name for part in EXCLUDED)
  ]


CASES = _cases()


def _array(value):
  if isinstance(value, bytes):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(value)
    value = tensor
  if isinstance(value, onnx.TensorProto):
    return onnx.numpy_helper.to_array(value)
  return np.asarray(value)


def _arrays(data_set):
  """Inputs and outputs, of a stored test from its folder."""
  if not isinstance(data_set, pathlib.Path):
    return [[_array(value) for value in values] for values in data_set]
  return [
    [
      _array((data_set / f"{kind}_{i}.pb").read_bytes())
      for i in range(len(list(data_set.glob(f"{kind}_*.pb"))))
    ]
    for kind in ("input", "output")
  ]


@pytest.fixture(autouse=True)
def _bounds_hold(monkeypatch):
  """What a node makes is never more than was expected of it before."""
  run = Run.apply

  def apply(self, node, values):
    results = run(self, node, values)
    if node.op_type == "Constant":  # the file holds its value
      return results
    pointwise = OPERATORS[node.op_type].layout == "pointwise"
    most, _ = demand(node, values, pointwise=pointwise)
    for result in results:
      assert result is None or np.size(channels_first(result)) <= max(1, most), node
    return results

  monkeypatch.setattr(Run, "apply", apply)


# Bounded by the broadcast shape of their inputs, beside those that work by element.
BROADCASTING = {"com.microsoft.QLinearAdd", "com.microsoft.QLinearMul"}


def test_what_every_operator_may_make_is_known():
  unknown = {
    name
    for name, operator in OPERATORS.items()
    if operator.layout != "pointwise"
    and name not in NO_LARGER | set(GROWING) | set(PRODUCTS) | BROADCASTING
  }
  assert not unknown, "say in _demand.py what they make"


# Operators that floating-point inputs behind the first one describe.
DESCRIBED = {"OneHot", "Resize", "Upsample"}


@pytest.mark.parametrize(("model", "data_sets"), CASES)
def test_agrees_with_onnx(model, data_sets):
  apply, params = to_jax(model)
  for data_set in data_sets:
    inputs, outputs = _arrays(data_set)
    # Shapes, indices, scales and scalars stay known before the run, as they must be.
    known = {node.op_type for node in model.graph.node} & DESCRIBED
    images = {
      i: v
      for i, v in enumerate(inputs)
      if jnp.issubdtype(v.dtype, jnp.floating) and v.ndim and not (known and i)
    }

    def run(given, inputs=inputs):
      return apply(params, *(given.get(i, v) for i, v in enumerate(inputs)))

    # One program compiles faster than a program for each step.
    results = jax.jit(run)(images) if images else run({})
    for actual, expected in zip(results, outputs, strict=True):
      assert actual.shape == expected.shape
      kind = bool if expected.dtype == bool else np.float64
      # 1e-3 is ONNX's own tolerance; its half-precision cases need it.
      np.testing.assert_allclose(
        np.asarray(actual).astype(kind), expected.astype(kind), rtol=1e-3, atol=1e-6
      )


def test_every_operator_is_tested():
  tested = {node.op_type for case in CASES for node in case.values[0].graph.node}
  untested = {name for name in OPERATORS if not name.startswith("com.microsoft.")}
  # ONNX's tests of Not are of opset 1, and it has none of the others that we run;
  # test_onnx_networks.py runs Not, test_onnx_parity.py the others.
  assert untested - tested == {"Not", "GlobalLpPool", "DynamicQuantizeLinear"}
