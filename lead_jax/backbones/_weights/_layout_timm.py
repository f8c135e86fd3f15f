"""timm's names for the architectures that torchvision has too.

Compared name by name, shape by shape and convolution by convolution with timm 1.0: its
ResNets, DenseNets and Inception v3 have torchvision's own names; MNASNet and MobileNetV2
are the same computation under other names. It has no GoogLeNet.
"""

import re

_BLOCK = re.compile(r"blocks\.(\d+)\.(\d+)\.(conv_pw|conv_dw|conv_pwl|bn[123])\.(.*)")

# Blocks of each stage, which tell the two networks apart.
_MOBILENET = (1, 2, 3, 4, 3, 3, 1)
_MNASNET_MARK = "blocks.1.2."

# Place of each unit in a block: the first one of a network has no expansion.
_FIRST = ("conv_dw", "bn1", "conv_pw", "bn2")
_OTHERS = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")


def from_timm(names: list[str]) -> dict[str, str]:
  """Returns torchvision's name of each of timm's."""
  if "conv_stem.weight" not in names:
    return {name: name for name in names}
  is_mnasnet = any(name.startswith(_MNASNET_MARK) for name in names)
  one = _mnasnet if is_mnasnet else _mobilenet
  return {name: one(name) for name in names}


def _mobilenet(name: str) -> str:
  match = _BLOCK.fullmatch(name)
  if match is None:
    return _outside(
      name,
      {"conv_stem": "features.0.0", "bn1": "features.0.1"},
      {"conv_head": "features.18.0", "bn2": "features.18.1"},
    )
  stage, block, unit, rest = int(match[1]), int(match[2]), match[3], match[4]
  index = 1 + sum(_MOBILENET[:stage]) + block
  order = _OTHERS if stage else _FIRST
  if unit not in order:
    return name
  place = order.index(unit)
  # All but the last convolution and its normalisation are pairs of their own.
  last = len(order) - 2
  inner = f"{place // 2}.{place % 2}" if place < last else f"{place - last // 2}"
  return f"features.{index}.conv.{inner}.{rest}"


def _mnasnet(name: str) -> str:
  match = _BLOCK.fullmatch(name)
  if match is None:
    return _outside(
      name,
      {"conv_stem": "layers.0", "bn1": "layers.1"},
      {"conv_head": "layers.14", "bn2": "layers.15"},
    )
  stage, block, unit, rest = int(match[1]), int(match[2]), match[3], match[4]
  order = _OTHERS if stage else _FIRST
  if unit not in order:
    return name
  place = 3 * (order.index(unit) // 2) + order.index(unit) % 2
  if not stage:
    return f"layers.{3 + place}.{rest}"
  return f"layers.{7 + stage}.{block}.layers.{place}.{rest}"


def _outside(name: str, stem: dict[str, str], head: dict[str, str]) -> str:
  first, _, rest = name.partition(".")
  ours = {**stem, **head, "classifier": "classifier.1"}
  return f"{ours[first]}.{rest}" if first in ours else name
