"""The MLP head that LEAD puts on a backbone: D -> 1024 -> 2048 -> K, ReLU between.

Hu et al., "LEAD: Exploring Logit Space Evolution for Model Selection", CVPR 2024,
Appendix B. The initialisation is one of
the choices that the paper leaves open ("random-initialized [22]", He et al.), so it is an
argument of everything that touches a head.

Each layer computes `z = s W^T a + b` with a constant forward factor s. Under He and
PyTorch initialisation s = 1; under the NTK parameterisation W is standard normal and
s = sqrt(2 / fan_in), which is the same function at initialisation but another geometry
for gradients, hence another kernel.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, cast, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from lead_jax.checks import InputError, check_arguments
from lead_jax.ntk import _contract as contract
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, ArrayLike, Float, Params

Initializer = Literal["he_normal", "torch", "ntk"]


class LayerScales(NamedTuple):
  """What an initialisation makes of one dense layer of a given fan-in.

  Attributes:
    forward: The constant factor s in `z = s W^T a + b`.
    weight_variance: Variance of an effective weight, `s^2 Var W`.
    bias_variance: Variance of a bias.
  """

  forward: float
  weight_variance: float
  bias_variance: float


@check_arguments()
def layer_scales(initializer: Initializer, fan_in: int) -> LayerScales:
  """Returns the scales of a layer; the one place that knows what `initializer` means.

  Args:
    initializer: `he_normal` (W ~ N(0, 2/fan_in), b = 0), `torch` (PyTorch's linear
      default, both uniform in ±1/sqrt(fan_in)) or `ntk` (W ~ N(0, 1), b = 0 and
      s = sqrt(2/fan_in)).
    fan_in: Width of the layer's input.

  Raises:
    ValueError: If `initializer` is none of these.
  """
  if initializer == "he_normal":
    return LayerScales(1.0, 2.0 / fan_in, 0.0)
  if initializer == "torch":
    return LayerScales(1.0, 1.0 / (3.0 * fan_in), 1.0 / (3.0 * fan_in))
  if initializer == "ntk":
    return LayerScales(math.sqrt(2.0 / fan_in), 2.0 / fan_in, 0.0)
  raise ValueError(
    f"initializer must be one of {get_args(Initializer)}, got {initializer!r}"
  )


class _Dense(nn.Module):
  """`s W^T a + b`, drawn as `layer_scales` says."""

  features: int
  initializer: Initializer

  @nn.compact
  def __call__(self, a: Float[Array, "*n d"]) -> Float[Array, "*n k"]:
    fan_in = a.shape[-1]
    scales = layer_scales(self.initializer, fan_in)
    if self.initializer == "torch":
      bound = 1.0 / math.sqrt(fan_in)
      draw = lambda key, shape, dtype: jax.random.uniform(
        key, shape, dtype, -bound, bound
      )
      draw_bias = draw
    else:
      draw = nn.initializers.normal(math.sqrt(scales.weight_variance) / scales.forward)
      draw_bias = nn.initializers.zeros_init()
    kernel = self.param("kernel", draw, (fan_in, self.features), a.dtype)
    bias = self.param("bias", draw_bias, (self.features,), a.dtype)
    z = jnp.matmul(a, kernel, precision=HIGHEST)
    return scales.forward * z + bias.reshape((1,) * (z.ndim - 1) + (-1,))


class MLPHead(nn.Module):
  """The classification head as a Flax module.

  Attributes:
    num_classes: Number of logits K.
    hidden: Widths of the hidden layers; empty makes it a linear head.
    initializer: How weights are drawn; see `layer_scales`.
  """

  num_classes: int
  hidden: Sequence[int] = (1024, 2048)
  initializer: Initializer = "he_normal"

  @nn.compact
  def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n k"]:
    for index, width in enumerate(self.hidden):
      x = nn.relu(_Dense(width, self.initializer, name=f"layer_{index}")(x))
    return _Dense(self.num_classes, self.initializer, name=f"layer_{len(self.hidden)}")(
      x
    )


@check_arguments()
def init_head(
  head: MLPHead, key: Array, dim: int, dtype: DTypeLike = jnp.float32
) -> Params:
  """Draws the parameters of a head for features of width `dim`.

  Returns:
    `{"layer_0": {"kernel", "bias"}, ...}`, from the input upwards.

  Raises:
    InputError: If a width is no number of units, or `key` is no random key.
  """
  contract.check_count(head.num_classes, "num_classes")
  contract.check_widths(head.hidden)
  return head.init(key, jnp.zeros((1, dim), dtype))["params"]


@check_arguments()
def apply_head(head: MLPHead, params: Params, x: ArrayLike) -> Float[Array, "n k"]:
  """Returns the logits [N, K]; the apply function that the kernels differentiate.

  Args:
    head: The head.
    params: Its parameters.
    x: Features [N, D].

  Raises:
    InputError: If `x` is not [N, D] or `params` are not those of such a head.
  """
  x = contract.as_features(x, "x", dim=feature_width(params))
  return cast(Array, head.apply({"params": params}, x))


@check_arguments()
def head_layers(params: Params) -> list[tuple[Array, Array]]:
  """Returns [(kernel [fan_in, width], bias [width]), ...] from the input upwards.

  Raises:
    InputError: If these are not the parameters of an `MLPHead`.
  """
  try:
    layers = [
      (params[f"layer_{i}"]["kernel"], params[f"layer_{i}"]["bias"])
      for i in range(len(params))
    ]
  except (IndexError, KeyError, TypeError):
    layers = []
  if not layers:
    raise InputError(
      "params must be those of an MLPHead, {'layer_0': {'kernel', 'bias'}, ...}, as "
      "init_head returns them: empirical_ntk takes any other network"
    )
  return layers


def feature_width(params: Params) -> int:
  """Returns D of the features that a head takes.

  Raises:
    InputError: As `head_layers`.
  """
  return int(head_layers(params)[0][0].shape[0])
