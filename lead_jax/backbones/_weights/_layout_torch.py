"""Layouts that torch wrote: torchvision's names behind wrappers and prefixes."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

# What training programs save beside the network.
_BESIDE = re.compile(
  r"(optimizer|scheduler|lr_scheduler|amp|contrast|model_ema|criterion|epoch|arch|opt|args)"
  r"(\..*)?"
)

# A name that each of torchvision's families has, its first convolution.
STEMS = (
  "conv1.weight",
  "features.conv0.weight",
  "features.0.0.weight",
  "layers.0.weight",
  "conv1.conv.weight",
  "Conv2d_1a_3x3.conv.weight",
)


@dataclasses.dataclass(frozen=True)
class TorchLayout:
  """Where a network stands in a file, and what else is known to stand there.

  Attributes:
    expected: For people: what files of this layout have.
    prefixes: What stands before the network's own names; wrappers may come first.
    head: Matches names behind the prefix that are heads for training.
    beside: Matches other names, behind the wrapper, that are dropped.
    relatives: Matches heads, behind the wrapper, by which files of one prefix differ.
    has: Where there are such heads, one must match it.
    has_not: None may match it.
  """

  expected: str
  prefixes: tuple[str, ...]
  head: str
  beside: str = r"(?!)"
  relatives: str = r"(?!)"
  has: str = ""
  has_not: str = r"(?!)"

  def found(self, names: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns the wrapper and the prefix that a file has, or None."""
    for wrapper in ("", "state_dict.", "model."):
      for prefix in self.prefixes:
        if any(wrapper + prefix + stem in names for stem in STEMS):
          inner = [n.removeprefix(wrapper) for n in names if n.startswith(wrapper)]
          heads = [name for name in inner if re.match(self.relatives, name)]
          barred = any(re.match(self.has_not, name) for name in inner)
          if not barred and (
            not heads or any(re.match(self.has, name) for name in heads)
          ):
            return wrapper, prefix
    return None

  def renamed(self, name: str, place: tuple[str, str]) -> str | None:
    """Returns torchvision's name, or None for what is dropped."""
    wrapper, prefix = place
    if not name.startswith(wrapper):
      return None if _BESIDE.fullmatch(name) else name
    inner = name.removeprefix(wrapper)
    if not inner.startswith(prefix):
      dropped = re.match(self.beside, inner) or _BESIDE.fullmatch(inner)
      return None if dropped else inner
    own = inner.removeprefix(prefix)
    return None if re.match(self.head, own) else own
