"""SimCLR's TensorFlow checkpoints, version 1 and 2: layers numbered as they were made.

`base_model/conv2d_17/kernel` and `base_model/batch_normalization_17/gamma` belong together,
the first of each has no number (google-research/simclr, resnet.py).
"""

import re
from collections.abc import Mapping

import numpy as np

from lead_jax.backbones._weights._resnet50 import units
from lead_jax.checks import InputError

_LAYER = re.compile(
  r"base_model/(conv2d|batch_normalization)(?:_(\d+))?"
  r"/(kernel|gamma|beta|moving_mean|moving_variance)"
)

# Heads, the optimizer's slots, averaged copies, counters.
_DROPPED = re.compile(
  r"(head_supervised|head_contrastive|ema_model|current_loss_scale)(/.*)?"
  r"|.*/(Momentum|ExponentialMovingAverage)|(global_step|save_counter)"
)

_NORM = {
  "gamma": "weight",
  "beta": "bias",
  "moving_mean": "running_mean",
  "moving_variance": "running_var",
}


def is_simclr(names: Mapping[str, np.ndarray], *, version: int) -> bool:
  """Whether a file is SimCLR's; only version 2 was published with its projection head."""
  has_head = any(name.startswith("head_contrastive/") for name in names)
  return "base_model/conv2d/kernel" in names and has_head == (version == 2)


def from_simclr(raw: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
  """Renames a checkpoint of ResNet-50 (1x, no selective kernels).

  Raises:
    InputError: If the layers are not numbered as that network's are, or a kernel or
      normalisation has not the shape that its place needs.
  """
  layers: dict[tuple[str, int], dict[str, np.ndarray]] = {}
  renamed = {}
  for name, value in raw.items():
    match = _LAYER.fullmatch(name)
    if match:
      layers.setdefault((match[1], int(match[2] or 0)), {})[match[3]] = value
    elif not _DROPPED.fullmatch(name):
      renamed[name] = value
  ours = list(units())
  for kind in ("conv2d", "batch_normalization"):
    numbers = sorted(number for layer, number in layers if layer == kind)
    if numbers != list(range(len(ours))):
      raise InputError(
        f"{source}: SimCLR's ResNet-50 (1x, without selective kernels) has the layers "
        f"{kind} to {kind}_{len(ours) - 1}, this checkpoint has {len(numbers)} of them, "
        f"up to number {numbers[-1] if numbers else 'none'}"
      )
  for number, unit in enumerate(ours):
    convolution = layers["conv2d", number]
    norm = layers["batch_normalization", number]
    kernel = convolution.get("kernel", np.empty(0))
    sizes = {part.shape for part in norm.values()}
    if kernel.shape[:2] != (unit.kernel, unit.kernel) or sizes != {kernel.shape[3:]}:
      raise InputError(
        f"{source}: layer {number} should be {unit.convolution}, {unit.kernel}x"
        f"{unit.kernel}, but has a kernel of shape {kernel.shape} and a normalisation of "
        f"shape {' or '.join(map(str, sorted(sizes)))}"
      )
    renamed[f"{unit.convolution}.weight"] = kernel.transpose(3, 2, 0, 1)
    for theirs, value in norm.items():
      renamed[f"{unit.norm}.{_NORM.get(theirs, theirs)}"] = value
  return renamed
