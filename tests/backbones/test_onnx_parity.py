"""Single operators against onnxruntime, where it and the standard's text may differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from lead_jax.backbones._onnx import to_jax
from lead_jax.backbones._onnx_operators._operators import OPERATORS
from lead_jax.checks import InputError

RNG = np.random.default_rng(0)
MICROSOFT = "com.microsoft"
INT8, UINT8, FLOAT = np.int8, np.uint8, np.float32


def _normal(*shape):
  return RNG.normal(size=shape).astype(np.float32)


def _whole(low, high, shape, dtype=np.int64):
  return RNG.integers(low, high, shape).astype(dtype)


def _run(op_type, arrays, *, opset=18, outputs=1, types=None, domain="", **attributes):
  """Returns our outputs and onnxruntime's; an array None leaves the input out."""
  kind = lambda dtype: helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
  names = ["" if a is None else f"input{i}" for i, a in enumerate(arrays)]
  feed = {n: a for n, a in zip(names, arrays, strict=True) if a is not None}
  types = types or [arrays[0].dtype] * outputs
  made = [f"y{i}" for i in range(outputs)]
  graph = helper.make_graph(
    [helper.make_node(op_type, names, made, domain=domain, **attributes)],
    "parity",
    [helper.make_tensor_value_info(n, kind(a.dtype), None) for n, a in feed.items()],
    [
      helper.make_tensor_value_info(n, kind(t), None)
      for n, t in zip(made, types, strict=True)
    ],
  )
  opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
  model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
  options = ort.SessionOptions()
  options.intra_op_num_threads, options.log_severity_level = 1, 4
  session = ort.InferenceSession(model.SerializeToString(), options)
  apply, _ = to_jax(model)

  @jax.jit  # one program compiles faster than a program for each step
  def run(given):
    # Integers stay known before the run, as shapes and indices must be.
    return apply({}, *(given.get(name, array) for name, array in feed.items()))

  floating = {n: a for n, a in feed.items() if jnp.issubdtype(a.dtype, jnp.floating)}
  return run(floating), session.run(None, feed)


def _assert_close(actual, expected, *, steps=0):
  for ours, meant in zip(actual, expected, strict=True):
    ours = np.asarray(ours)
    assert ours.shape == meant.shape
    if steps:
      assert ours.dtype == meant.dtype
      assert np.abs(ours.astype(int) - meant).max() <= steps
      assert (ours != meant).mean() < 0.02
    else:
      largest = np.abs(meant[np.isfinite(meant)].astype(float)).max(initial=1)
      np.testing.assert_allclose(
        ours.astype(float), meant.astype(float), rtol=0, atol=1e-5 * largest
      )


