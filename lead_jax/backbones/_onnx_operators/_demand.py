"""How many elements each operator may make, from shapes and shape-like values alone.

Asked before an operator runs. The answer is never too low (a test holds it against what
the ONNX project's cases make). Multiply-adds are counted beside elements, so that time is
bounded as well as memory.
"""

import math
from collections.abc import Callable, Sequence

import jax
import numpy as np

from lead_jax.backbones._onnx_operators._node import ChannelsLast, Node, Value

Sizes = tuple[int, ...]


def demand(node: Node, values: Sequence[Value], *, pointwise: bool) -> tuple[int, int]:
  """Returns bounds of the elements that a node makes, and of its multiply-adds.

  Args:
    node: The step.
    values: Its inputs; of those that are not NumPy arrays only the shape is looked at.
    pointwise: Whether its operator treats every element by itself.

  Raises:
    ArithmeticError, LookupError, TypeError, ValueError: If the inputs do not fit the
      operator.
  """
  shapes = [() if v is None else _shape(v) for v in values]
  name, products = node.op_type, 0
  if name in PRODUCTS:
    made, products = PRODUCTS[name](node, values, shapes)
  elif name in GROWING:
    made = GROWING[name](node, values, shapes)
  elif name in NO_LARGER and not pointwise:
    made = 0
  else:
    made = _broadcast(*shapes)
  # A reduction makes one of nothing.
  given = sum(math.prod(max(1, n) for n in shape) for shape in shapes)
  return max(made, given), products


def _shape(value: Value) -> Sizes:
  if isinstance(value, ChannelsLast):
    n, *space, c = value.array.shape
    return (n, c, *space)
  return tuple(value.shape)


def _broadcast(*shapes: Sizes) -> int:
  rank = max(map(len, shapes), default=0)
  padded = [(1,) * (rank - len(s)) + s for s in shapes]
  return math.prod(max(sizes) for sizes in zip(*padded, strict=True))


def _known(value: Value) -> np.ndarray | None:
  """A value known before the run; the operator itself refuses one that is not."""
  if value is None or isinstance(value, ChannelsLast | jax.core.Tracer):
    return None
  return np.asarray(value)


def _integers(value: Value) -> list[int]:
  known = _known(value)
  return [] if known is None else [int(v) for v in known.reshape(-1)]


def _input(values: Sequence[Value], index: int) -> Value:
  return values[index] if len(values) > index else None


def _filled(node, values, shapes):
  return math.prod(_integers(values[0]))


def _expanded(node, values, shapes):
  return _broadcast(shapes[0], tuple(_integers(values[1])))


def _tiled(node, values, shapes):
  return math.prod(shapes[0]) * math.prod(_integers(values[1]))


def _range(node, values, shapes):
  known = [value for value in map(_known, values) if value is not None]
  if len(known) < 3:
    return 0
  first, last, step = (value.item() for value in known)
  return max(0, math.ceil((last - first) / step))


def _one_hot(node, values, shapes):
  return math.prod(shapes[0]) * math.prod(_integers(values[1]))


def _padded(node, values, shapes):
  amounts = node.get("pads") if len(values) < 2 else _integers(values[1])
  sizes, amounts = shapes[0], list(amounts or [0] * 2 * len(shapes[0]))
  axes = _integers(_input(values, 3)) or range(len(sizes))
  grown = list(sizes)
  for i, axis in enumerate(axes):
    grown[axis] += max(0, amounts[i]) + max(0, amounts[i + len(axes)])
  return math.prod(grown)


def _resized(node, values, shapes):
  sizes = shapes[0]
  axes = node.get("axes") or range(len(sizes))
  given = [list(node.get("scales", ()))]
  for value in map(_known, values[1:]):
    if value is not None and value.size == len(axes):
      given.append(value.reshape(-1).tolist())
  bound = 0
  for targets in given:
    grown, ratios = list(sizes), [1.0]
    for axis, target in zip(axes, targets, strict=False):
      whole = isinstance(target, int)
      ratios.append(target / max(1, sizes[axis]) if whole else float(target))
      target = target if whole else math.ceil(sizes[axis] * target)
      grown[axis] = max(sizes[axis], target)
    if node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
      grown = [math.ceil(n * max(ratios)) for n in sizes]
    # One matrix per axis turns the one size into the other.
    across = sum(a * b for a, b in zip(sizes, grown, strict=True))
    bound = max(bound, math.prod(grown) + across)
  return bound


