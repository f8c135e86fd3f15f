"""`to_torchvision`: from the names that each publisher chose to torchvision's.

One literal table of layouts. What a file has beside the network (momentum encoders,
queues, heads for training, optimizers) is known by name and dropped; what is not known
is passed on, so that whoever builds the network says what is too much.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

import numpy as np

from lead_jax.backbones._weights._layout_byol import from_byol, is_byol
from lead_jax.backbones._weights._layout_simclr import from_simclr, is_simclr
from lead_jax.backbones._weights._layout_timm import from_timm
from lead_jax.backbones._weights._layout_torch import STEMS, TorchLayout
from lead_jax.checks import InputError, shown

Tensors = Mapping[str, np.ndarray]

# Names that torchvision gave DenseNet's layers before dots were forbidden in them.
_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12])\.(.*)")


@dataclasses.dataclass(frozen=True)
class Layout:
  """How one publisher names the tensors of its files.

  Attributes:
    expected: For people: what files of this layout have.
    matches: Whether a file's tensors are named so.
    rename: Renames them; gets the file's name for its error messages.
  """

  expected: str
  matches: Callable[[Tensors], bool]
  rename: Callable[[Tensors, str], dict[str, np.ndarray]]


def _torch(layout: TorchLayout) -> Layout:
  def rename(raw: Tensors, source: str) -> dict[str, np.ndarray]:
    place = layout.found(raw)
    assert place is not None, source
    named = {name: layout.renamed(name, place) for name in raw}
    return {ours: raw[name] for name, ours in named.items() if ours is not None}

  return Layout(layout.expected, lambda raw: layout.found(raw) is not None, rename)


def _moco(mlp: bool) -> Layout:
  """MoCo's program, and PCL's, made from it; version 2 has a head of two layers."""
  return _torch(
    TorchLayout(
      expected="module.encoder_q.* with a head of " + ("two layers" if mlp else "one"),
      prefixes=("module.encoder_q.",),
      head=r"fc\.",
      beside=r"module\.(encoder_k\.|queue$|queue_ptr$)",
      has_not=r"module\.encoder_q\.fc\." + ("(weight|bias)" if mlp else r"[02]\."),
    )
  )


def _swav(other_prototypes: str) -> Layout:
  """SwAV's program, which also made DeepCluster-v2 and SeLa-v2."""
  return _torch(
    TorchLayout(
      expected="module.conv1.weight, module.projection_head.* and module.prototypes.*",
      prefixes=("module.",),
      head=r"(projection_head|prototypes)\.",
      has_not=rf"module\.fc\.|{other_prototypes}",
    )
  )


def _pycontrast(jigsaw: bool) -> Layout:
  """PyContrast's program; InfoMin has a deeper head, and a second one for puzzles."""
  deep = r"module\.(head_jig\.|head\.2\.)"
  return _torch(
    TorchLayout(
      expected="model.module.encoder.* and a head of "
      + ("two layers" if jigsaw else "one"),
      prefixes=("module.encoder.",),
      head=r"(?!)",
      beside=r"module\.(head|head_jig)\.",
      relatives=r"module\.head",
      has=deep if jigsaw else "",
      has_not=r"(?!)" if jigsaw else deep,
    )
  )


def _simclr(version: int) -> Layout:
  return Layout(
    expected="base_model/conv2d/kernel, base_model/batch_normalization/gamma ... "
    + ("and head_contrastive/*" if version == 2 else "and no head_contrastive/*"),
    matches=lambda raw: is_simclr(raw, version=version),
    rename=from_simclr,
  )


def _from_torchvision(raw: Tensors, source: str) -> dict[str, np.ndarray]:
  renamed = _PLAIN.rename(raw, source)
  return {_OLD_DENSENET.sub(r"\1\2.\3", name): value for name, value in renamed.items()}


def _from_timm(raw: Tensors, source: str) -> dict[str, np.ndarray]:
  del source
  names = from_timm(list(raw))
  return {
    names[name]: value
    for name, value in raw.items()
    if not name.startswith("AuxLogits.")
  }


_PLAIN = _torch(
  TorchLayout(
    expected="conv1.weight, features.*, layers.* or Conv2d_1a_3x3.*",
    prefixes=("", "module."),
    head=r"(aux1|aux2|AuxLogits)\.",
  )
)

LAYOUTS: Mapping[str, Layout] = {
  "torchvision": dataclasses.replace(_PLAIN, rename=_from_torchvision),
  "timm": Layout(
    expected="conv_stem.weight and blocks.*, or torchvision's names",
    matches=lambda raw: any(stem in raw for stem in ("conv_stem.weight", *STEMS)),
    rename=_from_timm,
  ),
  "byol": Layout(
    expected="experiment_state.online_params.res_net50/*",
    matches=is_byol,
    rename=lambda raw, source: from_byol(raw),
  ),
  "infomin": _pycontrast(jigsaw=True),
  "pcl_v1": _moco(mlp=False),
  "pcl_v2": _moco(mlp=True),
  "sela_v2": _swav(r"(?!)"),
  "insdis": _pycontrast(jigsaw=False),
  "simclr_v1": _simclr(1),
  "simclr_v2": _simclr(2),
  "moco_v1": _moco(mlp=False),
  "moco_v2": _moco(mlp=True),
  "deepcluster_v2": _swav(r"module\.prototypes\.weight"),
  "swav": _swav(r"module\.prototypes\.prototypes\d"),
}


def to_torchvision(raw: Tensors, layout: str, *, source: str) -> dict[str, np.ndarray]:
  """Renames a file's tensors to torchvision's names and axes.

  Args:
    raw: As `read_weights` returns it.
    layout: A key of `LAYOUTS`.
    source: How error messages name the file.

  Returns:
    The network's tensors, kernels as OIHW, in single precision; without counters of
    batches, training heads and copies of the network. Of self-supervised networks without
    classifier. Tensors of unknown names keep theirs.

  Raises:
    InputError: If there is no such layout, or the file has another one.
    ValueError: If two tensors would get one name.
  """
  if layout not in LAYOUTS:
    raise InputError(f"there is no layout {layout!r}: there are {', '.join(LAYOUTS)}")
  if not LAYOUTS[layout].matches(raw):
    others = [name for name, other in LAYOUTS.items() if other.matches(raw)]
    # Names without a prefix are torchvision's; what they stand in says more.
    others = [name for name in others if name not in ("torchvision", "timm")] or others
    if others:
      raise InputError(f"{source}: looks like {' or '.join(others)}, not {layout}")
    names = ", ".join(shown(name) for name in list(raw)[:3])
    raise InputError(
      f"{source}: {layout} files have {LAYOUTS[layout].expected}; this one has "
      f"{len(raw)} arrays, of which the first are {names}"
    )
  renamed = LAYOUTS[layout].rename(raw, source)
  return {
    name: _single(value)
    for name, value in renamed.items()
    if not name.endswith("num_batches_tracked")
  }


def _single(value: np.ndarray) -> np.ndarray:
  return value.astype(np.float32, copy=False) if value.dtype.kind == "f" else value
