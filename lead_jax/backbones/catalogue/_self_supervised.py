"""LEAD's self-supervised zoo: twelve ResNet-50 pre-trained on ImageNet without labels.

The files are those that linusericsson/ssl-transfer (`download_and_prepare_models.py`,
`readme.md`) lists, from which the papers' public code took its zoo; but where that
converts the TensorFlow files of SimCLR and BYOL to torch's borders, here they keep their
own (`networks/resnet.py`). Accuracies are of a linear classifier on the features, as the
authors print them. Where an author states an accuracy only about, or no size and no
checksum, there is none here.

Each is evaluated here as its authors do, with two differences: TensorFlow's bicubic resize
(SimCLR, BYOL) does not smooth where it reduces and Pillow's does, and theirs cuts before it
resizes.
"""

import dataclasses

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones.catalogue._card import (
  IMAGENET_MEAN,
  IMAGENET_STD,
  Card,
  PublishedWeights,
)
from lead_jax.checks import parameter

_TORCHVISION = InputSpec(
  height=224, width=224, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize=256
)
# A slip of theirs (0.228 for 0.229), but it is what they evaluate with (`eval_linear.py`).
_SWAV = dataclasses.replace(_TORCHVISION, std=(58.14, 57.12, 57.375))
_BYOL = dataclasses.replace(_TORCHVISION, interpolation="bicubic")
# Pixels in [0, 1] as they are (`data_util.py`).
_SIMCLR = InputSpec(height=224, width=224, interpolation="bicubic", resize=256)

_MOCO = "https://dl.fbaipublicfiles.com/moco/moco_checkpoints"
_CLUSTER = "https://dl.fbaipublicfiles.com/deepcluster"
_PCL = "https://storage.googleapis.com/sfr-pcl-data-research/PCL_checkpoint"
_PYCONTRAST = "https://www.dropbox.com/sh/87d24jqsl6ra7t2"
_SIMCLR_V2 = "https://storage.googleapis.com/simclr-checkpoints/simclrv2/pretrained"

_MOCO_LICENCE = "CC-BY-NC-4.0 (README) or MIT (LICENSE since 2023)"
_CLUSTER_LICENCE = "non-commercial (facebookresearch/swav)"
_PYCONTRAST_LICENCE = "BSD-2-Clause (PyContrast)"

# The bucket and its folders are the README's, the whole addresses a public downloader's.
_SIMCLR_V1 = "https://storage.googleapis.com/simclr-checkpoints/simclrv1/pretrain/1x/model.ckpt-225206"
_CHECKPOINT_V1 = "simclrv1_1x/model.ckpt-225206"
_CHECKPOINT = "r50_1x_sk0/model.ckpt-250228"


def _card(
  name: str,
  paper_name: str,
  files: tuple[PublishedWeights, ...],
  top1: float | None,
  homepage: str,
  licence: str,
  epochs: str = "",
  *,
  network: str = "resnet50",
  input: InputSpec = _TORCHVISION,
  by_hand: str = "",
) -> Card:
  return Card(
    name=name,
    paper_name=paper_name,
    zoo="self-supervised",
    network=network,
    layout=name,
    input=input,
    files=files,
    top1=top1,
    num_params=23_508_032,
    flops=4_087_136_256,
    pretraining=f"ImageNet-1k without labels{epochs}",
    homepage=homepage,
    licence=licence,
    by_hand=by_hand,
  )