def _gathered(node, values, shapes):
  axis = node.get("axis", 0)
  rest = math.prod(shapes[0]) // max(1, shapes[0][axis])
  return rest * math.prod(shapes[1])


def _gathered_nd(node, values, shapes):
  deep = node.get("batch_dims", 0) + shapes[1][-1]
  return math.prod(shapes[1][:-1]) * math.prod(shapes[0][deep:])


def _rolled_out(node, values, shapes):
  return math.prod(shapes[1])


def _images_of_columns(node, values, shapes):
  image = _integers(values[1])
  block = math.prod(_integers(values[2]))
  pads = [abs(p) for p in node.get("pads") or [0] * 2 * len(image)]
  wide = [n + pads[i] + pads[i + len(image)] for i, n in enumerate(image)]
  return shapes[0][0] * (shapes[0][1] // max(1, block) + 1) * math.prod(wide)


def _product(left: int = 0, right: int = 1):
  """Of two matrices, whose positions among the inputs are given."""

  def bound(node, values, shapes):
    a, b = shapes[left], shapes[right]
    a, b = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    if node.get("transA", 0):
      a = (*a[:-2], a[-1], a[-2])
    if node.get("transB", 0):
      b = (*b[:-2], b[-1], b[-2])
    rank = max(len(a), len(b))
    batch = _broadcast(*(((1,) * (rank - len(s)) + s)[:-2] for s in (a, b)))
    made = batch * a[-2] * b[-1]
    return made, made * a[-1]

  return bound


def _einsum(node, values, shapes):
  equation = node.get("equation", "").replace(" ", "")
  terms, arrow, made = equation.partition("->")
  sizes: dict[str, int] = {}
  other = 1  # what an ellipsis stands for
  for term, shape in zip(terms.split(","), shapes, strict=True):
    before, dots, after = term.partition("...")
    last = len(shape) - len(after)
    named = [*zip(before, shape[: len(before)], strict=True)]
    named += [*zip(after, shape[last:], strict=True)]
    for label, size in named:
      sizes[label] = max(size, sizes.get(label, 1))
    if dots:
      other = max(other, math.prod(shape[len(before) : last]))
  products = other * math.prod(sizes.values())
  if not arrow:
    return products, products
  labels = made.replace("...", "")
  return other * math.prod(sizes.get(label, 1) for label in labels), products


def _windows(weights: int | None = None):
  """Of convolutions and pooling; `weights` is the position of the kernels."""

  def bound(node, values, shapes):
    x = shapes[0]
    count = len(x) - 2
    pads = [abs(p) for p in node.get("pads") or [0] * 2 * count]
    kernel, channels, depth = list(node.get("kernel_shape") or [1]), x[1], 1
    if weights is not None:
      channels, depth, *kernel = shapes[weights]
    strides = node.get("strides") or [1] * count
    wide = [n + pads[i] + pads[i + count] for i, n in enumerate(x[2:])]
    # Rounding up, and auto_pad, add at most one window.
    places = [n // s + 1 for n, s in zip(wide, strides, strict=True)]
    made = x[0] * channels * math.prod(places)
    padded = x[0] * x[1] * math.prod(wide)
    return max(padded, made), made * depth * math.prod(kernel)

  return bound


def _transposed_windows(node, values, shapes):
  x, w = shapes[:2]
  count = len(x) - 2
  strides = node.get("strides") or [1] * count
  dilations = node.get("dilations") or [1] * count
  extra = node.get("output_padding") or [0] * count
  chosen = list(node.get("output_shape") or [0] * count)[-count:]
  pads = [abs(p) for p in node.get("pads") or [0] * 2 * count]
  places = []
  for i in range(count):
    reach = (x[i + 2] - 1) * strides[i] + (w[i + 2] - 1) * dilations[i] + 1
    places.append(max(reach + extra[i] + pads[i] + pads[i + count], chosen[i]))
  made = x[0] * w[1] * node.get("group", 1) * math.prod(places)
  return made, math.prod(x) * w[1] * math.prod(w[2:])


def _attention(node, values, shapes):
  q, k = shapes[0], shapes[1]
  past = shapes[4][-2] if len(shapes) > 4 and len(shapes[4]) == 4 else 0
  heads = q[1] if len(q) == 4 else node.get("q_num_heads", 1)
  groups = k[1] if len(k) == 4 else node.get("kv_num_heads", 1)
  scores = q[0] * heads * q[-2] * (k[-2] + past)
  copies = max(1, heads // max(1, groups))
  return scores + copies * sum(map(math.prod, shapes)), 2 * scores * q[-1]


def _neighbours(node, values, shapes):
  return math.prod(shapes[0]), math.prod(shapes[0]) * node.get("size", 1)


_Shapes = list[Sizes]

PRODUCTS: dict[str, Callable[[Node, Sequence[Value], _Shapes], tuple[int, int]]] = {
  "Attention": _attention,
  "AveragePool": _windows(),
  "Conv": _windows(1),
  "ConvInteger": _windows(1),
  "ConvTranspose": _transposed_windows,
  "Einsum": _einsum,
  "Gemm": _product(),
  "LRN": _neighbours,
  "LpPool": _windows(),
  "MatMul": _product(),
  "MatMulInteger": _product(),
  "MaxPool": _windows(),
  "QLinearConv": _windows(3),
  "QLinearMatMul": _product(0, 3),
  "com.microsoft.FusedConv": _windows(1),
  "com.microsoft.QLinearAveragePool": _windows(),
  "com.microsoft.FusedMatMul": _product(),
  "com.microsoft.QGemm": _product(0, 3),
}

GROWING: dict[str, Callable[[Node, Sequence[Value], _Shapes], int]] = {
  "Col2Im": _images_of_columns,
  "ConstantOfShape": _filled,
  "Expand": _expanded,
  "Gather": _gathered,
  "GatherElements": _rolled_out,
  "GatherND": _gathered_nd,
  "OneHot": _one_hot,
  "Pad": _padded,
  "Range": _range,
  "Resize": _resized,
  "Tile": _tiled,
  "Upsample": _resized,
}

# Operators whose results are views, or nothing: they cost neither memory nor time.
FREE = frozenset(
  {
    "Constant",
    "Expand",
    "Flatten",
    "Identity",
    "Reshape",
    "Shape",
    "Size",
    "Squeeze",
    "Unsqueeze",
  }
)

# Operators that make no more than they are given. Whatever is neither here nor above is
# bounded by the broadcast shape of its inputs.
# fmt: off
NO_LARGER = frozenset(
  {
    "ArgMax", "ArgMin", "BatchNormalization", "CastLike", "Concat", "Constant",
    "CumSum", "DepthToSpace", "DequantizeLinear", "DynamicQuantizeLinear", "Flatten",
    "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization",
    "Hardmax", "InstanceNormalization", "LayerNormalization", "LogSoftmax",
    "LpNormalization", "MeanVarianceNormalization", "QuantizeLinear",
    "RMSNormalization", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
    "ReduceSumSquare", "Reshape", "RotaryEmbedding", "ScatterElements", "ScatterND",
    "Shape", "Size", "Slice", "Softmax", "SpaceToDepth", "Split", "Squeeze", "TopK",
    "Transpose", "Trilu", "Unsqueeze", "com.microsoft.BiasGelu",
    "com.microsoft.DequantizeLinear", "com.microsoft.FastGelu",
    "com.microsoft.QLinearConcat", "com.microsoft.QLinearGlobalAveragePool",
    "com.microsoft.QLinearLeakyRelu", "com.microsoft.QLinearSigmoid",
    "com.microsoft.QuantizeLinear", "com.microsoft.QuickGelu",
    "com.microsoft.SkipLayerNormalization",
  }
)
# fmt: on