POOLS = {
  "ceil": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
  "ceil_pads": {
    "kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1
  },
  "uneven_pads": {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 1, 1]},
  "far_pads": {
    "kernel_shape": [3, 3], "strides": [3, 3], "pads": [0, 0, 2, 2], "ceil_mode": 1
  },
  "dilations": {
    "kernel_shape": [2, 2], "strides": [3, 2], "dilations": [2, 3], "ceil_mode": 1
  },
  "same_upper": {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
  "same_lower": {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
  "valid_ceil": {
    "kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "VALID", "ceil_mode": 1
  },
  "gaps": {"kernel_shape": [2, 2], "strides": [4, 4], "pads": [1, 1, 1, 1],
           "ceil_mode": 1},
}  # fmt: skip


@pytest.mark.parametrize("attributes", POOLS.values(), ids=POOLS.keys())
def test_pooling(attributes):
  x = _normal(1, 3, 9, 8)
  _assert_close(*_run("MaxPool", [x], opset=22, **attributes))
  _assert_close(*_run("LpPool", [x], opset=22, **attributes))
  for counted in (0, 1):
    options = {**attributes, "count_include_pad": counted}
    _assert_close(*_run("AveragePool", [x], opset=19, **options))


def test_pooling_at_whose_ends_runtimes_differ():
  """SAME with windows that leave gaps: onnxruntime fails, or begins inside the image."""
  x, steps = _normal(1, 2, 8), {"kernel_shape": [1], "strides": [2]}
  _assert_close(*_run("AveragePool", [x], opset=19, auto_pad="SAME_UPPER", **steps))
  steps["strides"] = [4]
  with pytest.raises(InputError, match="SAME_UPPER would cut pixels off"):
    _run("AveragePool", [x], opset=19, auto_pad="SAME_UPPER", **steps)
  with pytest.raises(InputError, match="AveragePool with auto_pad=SAME_UPPER and dil"):
    _run("AveragePool", [x], opset=19, auto_pad="SAME_UPPER", dilations=[2], **steps)


X = _normal(2, 6, 4, 5)
C6, C5, IMAGE = [_normal(6), _normal(6)], [_normal(5)], _normal(1, 3, 9, 8)
TICKS = _whole(0, 4, (3, 9)).astype(np.float32)
SPECIAL = np.array([[np.nan, 0.5, 1.5, -0.5, 2.5, 0, -2, np.inf, -np.inf]], FLOAT)
CASTS = np.array([1.9, -1.9, 300.7, -300.2, 3e9, -3e9, np.nan, np.inf, 255.5], FLOAT)
UP = {"auto_pad": "SAME_UPPER", "strides": [2, 2]}
# Operator, inputs, and what else the node says.
SINGLE = [
  *(("Softmax", [X], {"opset": o, "axis": a}) for o in (11, 13) for a in (1, 2, -1)),
  *(("Hardmax", [X], {"opset": o, "axis": a}) for o in (11, 13) for a in (1, 2, -1)),
  ("LogSoftmax", [X], {"opset": 11, "axis": 2}),
  ("BatchNormalization", [X, *C6, _normal(6), abs(_normal(6))], {"epsilon": 0.1}),
  ("GroupNormalization", [X, _normal(3), _normal(3)], {"num_groups": 3}),
  ("GroupNormalization", [X, *C6], {"opset": 21, "num_groups": 3}),
  ("RMSNormalization", [X, *C5], {"opset": 23}),
  ("RMSNormalization", [X, _normal(4, 5)], {"opset": 23, "axis": 2, "epsilon": 0.1}),
  ("MeanVarianceNormalization", [X], {"opset": 13}),
  ("LpNormalization", [X * (X > 0)], {"opset": 22, "p": 1, "axis": 1}),
  ("LpNormalization", [X * 0], {"opset": 22}),
  ("GlobalLpPool", [X], {"p": 3}),
  ("LRN", [X], {"size": 3, "alpha": 0.1}),
  *(("Clip", [X, np.array(low, FLOAT), np.array(-0.5, FLOAT)], {}) for low in (1, -1)),
  *((op, [SPECIAL], {"opset": 22}) for op in (
    "Round", "Sign", "Relu", "LeakyRelu", "Elu", "HardSigmoid", "Atan", "Sinh")),
  *((op, [SPECIAL[:, :7], SPECIAL[:, 2:]], {}) for op in ("Max", "Min")),
  *((op, [np.tanh(X)], {"opset": 22}) for op in (
    "Acos", "Asin", "Atanh", "Asinh", "Cosh", "Tan", "Mish", "Celu", "Selu", "HardSwish",
    "Shrink", "ThresholdedRelu")),
  ("Acosh", [abs(X) + 1], {"opset": 22}),
  ("Shrink", [X], {"opset": 9, "lambd": 0.5, "bias": 0.2}),
  ("Swish", [X], {"opset": 24, "alpha": 0.7}),
  *(("Gelu", [X], {"opset": 20, "approximate": a}) for a in ("none", "tanh")),
  *((op, [_whole(-9, 9, (3, 7)), np.array([[3], [-2], [4]])], kw) for op, kw in (
    ("Div", {}), ("Mod", {}), ("Mod", {"fmod": 1}))),
  ("Mod", [_normal(4, 5), _normal(4, 5)], {"fmod": 1}),
  ("Pow", [_whole(1, 5, (3, 7), np.int32), _normal(3, 7)], {}),
  ("Pow", [np.array([2, 1, -2, 3]), np.array([-1, -2, 2, 3])], {}),
  *(("Cast", [CASTS], {"to": helper.np_dtype_to_tensor_dtype(np.dtype(t)), "types": [t]})
    for t in ("int8", "uint8", "int16", "int32", "bool", "float16")),
  ("CastLike", [X, np.zeros(1, np.int32)], {"opset": 19, "types": [np.int32]}),
  *(("Pad", [X, np.array(p)], {"opset": 19, "mode": m})
    for m in ("constant", "reflect", "edge", "wrap")
    for p in ([0, 1, 2, 0, 0, 2, 3, 1], [0, -1, 2, 0, 1, 0, 0, -2])
    if m in ("constant", "edge") or p[0] == p[4]),
  *(("Slice", [X, np.array([a]), np.array([b]), np.array([c]), np.array([d])], {})
    for a, b, c, d in ((4, -100, 1, -1), (-1, 0, 2, -2), (1000, -1000, -1, -3),
                       (1, 1000, 1, 2), (3, 1, 1, 1), (-7, 3, 3, 1),
                       (-10, -100, 2, -1), (-10, 0, 2, -1))),
  ("Gather", [X, np.array([[-1, 0], [2, -3]])], {"axis": 1}),
  ("GatherElements", [X, _whole(-6, 6, (2, 3, 4, 5))], {"axis": 1}),
  *(("ScatterElements", [X, np.full((1, 2, 1, 1), -1), _normal(1, 2, 1, 1)],
     {"axis": 1, "reduction": r}) for r in ("add", "max")),
  *((op, [X, *axes], kw) for op in ("ReduceSum", "ReduceMax", "ReduceLogSumExp")
    for axes, kw in (([np.array([1, -1])], {"keepdims": 0}), ([], {}),
                     ([np.zeros(0, np.int64)], {"noop_with_empty_axes": 1}))),
  *(("CumSum", [z, np.array(1)], {"exclusive": e, "reverse": r})
    for z in (TICKS, np.array([[1, np.inf, 3]], FLOAT)) for e in (0, 1) for r in (0, 1)),
  *(("TopK", [TICKS, np.array([k])], {"largest": g, "axis": a, "outputs": 2,
                                      "types": [FLOAT, np.int64]})
    for g in (0, 1) for k, a in ((5, -1), (2, 0))),
  *((op, [TICKS], {"axis": a, "keepdims": k, "select_last_index": s, "types": [np.int64]})
    for op in ("ArgMax", "ArgMin") for a, k in ((1, 1), (-2, 0)) for s in (0, 1)),
  *(("Trilu", [X, np.array(k)], {"upper": u}) for u in (0, 1) for k in (-1, 2)),
  *(("ConvTranspose", [IMAGE, _normal(3, 2, 3, 3), _normal(2 * kw.get("group", 1))],
     {"opset": 22, **kw}) for kw in (
       {"strides": [2, 3], "pads": [1, 0, 2, 1]}, {"dilations": [2, 2]}, UP,
       {"group": 3, "strides": [2, 2], "output_padding": [1, 1]},
       {"auto_pad": "SAME_LOWER", "strides": [3, 2]}, {**UP, "output_shape": [20, 17]},
       {"output_shape": [18, 17], "strides": [2, 2]})),
  ("ConvTranspose", [_normal(1, 4, 6), _normal(4, 3, 3)], {"strides": [2], "group": 2}),
  ("ConvTranspose", [IMAGE, _normal(3, 2, 1, 2)], {**UP, "strides": [3, 3]}),
  *((op, [X], {"domain": MICROSOFT}) for op in ("Gelu", "QuickGelu")),
  *((op, [X, *C5], {"domain": MICROSOFT}) for op in ("BiasGelu", "FastGelu")),
  ("FusedMatMul", [X, X], {"domain": MICROSOFT, "transB": 1, "alpha": 0.5}),
  ("SkipLayerNormalization", [X[0], X[1], *_normal(3, 5)],
   {"domain": MICROSOFT, "epsilon": 1e-5}),
  ("FusedConv", [IMAGE, _normal(4, 3, 3, 3), _normal(4)],
   {"domain": MICROSOFT, "activation": "Relu", "pads": [1, 1, 1, 1]}),
]  # fmt: skip


@pytest.mark.parametrize(
  ("op_type", "arrays", "options"),
  SINGLE,
  ids=[f"{op}-{i}" for i, (op, _, _) in enumerate(SINGLE)],
)
def test_single_operators(op_type, arrays, options):
  _assert_close(*_run(op_type, arrays, **options))


LARGE = (_normal(2, 6, 5, 5) * 1000 + 9000).astype(np.float16)
H6 = [_normal(6).astype(np.float16), _normal(6).astype(np.float16)]
# Sums that halves cannot hold, of results that they can.
HALVES = [
  *((op, [LARGE, np.array([2, 3])], {}) for op in (
    "ReduceMean", "ReduceL2", "ReduceLogSum")),
  ("AveragePool", [LARGE], {"kernel_shape": [5, 5]}),
  ("LpPool", [LARGE], {"kernel_shape": [2, 2]}),
  *((op, [LARGE], {}) for op in ("GlobalAveragePool", "GlobalLpPool")),
  ("LRN", [LARGE], {"size": 3, "alpha": 0.1}),
  ("LpNormalization", [LARGE], {"opset": 22}),
  ("InstanceNormalization", [LARGE, *H6], {}),
  ("GroupNormalization", [LARGE, *H6], {"opset": 21, "num_groups": 2}),
  ("LayerNormalization", [LARGE, LARGE[0, 0, 0] / 9000], {}),
  ("RMSNormalization", [LARGE, LARGE[0, 0, 0] / 9000], {"opset": 23}),
  ("Mean", [LARGE] * 8, {}),
  ("SkipLayerNormalization", [LARGE[0], LARGE[0], LARGE[0, 0, 0] / 9000],
   {"domain": MICROSOFT, "epsilon": 1e-5}),
]  # fmt: skip


@pytest.mark.parametrize(
  ("op_type", "arrays", "options"), HALVES, ids=[op for op, _, _ in HALVES]
)
def test_halves_are_summed_in_single_precision(op_type, arrays, options):
  (actual,), (expected,) = _run(op_type, arrays, **options)
  assert actual.dtype == expected.dtype
  assert np.isfinite(expected).all()
  # A unit in the last place or two.
  np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=4e-3)


