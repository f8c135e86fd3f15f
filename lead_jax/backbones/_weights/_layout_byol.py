"""BYOL's published checkpoint: Haiku's parameters and state of the online network.

The names are those of deepmind-research's byol/utils/networks.py and of the blocks of
dm-haiku's nets/resnet.py. Batch normalisation keeps its statistics as moving averages,
debiased in `average`.
"""

import re
from collections.abc import Mapping

import numpy as np

_ONLINE = re.compile(r"experiment_state\.online_(params|state)\.(.*)\.(\w+)")
_MODULE = re.compile(
  r"res_net50/(?:~/)?(?:"
  r"initial_(?P<stem>conv|batchnorm)(?:_1)?"
  r"|block_group_(?P<group>\d)/(?:~/)?block_(?P<block>\d)/(?:~/)?"
  r"(?:(?P<kind>conv|batchnorm)_(?P<place>\d)|shortcut_(?P<shortcut>conv|batchnorm))"
  r")(?:/(?:~/)?(?P<average>mean_ema|var_ema))?"
)

# The target network, the optimizer, the heads of the online one.
_DROPPED = re.compile(
  r"(experiment_state\.(target_params|target_state|opt_state)|step|rng)(\..*)?"
  r"|experiment_state\.online_(params|state)\.(projector|predictor|classifier)(/.*)?\.\w+"
)

_PARTS = {
  ("conv", None, "w"): "weight",
  ("batchnorm", None, "scale"): "weight",
  ("batchnorm", None, "offset"): "bias",
  ("batchnorm", "mean_ema", "average"): "running_mean",
  ("batchnorm", "var_ema", "average"): "running_var",
}


def is_byol(names: Mapping[str, np.ndarray]) -> bool:
  """Whether a file is BYOL's checkpoint of a ResNet-50."""
  return any(
    name.startswith("experiment_state.online_params.res_net50/") for name in names
  )


def from_byol(raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Renames the online network's parameters and statistics."""
  renamed = {}
  for name, value in raw.items():
    ours = _renamed(name)
    if ours is None:
      renamed[name] = value
    elif ours:
      # Normalisation's are stored as [1, 1, 1, C], kernels as HWIO.
      is_kernel = name.endswith(".w")
      renamed[ours] = value.transpose(3, 2, 0, 1) if is_kernel else value.reshape(-1)
  return renamed


def _renamed(name: str) -> str | None:
  """torchvision's name; nothing for what is dropped; None for what is not known."""
  if _DROPPED.fullmatch(name):
    return ""
  online = _ONLINE.fullmatch(name)
  module = _MODULE.fullmatch(online[2]) if online else None
  if online is None or module is None:
    return None
  kind = module["stem"] or module["kind"] or module["shortcut"]
  if module["average"] and online[3] in ("hidden", "counter"):
    return ""
  part = _PARTS.get((kind, module["average"], online[3]))
  if part is None:
    return None
  unit = "conv" if kind == "conv" else "bn"
  if module["stem"]:
    return f"{unit}1.{part}"
  prefix = f"layer{int(module['group']) + 1}.{module['block']}"
  if module["shortcut"]:
    return f"{prefix}.downsample.{0 if kind == 'conv' else 1}.{part}"
  return f"{prefix}.{unit}{int(module['place']) + 1}.{part}"
