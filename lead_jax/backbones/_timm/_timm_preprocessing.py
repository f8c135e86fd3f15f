"""From timm's preprocessing configuration to an `InputSpec`.

timm resizes to the network's size divided by `crop_pct`, rounded down, then cuts the
middle out. The resize is one of three: `center` brings the shorter side to that length,
`squash` each side, `border` the longer side and fills the rest with the mean.
"""

import math
from collections.abc import Mapping
from typing import Any

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.checks import InputError

_FILTERS = ("nearest", "bilinear", "bicubic")


def input_spec(config: Mapping[str, Any]) -> tuple[InputSpec, str]:
  """Translates `timm.data.resolve_model_data_config(model)`.

  Args:
    config: With `input_size`, `interpolation`, `mean`, `std`, `crop_pct`, `crop_mode`.

  Returns:
    The specification, and in words what of the configuration it cannot express; empty
    where it expresses all.

  Raises:
    InputError: If the network takes no images of one or three channels.
  """
  channels, height, width = config["input_size"]
  if channels not in (1, 3):
    raise InputError(f"it takes images of {channels} channels, not of one or three")
  mode, share, notes = config["crop_mode"], config["crop_pct"], []
  scaled = [math.floor(size / share) for size in (height, width)]
  resize = None
  if mode == "center" and height == width:
    resize = scaled[0]
  elif mode != "squash" or scaled != [height, width]:
    kind = mode if height == width else f"{mode} to {height} x {width}"
    notes.append(
      f"crop mode {kind} with crop_pct {share:g} becomes a resize of both sides"
    )
  interpolation = config["interpolation"]
  if interpolation not in _FILTERS:
    notes.append(f"interpolation {interpolation} becomes bicubic")
    interpolation = "bicubic"
  spec = InputSpec(
    height=height,
    width=width,
    channels="gray" if channels == 1 else "rgb",
    mean=tuple(255.0 * value for value in config["mean"]),
    std=tuple(255.0 * value for value in config["std"]),
    layout="NCHW",
    interpolation=interpolation,
    resize=resize,
  )
  return spec, "; ".join(notes)