def _attention(queries=5, keys=7, heads=4, shared=4, flat=False):
  q, k, v = (
    _normal(2, heads, queries, 8), _normal(2, shared, keys, 8),
    _normal(2, shared, keys, 6),
  )  # fmt: skip
  if not flat:
    return [q, k, v]
  return [np.moveaxis(x, 1, 2).reshape(2, x.shape[2], -1) for x in (q, k, v)]


MASK = RNG.random((5, 7)) > 0.4
ATTENTION = {
  "plain": ([], {}, {}),
  "scale": ([], {"scale": 0.3}, {}),
  "causal": ([], {"is_causal": 1}, {}),
  "grouped": ([], {}, {"shared": 2}),
  "bias": ([_normal(2, 1, 5, 7)], {}, {}),
  "bias_capped": ([_normal(5, 7) * 3], {"softcap": 0.5}, {}),
  "mask": ([MASK], {"softcap": 0.5}, {}),
  "mask_causal": ([MASK], {"is_causal": 1}, {}),
  "row_masked": ([MASK & (np.arange(5) != 2)[:, None]], {}, {}),
  "flat_grouped": (
    [],
    {"q_num_heads": 4, "kv_num_heads": 2, "is_causal": 1},
    {"shared": 2, "flat": True},
  ),
}


