"""How images are prepared for a network. Imports no JAX: lists of networks need it."""

import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import Any, Literal, get_args

from lead_jax.checks import InputError, shown

Channels = Literal["rgb", "bgr", "gray"]
Layout = Literal["NCHW", "NHWC"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]

# Of a side, in pixels: no network looks at more, and an image of it is 3 GiB.
_LARGEST_SIDE = 1 << 14
# Of values that a network sees: the largest that is plausible, and the narrowest range.
_FAR, _NARROW = 300.0, 0.5


@dataclasses.dataclass(frozen=True)
class InputSpec:
  """How uint8 images become a network's input: resize, reorder, `(x - mean) / std`.

  Attributes:
    height: Rows after resizing, in pixels.
    width: Columns after resizing, in pixels.
    channels: Channel order; `gray` is 0.299 R + 0.587 G + 0.114 B, one channel.
    mean: Per channel, in that order, in units of 0..255.
    std: Per channel, likewise.
    layout: Axes of the tensor that `apply` takes.
    interpolation: Pillow's name of the resampling filter.
    resize: Length of the shorter side after a resize that keeps the aspect; the middle of
      the result, `height` x `width`, is what the network sees, with zeros around it where
      it is smaller. None resizes to `height` x `width` at once, aspect not kept.

  Raises:
    InputError: If a size is no whole number in 1..16384, a mean or standard deviation is
      not finite, a standard deviation is not positive or there are not as many as
      channels, or a choice is none.
  """

  height: int
  width: int
  channels: Channels = "rgb"
  mean: tuple[float, ...] = (0.0, 0.0, 0.0)
  std: tuple[float, ...] = (255.0, 255.0, 255.0)
  layout: Layout = "NHWC"
  interpolation: Interpolation = "bilinear"
  resize: int | None = None

  def __post_init__(self) -> None:
    """Refuses what cannot be meant."""
    for name, choices in (
      ("channels", get_args(Channels)),
      ("layout", get_args(Layout)),
      ("interpolation", get_args(Interpolation)),
    ):
      if (value := getattr(self, name)) not in choices:
        raise InputError(f"{name} is {_said(value)}, not {' | '.join(choices)}")
    sides = {"height": self.height, "width": self.width}
    if self.resize is not None:
      sides["resize"] = self.resize
    for name, side in sides.items():
      whole = isinstance(side, numbers.Integral) and not isinstance(side, bool)
      if not whole or not 1 <= side <= _LARGEST_SIDE:
        raise InputError(
          f"{name} is {_said(side)}, not a whole number of pixels in 1..{_LARGEST_SIDE}"
        )
    count = 1 if self.channels == "gray" else 3
    for name in ("mean", "std"):
      values = getattr(self, name)
      if not _are_numbers(values) or len(values) != count:
        raise InputError(
          f"{name} is {_said(values)}; channels={self.channels!r} needs {count} finite "
          f"number{'s' * (count > 1)}"
        )
    if not all(value > 0 for value in self.std):
      raise InputError(
        f"std is {_said(self.std)}; each must be greater than 0: it is in units of 0..255"
      )

  @property
  def input_range(self) -> tuple[float, float]:
    """The least and the largest value that any image can give the network."""
    ends = [
      (pixel - mean) / std
      for mean, std in zip(self.mean, self.std, strict=True)
      for pixel in (0.0, 255.0)
    ]
    return float(min(ends)), float(max(ends))

  def doubt(self) -> str:
    """Returns why mean and std cannot well be meant, in one sentence; empty if they can.

    Networks are trained on some 0..1, -1..1, -2..3, 0..255 or -128..128; what is far
    from all of them has most often its mean and std in units of 0..1.
    """
    low, high = self.input_range
    units = any(0 < mean <= 1 for mean in self.mean) or max(self.std) < 1
    if units or max(-low, high) > _FAR or high - low < _NARROW:
      reason = "mean and std are in units of 0..255; these look like units of 0..1"
    elif not all(0 <= mean <= 255 for mean in self.mean):
      reason = "a mean lies outside 0..255, where pixels are"
    else:
      return ""
    return f"the network sees values in {_range((low, high))}: {reason}"

  def check_type(self, kind: Any) -> None:
    """Refuses preprocessing that a network's type of input would falsify.

    Args:
      kind: NumPy type of the network's input. Integers take pixels as they are, perhaps
        shifted by a whole number (`int8`).

    Raises:
      InputError: If the type cannot hold the prepared values.
    """
    import numpy as np

    kind = np.dtype(kind)
    if kind.kind not in "iu":
      return
    low, high = self.input_range
    info = np.iinfo(kind)
    whole = all(float(mean).is_integer() for mean in self.mean)
    if (
      whole
      and all(std == 1 for std in self.std)
      and info.min <= low <= high <= info.max
    ):
      return
    raise InputError(
      f"the network takes {kind} but mean is {list(self.mean)} and std is "
      f"{list(self.std)}: such values in {_range((low, high))} are not of that type; "
      "give std 1 and a mean of 0 (or a whole number that keeps pixels within the type)"
    )

  def canonical(self) -> dict[str, object]:
    """Returns the fields as JSON values, for keys of what depends on them.

    0 and 0.0, or float32 scalars, give the same; `resize`, younger than the keys of
    features that users keep, is there only where it is set.
    """
    values: dict[str, object] = {
      **dataclasses.asdict(self),
      "height": int(self.height),
      "width": int(self.width),
      "mean": [float(value) for value in self.mean],
      "std": [float(value) for value in self.std],
    }
    if self.resize is None:
      del values["resize"]
    return values


def _range(ends: Sequence[float]) -> str:
  """`-2.118 … 2.64`, of a least and a largest value."""
  return " … ".join(f"{end:.4g}" for end in ends)


def _are_numbers(values: Any) -> bool:
  if not isinstance(values, tuple | list):
    return False
  try:
    return all(
      isinstance(v, numbers.Real) and not isinstance(v, bool) and math.isfinite(v)
      for v in values
    )
  except OverflowError:  # a whole number beyond all floats
    return False


def _said(value: Any) -> str:
  return shown(repr(list(value) if isinstance(value, tuple) else value), most=80)
