"""Every ONNX operator that lead_jax runs: name -> implementation.

Each line has been held against the ONNX project's own tests of that operator.
"""

import jax
import jax.numpy as jnp

from lead_jax.backbones._onnx_operators import (
  _attention as attention,
  _contributed as contributed,
  _elementwise as elementwise,
  _linear as linear,
  _normalisation as normalisation,
  _quantised as quantised,
  _reduction as reduction,
  _resize as resize,
  _selection as selection,
  _shape as shape,
  _windows as windows,
)
from lead_jax.backbones._onnx_operators._node import (
  Node,
  Operator,
  one_of,
  widened,
)

OLDEST_OPSET = 6  # before it, Reshape and many others were spelt differently

# Statistics of a whole batch: with them, an image's features would depend on the others.
ACROSS_IMAGES = ("DynamicQuantizeLinear", "MeanVarianceNormalization")


def _refuse_old_broadcast(node: Node) -> str | None:
  """At opset 6 the smaller array could be aligned with any axis; NumPy's rule since."""
  if "axis" in node.attributes:
    return "broadcasting along an axis (opset 6); convert the model to opset 7 or later"
  return None


def _refuse_old_prelu(node: Node) -> str | None:
  """At opset 6 a vector of slopes counted channels; it counts the last axis since."""
  if node.opset < 7:
    return "slopes of opset 6; convert the model to opset 7 or later"
  return None


def _arithmetic(run):
  return Operator(run, layout="pointwise", refuse=_refuse_old_broadcast)


def _pointwise(run, **options):
  return Operator(run, layout="pointwise", **options)


def _reduce(function):
  return Operator(widened(reduction.reduction(function)), layout="aware")


def _resize(node, x, *rest):
  run = resize.resize if node.opset >= 11 else resize.resize_10
  return run(node, x, *rest)