@pytest.mark.parametrize("case", ATTENTION.values(), ids=ATTENTION.keys())
def test_attention(case):
  mask, options, shape = case
  _assert_close(*_run("Attention", [*_attention(**shape), *mask], opset=23, **options))


@pytest.mark.parametrize("mode", range(4))
def test_attention_with_its_past(mode):
  past = [_normal(2, 4, 3, 8), _normal(2, 4, 3, 6)]
  # What is masked is minus infinity (mode 2); onnxruntime has the lowest float there.
  options = {"qk_matmul_output_mode": mode, "softcap": 0.7, "is_causal": int(mode != 2)}
  arrays = [*_attention(), _normal(5, 10), *past]
  _assert_close(*_run("Attention", arrays, opset=24, outputs=4, **options))


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding(interleaved):
  angles, places = [_normal(10, 4), _normal(10, 4)], _whole(0, 10, (2, 5))
  options = {"opset": 23, "interleaved": interleaved}
  x = _normal(2, 3, 5, 8)
  _assert_close(*_run("RotaryEmbedding", [x, *angles, places], **options))
  flat = _normal(2, 5, 24)
  _assert_close(
    *_run("RotaryEmbedding", [flat, *angles, places], num_heads=3, **options)
  )
  fewer = [a[:, :2] for a in angles]
  options["rotary_embedding_dim"] = 4
  _assert_close(*_run("RotaryEmbedding", [x, *fewer, places], **options))


