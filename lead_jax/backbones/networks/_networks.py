"""The networks by name, and what follows from their definitions alone."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lead_jax.backbones._backbone import ApplyFn
from lead_jax.backbones.networks._densenet import DenseNet
from lead_jax.backbones.networks._googlenet import GoogLeNet
from lead_jax.backbones.networks._inception_v3 import InceptionV3
from lead_jax.backbones.networks._layers import Conv, Dense, Dtype
from lead_jax.backbones.networks._mnasnet import MnasNet
from lead_jax.backbones.networks._mobilenet_v2 import MobileNetV2
from lead_jax.backbones.networks._resnet import ResNet

_IMAGENET = 1000  # logits, where a count needs a number


@dataclasses.dataclass(frozen=True)
class Network:
  """An architecture without weights.

  Attributes:
    make: Returns the Flax module, given `num_logits` and `dtype`.
    feature_dim: Width D of the features.
    classifier: Prefix of the tensors of the source classifier.
    size: Rows and columns of the images it was made for, in pixels.
    description: One line for people.
  """

  make: Callable[..., nn.Module]
  feature_dim: int
  classifier: str
  size: int
  description: str


def _resnet(depths, bottleneck, description, origin="torch"):
  make = functools.partial(ResNet, depths=depths, bottleneck=bottleneck, origin=origin)
  return Network(make, 2048 if bottleneck else 512, "fc", 224, description)


def _densenet(growth, depths, width, feature_dim, description):
  make = functools.partial(DenseNet, growth=growth, depths=depths, width=width)
  return Network(make, feature_dim, "classifier", 224, description)


# torchvision's names where the network is torchvision's.
NETWORKS: Mapping[str, Network] = {
  "resnet34": _resnet((3, 4, 6, 3), False, "ResNet-34"),
  "resnet50": _resnet((3, 4, 6, 3), True, "ResNet-50, stride in the 3x3 convolution"),
  "resnet101": _resnet(
    (3, 4, 23, 3), True, "ResNet-101, stride in the 3x3 convolution"
  ),
  "resnet152": _resnet(
    (3, 8, 36, 3), True, "ResNet-152, stride in the 3x3 convolution"
  ),
  "densenet121": _densenet(32, (6, 12, 24, 16), 64, 1024, "DenseNet-121, growth 32"),
  "densenet161": _densenet(48, (6, 12, 36, 24), 96, 2208, "DenseNet-161, growth 48"),
  "densenet169": _densenet(32, (6, 12, 32, 32), 64, 1664, "DenseNet-169, growth 32"),
  "densenet201": _densenet(32, (6, 12, 48, 32), 64, 1920, "DenseNet-201, growth 32"),
  "mnasnet1_0": Network(
    MnasNet, 1280, "classifier.1", 224, "MNASNet 1.0 (B1: no squeeze-and-excitation)"
  ),
  "mobilenet_v2": Network(MobileNetV2, 1280, "classifier.1", 224, "MobileNetV2 1.0"),
  "googlenet": Network(
    GoogLeNet, 1024, "fc", 224, "GoogLeNet with batch normalisation, 3x3 for 5x5"
  ),
  "inception_v3": Network(InceptionV3, 2048, "fc", 299, "Inception v3"),
  "resnet50_simclr": _resnet(
    (3, 4, 6, 3), True, "ResNet-50 with SimCLR's max pooling (SAME)", "simclr"
  ),
  "resnet50_byol": _resnet(
    (3, 4, 6, 3), True, "ResNet-50 with Haiku's borders (SAME everywhere)", "haiku"
  ),
}


def make_apply(
  network: str, batch_stats: Any, num_logits: int, dtype: Dtype = jnp.float32
) -> ApplyFn:
  """Returns a network as a pure function of its trainable parameters.

  Args:
    network: A key of `NETWORKS`.
    batch_stats: Running means and variances; they stay as they are in fine-tuning.
    num_logits: Outputs of the source classifier; 0 for a network without one.
    dtype: float32 or bfloat16, of products and what goes from layer to layer.

  Returns:
    `(params, images) -> {"features", "logits"}` for float images [N, H, W, 3]; both
    results are float32.
  """
  module = NETWORKS[network].make(num_logits=num_logits, dtype=dtype)

  def apply(params, images):
    return module.apply({"params": params, "batch_stats": batch_stats}, images)

  return apply


@functools.cache
def shapes(network: str, num_logits: int) -> Any:
  """The variables of a network, shapes and types without values.

  Args:
    network: A key of `NETWORKS`.
    num_logits: Outputs of the source classifier; 0 for a network without one.

  Returns:
    `{"params", "batch_stats"}` with `jax.ShapeDtypeStruct` for leaves.
  """
  spec = NETWORKS[network]
  module = spec.make(num_logits=num_logits, dtype=jnp.float32)
  images = jax.ShapeDtypeStruct((1, spec.size, spec.size, 3), jnp.float32)
  return jax.eval_shape(module.init, jax.random.key(0), images)


def count_params(network: str, num_logits: int = _IMAGENET) -> int:
  """Number of trainable scalars; batch statistics are none."""
  leaves = jax.tree.leaves(shapes(network, num_logits)["params"])
  return sum(math.prod(leaf.shape) for leaf in leaves)


def count_flops(
  network: str, size: int | None = None, num_logits: int = _IMAGENET
) -> int:
  """Multiply-adds of one image's convolutions and matrix products.

  Args:
    network: A key of `NETWORKS`.
    size: Rows and columns of the image; those it was made for if None.
    num_logits: Outputs of the source classifier; 0 for a network without one.
  """
  spec = NETWORKS[network]
  size = spec.size if size is None else size
  total = 0

  def count(call, args, kwargs, context):
    nonlocal total
    y = call(*args, **kwargs)
    if isinstance(context.module, Conv | Dense) and context.method_name == "__call__":
      weight: jax.Array = context.module.get_variable("params", "weight")
      total += y.size * weight.size // weight.shape[-1]
    return y

  module = spec.make(num_logits=num_logits, dtype=jnp.float32)
  variables = shapes(network, num_logits)
  images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  with nn.intercept_methods(count):
    jax.eval_shape(module.apply, variables, images)
  return total
