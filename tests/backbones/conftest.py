"""Lets torchvision be imported beside a torch that was built for the CPU alone.

The published torchvision looks up two of its compiled operators when it is imported, and
has none of them where its library, made for a GPU build of torch, cannot be loaded.
Nothing here calls them: once they are declared, the import succeeds. Without torch
nothing is done.
"""

import contextlib

with contextlib.suppress(ImportError):
  import torch

  try:
    import torchvision  # noqa: F401
  except RuntimeError:  # operator torchvision::nms does not exist
    # Kept: the declaration ends with the object.
    _LIBRARY = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
      _LIBRARY.define(
        f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
      )