def _number(value, dtype=FLOAT):
  return np.array(value, dtype)


Q = _normal(3, 4, 8) * 3
BYTES = _whole(0, 255, (2, 4, 7, 7), UINT8)
WEIGHTS = _whole(-64, 63, (6, 2, 3, 3), INT8)  # onnxruntime's sums stay below 2^15
ROWS, COLUMNS = _whole(0, 255, (5, 16), UINT8), _whole(-64, 63, (16, 6), INT8)
IN, OUT = [_number(0.03), _number(120, UINT8)], [_number(0.2), _number(128, UINT8)]
PER_CHANNEL = [abs(_normal(6)) * 0.01 + 0.01, np.zeros(6, INT8)]
PER_TENSOR = [_number(0.02), _number(0, INT8)]
BIAS = _whole(-500, 500, (6,), np.int32)
WINDOW = {"group": 2, "pads": [1, 1, 1, 1]}
QUANTISED = [
  *(("QuantizeLinear", [Q, _number(0.05), _number(3, t)], {"opset": 21, "types": [t]})
    for t in (UINT8, INT8, np.uint16, np.int16)),
  ("QuantizeLinear", [Q, _number(0.05)], {"types": [UINT8]}),
  ("QuantizeLinear", [Q, abs(_normal(4)) + 0.1, _whole(0, 9, 4, INT8)],
   {"axis": 1, "types": [INT8]}),
  ("QuantizeLinear", [Q, abs(_normal(3, 4, 2)) + 0.1, _whole(0, 9, (3, 4, 2), INT8)],
   {"opset": 21, "axis": 2, "block_size": 4, "types": [INT8]}),
  *(("QLinearConv", [BYTES, *IN, WEIGHTS, *scale, *OUT, BIAS], WINDOW)
    for scale in (PER_TENSOR, PER_CHANNEL)),
  *(("QLinearMatMul", [ROWS, *IN, COLUMNS, *scale, *OUT], {})
    for scale in (PER_TENSOR, PER_CHANNEL)),
  ("DynamicQuantizeLinear", [Q], {"outputs": 3, "types": [UINT8, FLOAT, UINT8]}),
  ("DynamicQuantizeLinear", [np.append(_normal(99), [2, -3, -2.5]).astype(FLOAT)],
   {"outputs": 3, "types": [UINT8, FLOAT, UINT8]}),
  *((op, [BYTES, *IN, BYTES[::-1].copy(), *OUT, _number(0.3), _number(9, UINT8)],
     {"domain": MICROSOFT}) for op in ("QLinearAdd", "QLinearMul")),
  ("QLinearGlobalAveragePool", [BYTES, *IN, *OUT],
   {"domain": MICROSOFT, "channels_last": 0}),
  ("QGemm", [ROWS, *IN, COLUMNS, *PER_TENSOR, BIAS, *OUT], {"domain": MICROSOFT}),
  ("QLinearAveragePool", [BYTES, *IN, _number(0.0517), OUT[1]],
   {"domain": MICROSOFT, "kernel_shape": [3, 2], "pads": [1, 0, 1, 0]}),
  ("QLinearConcat", [_number(0.07), _number(99, UINT8), BYTES, *IN, BYTES + 9, *OUT],
   {"domain": MICROSOFT, "axis": 1, "types": [UINT8]}),
  ("QLinearLeakyRelu", [BYTES, *IN, _number(0.0217), IN[1]],
   {"domain": MICROSOFT, "alpha": 0.2}),
  ("QLinearSigmoid", [BYTES, *IN, _number(1 / 256), _number(0, UINT8)],
   {"domain": MICROSOFT}),
  ("QuantizeLinear", [Q, _number(0.001), _number(9, np.int16)],
   {"domain": MICROSOFT, "types": [np.int16]}),
]  # fmt: skip
EXACT = [
  *(("DequantizeLinear", [_whole(-9, 90, (3, 4, 8), INT8), s, z], {"opset": 21, **kw})
    for s, z, kw in (
      (_number(0.05), _number(3, INT8), {}),
      (abs(_normal(8)), _whole(0, 9, 8, INT8), {"axis": -1}),
      (_normal(3, 4, 2), _whole(0, 9, (3, 4, 2), INT8), {"axis": 2, "block_size": 4}))),
  ("DequantizeLinear", [_whole(-9, 90, (3, 4), np.int16), _number(0.05),
                        _number(3, np.int16)], {"domain": MICROSOFT}),
  ("DequantizeLinear", [_whole(-(10**9), 10**9, (5,), np.int32), _number(1e-6)], {}),
  ("ConvInteger", [BYTES, WEIGHTS, IN[1], PER_TENSOR[1]], WINDOW),
  ("MatMulInteger", [ROWS, COLUMNS, IN[1], _number(3, INT8)], {}),
  ("QGemm", [ROWS, *IN, COLUMNS.T.copy(), *PER_TENSOR],
   {"domain": MICROSOFT, "transB": 1}),
]  # fmt: skip


