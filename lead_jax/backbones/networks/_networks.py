"""The networks by name. Imports neither JAX nor Flax: lists of networks need it."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  import flax.linen as nn


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
  """An architecture without weights.

  Attributes:
    make: Returns the Flax module, given `num_logits` and `dtype`.
    feature_dim: Width D of the features.
    classifier: Prefix of the tensors of the source classifier.
    size: Rows and columns of the images it was made for, in pixels.
    description: One line for people.
  """

  make: Callable[..., "nn.Module"]
  feature_dim: int
  classifier: str
  size: int
  description: str


# A network is imported when it is made.


def _make_resnet(**settings: Any) -> "nn.Module":
  from lead_jax.backbones.networks._resnet import ResNet

  return ResNet(**settings)


def _make_densenet(**settings: Any) -> "nn.Module":
  from lead_jax.backbones.networks._densenet import DenseNet

  return DenseNet(**settings)


def _make_mnasnet(**settings: Any) -> "nn.Module":
  from lead_jax.backbones.networks._mnasnet import MnasNet

  return MnasNet(**settings)


def _make_mobilenet_v2(**settings: Any) -> "nn.Module":
  from lead_jax.backbones.networks._mobilenet_v2 import MobileNetV2

  return MobileNetV2(**settings)


def _make_googlenet(**settings: Any) -> "nn.Module":
  from lead_jax.backbones.networks._googlenet import GoogLeNet

  return GoogLeNet(**settings)


def _make_inception_v3(**settings: Any) -> "nn.Module":
  from lead_jax.backbones.networks._inception_v3 import InceptionV3

  return InceptionV3(**settings)


def _resnet(depths, bottleneck, description, origin="torch"):
  make = functools.partial(
    _make_resnet, depths=depths, bottleneck=bottleneck, origin=origin
  )
  return NetworkSpec(make, 2048 if bottleneck else 512, "fc", 224, description)


def _densenet(growth, depths, width, feature_dim, description):
  make = functools.partial(_make_densenet, growth=growth, depths=depths, width=width)
  return NetworkSpec(make, feature_dim, "classifier", 224, description)


# torchvision's names where the network is torchvision's.
NETWORKS: Mapping[str, NetworkSpec] = {
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
  "mnasnet1_0": NetworkSpec(
    _make_mnasnet,
    1280,
    "classifier.1",
    224,
    "MNASNet 1.0 (B1: no squeeze-and-excitation)",
  ),
  "mobilenet_v2": NetworkSpec(
    _make_mobilenet_v2, 1280, "classifier.1", 224, "MobileNetV2 1.0"
  ),
  "googlenet": NetworkSpec(
    _make_googlenet, 1024, "fc", 224, "GoogLeNet with batch normalisation, 3x3 for 5x5"
  ),
  "inception_v3": NetworkSpec(_make_inception_v3, 2048, "fc", 299, "Inception v3"),
  "resnet50_simclr": _resnet(
    (3, 4, 6, 3), True, "ResNet-50 with SimCLR's max pooling (SAME)", "simclr"
  ),
  "resnet50_byol": _resnet(
    (3, 4, 6, 3), True, "ResNet-50 with Haiku's borders (SAME everywhere)", "haiku"
  ),
}