OPERATORS: dict[str, Operator] = {
  # Arithmetic
  "Abs": _pointwise(elementwise.unary_static("abs")),
  "Add": _arithmetic(elementwise.binary("add")),
  "Ceil": _pointwise(elementwise.unary_static("ceil")),
  "Cos": _pointwise(elementwise.unary_static("cos")),
  "Div": _arithmetic(elementwise.divide),
  "Erf": _pointwise(elementwise.unary(jax.scipy.special.erf)),
  "Exp": _pointwise(elementwise.unary(jnp.exp)),
  "Floor": _pointwise(elementwise.unary_static("floor")),
  "Log": _pointwise(elementwise.unary(jnp.log)),
  "Max": _pointwise(elementwise.variadic(lambda xp, a, b: xp.maximum(a, b))),
  "Mean": _pointwise(widened(elementwise.mean)),
  "Min": _pointwise(elementwise.variadic(lambda xp, a, b: xp.minimum(a, b))),
  "Mod": _pointwise(elementwise.modulo),
  "Mul": _arithmetic(elementwise.binary("multiply")),
  "Neg": _pointwise(elementwise.unary_static("negative")),
  "Pow": _arithmetic(elementwise.power),
  "Reciprocal": _pointwise(elementwise.unary(jnp.reciprocal)),
  "Round": _pointwise(elementwise.unary_static("round")),
  "Sign": _pointwise(elementwise.unary_static("sign")),
  "Sin": _pointwise(elementwise.unary_static("sin")),
  "Sqrt": _pointwise(elementwise.unary_static("sqrt")),
  "Sub": _arithmetic(elementwise.binary("subtract")),
  "Sum": _pointwise(elementwise.variadic(lambda xp, a, b: xp.add(a, b))),
  "Acos": _pointwise(elementwise.unary(jnp.arccos)),
  "Acosh": _pointwise(elementwise.unary(jnp.arccosh)),
  "Asin": _pointwise(elementwise.unary(jnp.arcsin)),
  "Asinh": _pointwise(elementwise.unary(jnp.arcsinh)),
  "Atan": _pointwise(elementwise.unary(jnp.arctan)),
  "Atanh": _pointwise(elementwise.unary(jnp.arctanh)),
  "Cosh": _pointwise(elementwise.unary(jnp.cosh)),
  "IsNaN": _pointwise(elementwise.unary(jnp.isnan)),
  "Sinh": _pointwise(elementwise.unary(jnp.sinh)),
  "Tan": _pointwise(elementwise.unary(jnp.tan)),
  # Comparisons, choices, types
  "And": _pointwise(elementwise.binary("logical_and")),
  "Cast": _pointwise(elementwise.cast, refuse=elementwise.cast_refuse),
  "CastLike": Operator(elementwise.cast_like, fixed=(1,)),
  "Equal": _pointwise(elementwise.binary("equal")),
  "Greater": _pointwise(elementwise.binary("greater")),
  "GreaterOrEqual": _pointwise(elementwise.binary("greater_equal")),
  "Identity": _pointwise(elementwise.identity),
  "Less": _pointwise(elementwise.binary("less")),
  "LessOrEqual": _pointwise(elementwise.binary("less_equal")),
  "Not": _pointwise(elementwise.unary_static("logical_not")),
  "Or": _pointwise(elementwise.binary("logical_or")),
  "Where": _pointwise(elementwise.where),
  "Xor": _pointwise(elementwise.binary("logical_xor")),
  # Activations
  "Celu": _pointwise(elementwise.celu),
  "Clip": _pointwise(elementwise.clip, fixed=(1, 2)),
  "Dropout": _pointwise(
    elementwise.dropout, refuse=elementwise.dropout_refuse, outputs=2
  ),
  "Elu": _pointwise(elementwise.elu),
  "Gelu": _pointwise(
    elementwise.gelu, refuse=one_of("approximate", ("none", "tanh"), "none")
  ),
  "HardSigmoid": _pointwise(elementwise.hard_sigmoid),
  "HardSwish": _pointwise(elementwise.hard_swish),
  "LeakyRelu": _pointwise(elementwise.leaky_relu),
  "Mish": _pointwise(elementwise.unary(jax.nn.mish)),
  "PRelu": _pointwise(elementwise.prelu, refuse=_refuse_old_prelu),
  "Relu": _pointwise(elementwise.unary(jax.nn.relu)),
  "Selu": _pointwise(elementwise.selu),
  "Shrink": _pointwise(elementwise.shrink),
  "Sigmoid": _pointwise(elementwise.unary(jax.nn.sigmoid)),
  "Softplus": _pointwise(elementwise.unary(jax.nn.softplus)),
  "Softsign": _pointwise(elementwise.unary(jax.nn.soft_sign)),
  "Swish": _pointwise(elementwise.swish),
  "Tanh": _pointwise(elementwise.unary(jnp.tanh)),
  "ThresholdedRelu": _pointwise(elementwise.thresholded_relu),
  # Reductions, running sums and softmax
  "CumSum": Operator(widened(reduction.running_sum), layout="aware"),
  "LogSoftmax": Operator(reduction.softmax(jax.nn.log_softmax)),
  "ReduceL1": _reduce(reduction.l1),
  "ReduceL2": _reduce(reduction.l2),
  "ReduceLogSum": _reduce(reduction.log_sum),
  "ReduceLogSumExp": _reduce(reduction.log_sum_exp),
  "ReduceMax": _reduce(reduction.maximum),
  "ReduceMean": _reduce(reduction.mean),
  "ReduceMin": _reduce(reduction.minimum),
  "ReduceProd": _reduce(reduction.product),
  "ReduceSum": _reduce(reduction.total),
  "ReduceSumSquare": _reduce(reduction.sum_square),
  "Softmax": Operator(reduction.softmax(jax.nn.softmax)),
  # Finding, ordering, picking
  "ArgMax": Operator(selection.extreme("argmax")),
  "ArgMin": Operator(selection.extreme("argmin")),
  "GatherElements": Operator(selection.gather_elements),
  "Hardmax": Operator(selection.hardmax),
  "ScatterElements": Operator(
    selection.scatter_elements,
    refuse=one_of("reduction", tuple(shape.SCATTERS), "none"),
  ),
  "TopK": Operator(selection.top_k, outputs=2),
  "Trilu": Operator(selection.triangle),
  # Attention
  "Attention": Operator(
    attention.attention, refuse=attention.attention_refuse, outputs=4, fixed=(3, 6)
  ),
  "RotaryEmbedding": Operator(attention.rotary_embedding, fixed=(1, 2)),
  # Convolution and pooling
  "AveragePool": Operator(
    widened(windows.average_pool), refuse=windows.pool_refuse, layout="aware"
  ),
  "Col2Im": Operator(windows.col2im),
  "Conv": Operator(windows.conv, refuse=windows.AUTO_PAD, layout="aware"),
  "ConvTranspose": Operator(
    windows.conv_transpose, refuse=windows.AUTO_PAD, layout="aware"
  ),
  "GlobalAveragePool": Operator(widened(windows.global_average_pool), layout="aware"),
  "GlobalLpPool": Operator(widened(windows.global_lp_pool), layout="aware"),
  "GlobalMaxPool": Operator(windows.global_max_pool, layout="aware"),
  "LRN": Operator(widened(windows.lrn)),
  "LpPool": Operator(
    widened(windows.lp_pool), refuse=windows.pool_refuse, layout="aware"
  ),
  "MaxPool": Operator(windows.max_pool, refuse=windows.pool_refuse, layout="aware"),
  # Matrix products
  "Einsum": Operator(linear.einsum),
  "Gemm": Operator(linear.gemm),
  "MatMul": Operator(linear.matmul),
  # Normalisation
  "BatchNormalization": Operator(
    normalisation.batch_normalization,
    refuse=normalisation.batch_normalization_refuse,
    layout="aware",
    fixed=(3, 4),
  ),
  "GroupNormalization": Operator(widened(normalisation.group_normalization)),
  "InstanceNormalization": Operator(widened(normalisation.instance_normalization)),
  "LayerNormalization": Operator(normalisation.layer_normalization, outputs=3),
  "LpNormalization": Operator(widened(normalisation.lp_normalization)),
  "MeanVarianceNormalization": Operator(
    widened(normalisation.mean_variance_normalization)
  ),
  "RMSNormalization": Operator(normalisation.rms_normalization),
  # Quantised; scales and zero points describe the operation
  "ConvInteger": Operator(
    quantised.integer_conv, refuse=windows.AUTO_PAD, fixed=(2, 3)
  ),
  "DequantizeLinear": Operator(quantised.dequantise, fixed=(1, 2)),
  "DynamicQuantizeLinear": Operator(quantised.dynamic_quantise, outputs=3),
  "MatMulInteger": Operator(quantised.integer_matmul, fixed=(2, 3)),
  "QLinearConv": Operator(
    quantised.quantised_conv, refuse=windows.AUTO_PAD, fixed=(1, 2, 4, 5, 6, 7)
  ),
  "QLinearMatMul": Operator(quantised.quantised_matmul, fixed=(1, 2, 4, 5, 6, 7)),
  "QuantizeLinear": Operator(
    quantised.quantise, refuse=quantised.quantise_refuse, fixed=(1, 2)
  ),
  # What onnxruntime's optimiser and quantiser put into files
  "com.microsoft.BiasGelu": Operator(contributed.bias_gelu),
  "com.microsoft.FastGelu": Operator(contributed.fast_gelu),
  "com.microsoft.FusedConv": Operator(
    contributed.fused_conv, refuse=contributed.fused_conv_refuse
  ),
  "com.microsoft.FusedMatMul": Operator(
    contributed.fused_matmul, refuse=contributed.fused_matmul_refuse
  ),
  "com.microsoft.Gelu": _pointwise(elementwise.gelu),
  "com.microsoft.QGemm": Operator(quantised.gemm, fixed=(1, 2, 4, 5, 7, 8)),
  "com.microsoft.QLinearAdd": Operator(
    quantised.binary(jnp.add), fixed=(1, 2, 4, 5, 6, 7)
  ),
  "com.microsoft.DequantizeLinear": Operator(quantised.dequantise, fixed=(1, 2)),
  "com.microsoft.QLinearAveragePool": Operator(
    quantised.unary(windows.average_pool),
    refuse=quantised.no_channels_last,
    fixed=(1, 2, 3, 4),
  ),
  "com.microsoft.QLinearConcat": Operator(quantised.concat),
  "com.microsoft.QLinearLeakyRelu": Operator(
    quantised.unary(elementwise.leaky_relu), fixed=(1, 2, 3, 4)
  ),
  "com.microsoft.QLinearSigmoid": Operator(
    quantised.unary(lambda node, x: jax.nn.sigmoid(x)), fixed=(1, 2, 3, 4)
  ),
  "com.microsoft.QuantizeLinear": Operator(
    quantised.quantise, refuse=quantised.quantise_refuse, fixed=(1, 2)
  ),
  "com.microsoft.QLinearGlobalAveragePool": Operator(
    quantised.global_average_pool, fixed=(1, 2, 3, 4)
  ),
  "com.microsoft.QLinearMul": Operator(
    quantised.binary(jnp.multiply), fixed=(1, 2, 4, 5, 6, 7)
  ),
  "com.microsoft.QuickGelu": Operator(contributed.quick_gelu),
  "com.microsoft.SkipLayerNormalization": Operator(
    widened(contributed.skip_layer_normalization), outputs=4
  ),
  # Shape
  "Concat": Operator(shape.concat, layout="aware"),
  "Constant": Operator(shape.constant, refuse=shape.constant_refuse),
  "ConstantOfShape": Operator(shape.constant_of_shape),
  "DepthToSpace": Operator(shape.depth_to_space),
  "Expand": Operator(shape.expand),
  "Flatten": Operator(shape.flatten),
  "Gather": Operator(shape.gather),
  "GatherND": Operator(shape.gather_nd),
  "OneHot": Operator(shape.one_hot, fixed=(2,)),
  "Pad": Operator(
    shape.pad,
    refuse=one_of("mode", shape.PAD_MODES, "constant"),
    layout="aware",
    fixed=(2,),
  ),
  "Range": Operator(shape.arange),
  "Reshape": Operator(shape.reshape),
  "Resize": Operator(_resize, refuse=resize.refuse, layout="aware", fixed=(1, 2)),
  "ScatterND": Operator(
    shape.scatter_nd, refuse=one_of("reduction", tuple(shape.SCATTERS), "none")
  ),
  "Shape": Operator(shape.shape),
  "Size": Operator(shape.size),
  "Slice": Operator(shape.slices, layout="aware"),
  "SpaceToDepth": Operator(shape.space_to_depth),
  "Split": Operator(shape.split, layout="aware", outputs=None),
  "Squeeze": Operator(shape.squeeze),
  "Tile": Operator(shape.tile),
  "Transpose": Operator(shape.transpose),
  "Unsqueeze": Operator(shape.unsqueeze),
  "Upsample": Operator(
    resize.resize_10,
    refuse=one_of("mode", ("nearest", "linear"), "nearest"),
    layout="aware",
    fixed=(1,),
  ),
}