@pytest.mark.parametrize(
  ("op_type", "arrays", "options"),
  QUANTISED,
  ids=[f"{op}-{i}" for i, (op, _, _) in enumerate(QUANTISED)],
)
def test_quantised_operators(op_type, arrays, options):
  """At most one step off, in two of a hundred places: near the middle of two steps.

  XLA divides by a number that it does not know by multiplying with its reciprocal.
  """
  actual, expected = _run(op_type, arrays, **options)
  _assert_close(actual[:1], expected[:1], steps=1)
  _assert_close(actual[1:], expected[1:])


@pytest.mark.parametrize(
  ("op_type", "arrays", "options"),
  EXACT,
  ids=[f"{op}-{i}" for i, (op, _, _) in enumerate(EXACT)],
)
def test_integers_and_what_they_mean(op_type, arrays, options):
  kind = np.int32 if op_type.endswith("Integer") else FLOAT
  _assert_close(*_run(op_type, arrays, types=[kind], **options))


@pytest.mark.parametrize("kind", ["INT4", "UINT4", "FLOAT8E4M3FN"])
def test_weights_of_few_bits(kind):
  """Weights alone, with a scale for each block of two."""
  steps = helper.make_tensor(
    "w", TensorProto.DataType.Value(kind), [4, 8], [*range(8)] * 4
  )
  scales = numpy_helper.from_array(abs(_normal(2, 8)), "s")
  graph = helper.make_graph(
    [
      helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0, block_size=2),
      helper.make_node("MatMul", ["x", "d"], ["y"]),
    ],
    "weights",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 8])],
    [steps, scales],
  )
  opsets = [helper.make_opsetid("", 21)]
  model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
  apply, params = to_jax(model)
  x = _normal(2, 4)
  session = ort.InferenceSession(model.SerializeToString())
  _assert_close(apply(params, x), session.run(None, {"x": x}))


def test_every_operator_of_onnxruntime_is_tested():
  tables = [*SINGLE, *QUANTISED, *EXACT]
  tested = {op for op, _, options in tables if options.get("domain") == MICROSOFT}
  prefix = f"{MICROSOFT}."
  ours = {name.removeprefix(prefix) for name in OPERATORS if name.startswith(prefix)}
  assert ours == tested
