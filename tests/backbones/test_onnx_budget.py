"""Small ONNX files that ask for much are refused before they are given it."""

import tracemalloc

import numpy as np
import pytest

pytest.importorskip("onnx")
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
from lead_jax.checks import InputError

SPEC = InputSpec(height=4, width=4, layout="NCHW")
IMPORTS = [make_opsetid("", 17), make_opsetid("own", 1)]
HUGE = 1 << 33


def _model(nodes, functions=(), sparse=(), **constants):
  """Adds the sum of a value `big` to the image."""
  tail = [
    make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
    make_node("Cast", ["sum"], ["float"], to=TensorProto.FLOAT),
    make_node("Add", ["x", "float"], ["y"]),
    make_node("GlobalAveragePool", ["y"], ["features"]),
  ]
  graph = make_graph(
    [*nodes, *tail],
    "network",
    [info("x", TensorProto.FLOAT, ("N", 3, 4, 4))],
    [info("features", TensorProto.FLOAT, None)],
    [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    sparse_initializer=list(sparse),
  )
  return make_model(
    graph, opset_imports=IMPORTS, ir_version=9, functions=list(functions)
  )


def _load(tmp_path, model, **options):
  path = tmp_path / "network.onnx"
  path.write_bytes(model.SerializeToString())
  return load_onnx(path, name="network", input_spec=SPEC, **options)


ONE = np.ones(1, np.float32)
ROW = np.ones((1, 1 << 10), np.float32)


def _one(op, inputs, **attributes):
  return [make_node(op, inputs, ["big"], **attributes)]


def _expanded(nodes, wide=1 << 24):
  """A vector, wide by Expand alone, and steps upon it."""
  first = make_node("Expand", ["one", "wide"], ["row"])
  return [first, *nodes], {"one": ONE, "wide": [wide]}


FOLDING = {
  "ConstantOfShape": (_one("ConstantOfShape", ["n"]), {"n": [HUGE]}),
  "Range": (_one("Range", ["a", "b", "c"]), {"a": 0, "b": HUGE, "c": 1}),
  "Tile": (_one("Tile", ["one", "n"]), {"one": ONE, "n": [HUGE]}),
  "Pad": (_one("Pad", ["one", "n"]), {"one": ONE, "n": [0, HUGE]}),
  "OneHot": (
    _one("OneHot", ["i", "n", "v"]),
    {"i": [0], "n": HUGE, "v": np.array([0, 1], np.float32)},
  ),
  "Expand": _expanded(_one("Neg", ["row"]), HUGE),
  "Einsum": (
    _one("Einsum", ["r", "r", "r", "r"], equation="ab,ac,ad,ae->bcde"),
    {"r": ROW},
  ),
  "Einsum time": (
    _one("Einsum", ["r", "r", "r", "r"], equation="ab,ac,ad,ae->"),
    {"r": ROW},
  ),
  "Resize": (
    _one("Resize", ["image", "", "s"]),
    {"image": ONE.reshape(1, 1, 1, 1), "s": np.array([1, 1, 1e5, 1e5], np.float32)},
  ),
  "Gather": (
    _one("Gather", ["r", "i"], axis=0),
    {"r": ROW, "i": np.zeros(1 << 18, np.int8).astype(np.int64)[: 1 << 18]},
  ),
  "MatMul": _expanded(
    [
      make_node("Unsqueeze", ["row", "axis1"], ["column"]),
      make_node("Unsqueeze", ["row", "axis0"], ["flat"]),
      make_node("MatMul", ["column", "flat"], ["big"]),
    ]
  ),
  "Add": _expanded(
    [
      make_node("Unsqueeze", ["row", "axis1"], ["column"]),
      make_node("Add", ["column", "row"], ["big"]),
    ]
  ),
  "Concat": _expanded(
    [make_node("Concat", ["row"] * 64, ["big"], axis=0)],
  ),
  "Conv": (
    _one("Conv", ["image", "image"], pads=[50_000] * 4),
    {"image": ONE.reshape(1, 1, 1, 1)},
  ),
  "MaxPool": (
    _one("MaxPool", ["image"], kernel_shape=[1, 1], pads=[50_000] * 4),
    {"image": ONE.reshape(1, 1, 1, 1)},
  ),
}
AXES = {"axis0": [0], "axis1": [1]}


@pytest.mark.parametrize(("nodes", "constants"), FOLDING.values(), ids=FOLDING.keys())
def test_what_folds_to_gigabytes_is_refused_before(tmp_path, nodes, constants):
  model = _model(nodes, **constants, **(AXES if len(nodes) > 1 else {}))
  tracemalloc.start()
  try:
    with pytest.raises(InputError) as caught:
      _load(tmp_path, model)
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  said = str(caught.value)
  assert "may ask for here" in said
  assert "network_budget=10" in said
  assert "\n" not in said
  assert peak < 400e6


def test_doubling_is_counted_all_together(tmp_path):
  nodes = [make_node("Concat", ["one", "one"], ["v0"], axis=0)]
  nodes += [
    make_node("Concat", [f"v{i}", f"v{i}"], [f"v{i + 1}"], axis=0) for i in range(40)
  ]
  nodes.append(make_node("Neg", ["v40"], ["big"]))
  with pytest.raises(InputError, match="Concat node"):
    _load(tmp_path, _model(nodes, one=ONE))


def test_sparse_weights_that_would_be_large(tmp_path):
  values = numpy_helper.from_array(ONE, "big")
  places = numpy_helper.from_array(np.zeros(1, np.int64))
  sparse = make_sparse_tensor(values, places, [HUGE])
  with pytest.raises(InputError, match="'big' would bring"):
    _load(tmp_path, _model([], sparse=[sparse]))


def test_what_one_image_would_take_is_refused(tmp_path):
  nodes = [
    make_node("Expand", ["x", "wide"], ["wider"]),
    make_node("Neg", ["wider"], ["big"]),
  ]
  model = _model(nodes, wide=[1 << 22, 1, 1, 4, 4])
  with pytest.raises(InputError, match=r"Expand node .* MB for one image"):
    _load(tmp_path, model)


def test_many_steps_that_are_each_allowed(tmp_path):
  nodes = [
    make_node("GlobalAveragePool", ["x"], ["mean"]),
    make_node("Expand", ["mean", "wide"], ["wider"]),
  ]
  for i in range(100):
    nodes.append(make_node("Conv", ["wider", "w"], [f"c{i}"], pads=[10] * 4))
    nodes.append(make_node("GlobalMaxPool", [f"c{i}"], [f"m{i}"]))
  nodes.append(make_node("Sum", [f"m{i}" for i in range(100)], ["big"]))
  weights = np.zeros((32, 3, 21, 21), np.float32)
  model = _model(nodes, wide=[1, 3, 1024, 1024], w=weights)
  with pytest.raises(
    InputError, match=r"onnx: asks for more than 4e\+12 multiply-adds"
  ):
    _load(tmp_path, model)
  assert _load(tmp_path, model, network_budget=2)


def test_the_limit_can_be_raised(tmp_path):
  nodes = [make_node("ConstantOfShape", ["n"], ["big"])]
  model = _model(nodes, n=[68 << 20])
  with pytest.raises(InputError, match="ConstantOfShape node"):
    _load(tmp_path, model)
  assert _load(tmp_path, model, network_budget=3)


def _nested(depth, calls=2):
  """Functions that each call the next one twice."""
  functions = []
  for level in range(depth):
    inner = f"F{level + 1}" if level + 1 < depth else "Neg"
    domain = "own" if level + 1 < depth else ""
    values = ["a", *[f"v{i}" for i in range(calls)]]
    nodes = [
      make_node(inner, [values[i]], [values[i + 1]], domain=domain)
      for i in range(calls)
    ]
    functions.append(
      make_function("own", f"F{level}", ["a"], [values[-1]], nodes, IMPORTS)
    )
  return _model([make_node("F0", ["one"], ["big"], domain="own")], functions, one=ONE)


def test_nested_functions(tmp_path):
  assert _load(tmp_path, _nested(6))
  with pytest.raises(InputError, match=r"function 'F\d+' would bring"):
    _load(tmp_path, _nested(25))


def test_functions_that_call_themselves(tmp_path):
  again = make_function(
    "own", "F", ["a"], ["b"], [make_node("F", ["a"], ["b"], domain="own")], IMPORTS
  )
  model = _model([make_node("F", ["one"], ["big"], domain="own")], [again], one=ONE)
  with pytest.raises(InputError, match="'F' calls itself"):
    _load(tmp_path, model)
  with pytest.raises(InputError, match="nested more than 64 deep"):
    _load(tmp_path, _nested(80, calls=1))


def test_many_steps(tmp_path):
  """What constants make costs no step; of the rest no more than can be compiled."""
  folded = [make_node("Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(20_000)]
  folded.append(make_node("Identity", ["v20000"], ["big"]))
  assert _load(tmp_path, _model(folded, v0=ONE))
  steps = [
    make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(20_000)
  ]
  steps.append(make_node("Identity", ["v20000"], ["big"]))
  with pytest.raises(InputError, match=r"has 20,005 steps .* network_budget=10"):
    _load(tmp_path, _model(steps))
