"""How images are prepared for a network. Imports no JAX: lists of networks need it."""

import dataclasses
from typing import Literal

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]


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
  """

  height: int
  width: int
  channels: Literal["rgb", "bgr", "gray"] = "rgb"
  mean: tuple[float, ...] = (0.0, 0.0, 0.0)
  std: tuple[float, ...] = (255.0, 255.0, 255.0)
  layout: Literal["NCHW", "NHWC"] = "NHWC"
  interpolation: Interpolation = "bilinear"
  resize: int | None = None

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