CARDS = (
  _card(
    "byol",
    "BYOL",
    (
      PublishedWeights(
        "pretrain_res50x1.pkl",
        "https://storage.googleapis.com/deepmind-byol/checkpoints/pretrain_res50x1.pkl",
        size=570_000_000,
      ),
    ),
    None,
    "https://github.com/google-deepmind/deepmind-research/tree/master/byol",
    "Apache-2.0",
    network="resnet50_byol",
    input=_BYOL,
  ),
  _card(
    "deepcluster_v2",
    "Deepclusterv2",
    (
      PublishedWeights(
        "deepclusterv2_800ep_pretrain.pth.tar",
        f"{_CLUSTER}/deepclusterv2_800ep_pretrain.pth.tar",
      ),
    ),
    75.2,
    "https://github.com/facebookresearch/swav",
    _CLUSTER_LICENCE,
    ", 800 epochs",
    input=_SWAV,
  ),
  _card(
    "infomin",
    "Infomin",
    (
      PublishedWeights(
        "InfoMin_800.pth",
        f"{_PYCONTRAST}/AAAzMTynP3Qc8mIE4XWkgILUa/InfoMin_800.pth?dl=1",
      ),
    ),
    73.0,
    "https://github.com/HobbitLong/PyContrast",
    _PYCONTRAST_LICENCE,
    ", 800 epochs",
  ),
  _card(
    "insdis",
    "InsDis",
    (
      PublishedWeights(
        "InsDis.pth", f"{_PYCONTRAST}/AACcsSIt1_Njv7GsmsuzZ6Sta/InsDis.pth?dl=1"
      ),
    ),
    59.5,
    "https://github.com/HobbitLong/PyContrast",
    _PYCONTRAST_LICENCE,
  ),
  _card(
    "moco_v1",
    "MoCov1",
    (
      PublishedWeights(
        "moco_v1_200ep_pretrain.pth.tar",
        f"{_MOCO}/moco_v1_200ep/moco_v1_200ep_pretrain.pth.tar",
        sha256="md5:b251726a",
      ),
    ),
    60.6,
    "https://github.com/facebookresearch/moco",
    _MOCO_LICENCE,
    ", 200 epochs",
  ),
  _card(
    "moco_v2",
    "MoCov2",
    (
      PublishedWeights(
        "moco_v2_800ep_pretrain.pth.tar",
        f"{_MOCO}/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar",
        sha256="md5:a04e12f8",
      ),
    ),
    71.1,
    "https://github.com/facebookresearch/moco",
    _MOCO_LICENCE,
    ", 800 epochs",
  ),
  _card(
    "pcl_v1",
    "PCLv1",
    (PublishedWeights("PCL_v1_epoch200.pth.tar", f"{_PCL}/PCL_v1_epoch200.pth.tar"),),
    61.5,
    "https://github.com/salesforce/PCL",
    "MIT",
    ", 200 epochs",
  ),
  _card(
    "pcl_v2",
    "PCLv2",
    (PublishedWeights("PCL_v2_epoch200.pth.tar", f"{_PCL}/PCL_v2_epoch200.pth.tar"),),
    67.6,
    "https://github.com/salesforce/PCL",
    "MIT",
    ", 200 epochs",
  ),
  _card(
    "sela_v2",
    "Selav2",
    (
      PublishedWeights(
        "selav2_400ep_pretrain.pth.tar", f"{_CLUSTER}/selav2_400ep_pretrain.pth.tar"
      ),
    ),
    71.8,
    "https://github.com/facebookresearch/swav",
    _CLUSTER_LICENCE,
    ", 400 epochs",
    input=_SWAV,
  ),
  _card(
    "simclr_v1",
    "SimCLRv1",
    (
      PublishedWeights(f"{_CHECKPOINT_V1}.index", f"{_SIMCLR_V1}.index"),
      PublishedWeights(
        f"{_CHECKPOINT_V1}.data-00000-of-00001", f"{_SIMCLR_V1}.data-00000-of-00001"
      ),
    ),
    69.1,
    "https://github.com/google-research/simclr",
    "Apache-2.0",
    network="resnet50_simclr",
    input=_SIMCLR,
    by_hand="google-research/simclr's README links the same network as ResNet50_1x.zip for "
    "a browser with a Google account: save that as simclr_v1.zip in "
    f"{parameter('weights_dir')}",
  ),
  _card(
    "simclr_v2",
    "SimCLRv2",
    (
      PublishedWeights(f"{_CHECKPOINT}.index", f"{_SIMCLR_V2}/{_CHECKPOINT}.index"),
      PublishedWeights(
        f"{_CHECKPOINT}.data-00000-of-00001",
        f"{_SIMCLR_V2}/{_CHECKPOINT}.data-00000-of-00001",
      ),
    ),
    71.7,
    "https://github.com/google-research/simclr",
    "Apache-2.0",
    network="resnet50_simclr",
    input=_SIMCLR,
  ),
  _card(
    "swav",
    "SWAV",
    (
      PublishedWeights(
        "swav_800ep_pretrain.pth.tar", f"{_CLUSTER}/swav_800ep_pretrain.pth.tar"
      ),
    ),
    75.3,
    "https://github.com/facebookresearch/swav",
    _CLUSTER_LICENCE,
    ", 800 epochs",
    input=_SWAV,
  ),
)
