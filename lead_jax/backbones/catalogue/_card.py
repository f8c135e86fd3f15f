"""What is known of a published network before its weights are read."""

import dataclasses
from typing import Literal

from lead_jax.backbones._input_spec import InputSpec

# torchvision's mean and standard deviation of ImageNet, in 0..255.
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)

_PAPERS = InputSpec(
  height=224,
  width=224,
  mean=IMAGENET_MEAN,
  std=IMAGENET_STD,
  interpolation="bicubic",
  resize=224,
)


@dataclasses.dataclass(frozen=True)
class PublishedWeights:
  """A published file.

  Attributes:
    name: What it is called in a folder of weights.
    url: Where it is published.
    sha256: In hex, or as many of its first digits as were published; `md5:` before the
      digits of an MD5; "" for none.
    size: In bytes, about; None where it is not published.
  """

  name: str
  url: str
  sha256: str = ""
  size: int | None = None


@dataclasses.dataclass(frozen=True)
class Card:
  """A published network: how to use it, where it is from, what was said of it.

  Attributes:
    name: For `--models`.
    paper_name: As LEAD's tables name it.
    zoo: Which of LEAD's two zoos it is in.
    network: A key of `networks.NETWORKS`.
    layout: A key of `LAYOUTS`: how the published file names its tensors.
    input: How it was evaluated by those who published it.
    files: What is published; the first is the one to be read, others lie beside it.
    top1: Published ImageNet accuracy in percent: of the classifier, or of a linear one
      trained on the features of a self-supervised network.
    num_params: Trainable scalars of the network as it is evaluated (with its classifier,
      without auxiliary ones).
    flops: Multiply-adds of one image of its own size.
    pretraining: One line for people.
    homepage: Where it is described.
    licence: Of the weights, where it is stated.
    by_hand: What to know where it has to be fetched by hand.
  """

  name: str
  paper_name: str
  zoo: Literal["supervised", "self-supervised"]
  network: str
  layout: str
  input: InputSpec
  files: tuple[PublishedWeights, ...]
  top1: float | None
  num_params: int
  flops: int
  pretraining: str
  homepage: str
  licence: str = ""
  by_hand: str = ""

  @property
  def size(self) -> int | None:
    """Bytes of all files, about; None where one is not known."""
    sizes = [file.size for file in self.files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def papers_input(card: Card) -> InputSpec:
  """How the papers' public code prepares images for a network.

  224 pixels, bicubic, with ImageNet's mean and standard deviation, whatever it was trained
  with (`get_dataloader.py` of lixiaotong97/PED and of TencentARC/SFDA); but GoogLeNet and
  Inception, loaded with their weights, turn these back into their own inside
  (`transform_input`, `models/group1` of SFDA), which the networks here do not.
  """
  if card.zoo == "self-supervised":
    return _PAPERS
  return dataclasses.replace(_PAPERS, mean=card.input.mean, std=card.input.std)
