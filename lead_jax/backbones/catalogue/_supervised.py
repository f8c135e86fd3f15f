"""LEAD's supervised zoo: torchvision's first ImageNet weights of twelve networks.

Accuracies, file names (with the first digits of their hashes) and sizes are those of
torchvision 0.28's own metadata, and so are the resize and the crop that the accuracies
were measured with. The paper's "MNet-A1" is torchvision's `mnasnet1_0`, which is MnasNet-B1
(no squeeze and excitation): the networks are those of the public code that the ground truth
comes from (`models/group1` of TencentARC/SFDA). ResNet-34's file is that of torchvision
0.9 and later.
"""

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones.catalogue._card import (
  IMAGENET_MEAN,
  IMAGENET_STD,
  Card,
  PublishedWeights,
)

_AT_224 = InputSpec(
  height=224, width=224, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize=256
)
# torchvision turns its own normalisation back into (x - 0.5) / 0.5 inside two networks
# (`transform_input`); here the input comes so at once.
_GOOGLENET = InputSpec(
  height=224, width=224, mean=(127.5,) * 3, std=(127.5,) * 3, resize=256
)
_INCEPTION = InputSpec(
  height=299, width=299, mean=(127.5,) * 3, std=(127.5,) * 3, resize=342
)


def _card(
  name: str,
  paper_name: str,
  file: str,
  megabytes: float,
  top1: float,
  num_params: int,
  flops: int,
  input: InputSpec = _AT_224,
) -> Card:
  prefix = file.rpartition(".")[0].rpartition("-")[2]
  return Card(
    name=name,
    paper_name=paper_name,
    zoo="supervised",
    network=name,
    layout="torchvision",
    input=input,
    # torchvision states MiB to three digits.
    files=(
      PublishedWeights(
        file,
        f"https://download.pytorch.org/models/{file}",
        sha256=prefix,
        size=round(megabytes * 2**20),
      ),
    ),
    top1=top1,
    num_params=num_params,
    flops=flops,
    pretraining="ImageNet-1k, supervised",
    homepage=f"https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.{name}.html",
    licence="BSD-3-Clause (as timm lists it)",
  )


CARDS = (
  _card(
    "resnet34",
    "ResNet-34",
    "resnet34-b627a593.pth",
    83.275,
    73.314,
    21_797_672,
    3_663_761_408,
  ),
  _card(
    "resnet50",
    "ResNet-50",
    "resnet50-0676ba61.pth",
    97.781,
    76.13,
    25_557_032,
    4_089_184_256,
  ),
  _card(
    "resnet101",
    "ResNet-101",
    "resnet101-63fe2227.pth",
    170.511,
    77.374,
    44_549_160,
    7_801_405_440,
  ),
  _card(
    "resnet152",
    "ResNet-152",
    "resnet152-394f9c45.pth",
    230.434,
    78.312,
    60_192_808,
    11_513_626_624,
  ),
  _card(
    "densenet121",
    "DenseNet-121",
    "densenet121-a639ec97.pth",
    30.845,
    74.434,
    7_978_856,
    2_834_161_664,
  ),
  _card(
    "densenet161",
    "DenseNet-161",
    "densenet161-8d451a50.pth",
    110.369,
    77.138,
    28_681_000,
    7_727_907_072,
  ),
  _card(
    "densenet169",
    "DenseNet-169",
    "densenet169-b2777c0a.pth",
    54.708,
    75.6,
    14_149_480,
    3_359_843_328,
  ),
  _card(
    "densenet201",
    "DenseNet-201",
    "densenet201-c1103571.pth",
    77.373,
    76.896,
    20_013_928,
    4_291_365_888,
  ),
  _card(
    "mnasnet1_0",
    "MNet-A1",
    "mnasnet1.0_top1_73.512-f206786ef8.pth",
    16.915,
    73.456,
    4_383_312,
    314_415_872,
  ),
  _card(
    "mobilenet_v2",
    "MobileNetV2",
    "mobilenet_v2-b0353104.pth",
    13.555,
    71.878,
    3_504_872,
    300_774_272,
  ),
  _card(
    "googlenet",
    "Googlenet",
    "googlenet-1378be20.pth",
    49.731,
    69.778,
    6_624_904,
    1_498_376_192,
    _GOOGLENET,
  ),
  _card(
    "inception_v3",
    "InceptionV3",
    "inception_v3_google-0cc3c7bd.pth",
    103.903,
    77.294,
    23_834_568,
    5_713_216_096,
    _INCEPTION,
  ),
)
