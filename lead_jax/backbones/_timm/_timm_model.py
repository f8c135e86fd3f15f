"""`timm/NAME`: any model of the timm library as a backbone.

The network is exported to ONNX once, kept in the cache, and then runs in JAX like any
other ONNX file; where the export fails, or disagrees with torch, torch itself runs it.
The library: Wightman, `PyTorch Image Models
<https://github.com/huggingface/pytorch-image-models>`_, 2019.
"""

import dataclasses
import functools
import hashlib
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lead_jax.backbones._backbone import Backbone, ModelSpec
from lead_jax.backbones._timm import _export as export
from lead_jax.backbones._timm._forward import pooled, torch_apply
from lead_jax.backbones._timm._library import check_name, quiet, require_timm
from lead_jax.backbones._timm._network import content_hash, make_network
from lead_jax.backbones._timm._timm_preprocessing import input_spec
from lead_jax.checks import InputError
from lead_jax.system import user_path
from lead_jax.version import __version__

# To be raised whenever an export would come out otherwise, or more of them could be run.
EXPORT_VERSION = 2


def timm_model(
  name: str,
  *,
  cache_dir: str | os.PathLike,
  weights: str | os.PathLike | None = None,
  pretrained: bool = True,
  warn: Callable[[str], object] = warnings.warn,
) -> ModelSpec:
  """Names a model of timm; builds nothing yet.

  Args:
    name: As timm writes it: `vit_small_patch16_224` or, with the tag of its weights,
      `vit_small_patch16_224.augreg_in1k`.
    cache_dir: Where exports are kept, in its folder `timm`.
    weights: A safetensors or torch file, which stands in the model's name then; the
      published weights where None.
    pretrained: Whether to load weights where no file is given; random ones if not.
    warn: Told in one line if the model runs in torch, or its preprocessing is not
      exactly timm's.

  Raises:
    InputError: If timm is not installed, or has no such model.
  """
  check_name(name)
  path = None if weights is None else user_path(weights)
  cache = user_path(cache_dir) / "timm"
  called = f"timm/{name}" if weights is None else f"timm/{name}={os.fspath(weights)}"
  load = functools.partial(_load, called, name, path, cache, pretrained, warn)
  return ModelSpec(name=called, load=load)


def _load(
  called: str,
  name: str,
  weights: pathlib.Path | None,
  cache: pathlib.Path,
  pretrained: bool,
  warn: Callable[[str], object],
) -> Backbone:
  import torch

  timm = require_timm()
  network, source = make_network(name, weights=weights, pretrained=pretrained)
  published = network.pretrained_cfg
  try:
    spec, lost = input_spec(timm.data.resolve_model_data_config(network))
  except InputError as error:
    raise InputError(f"{called}: {error}") from error
  if lost:
    warn(f"{called}: its preprocessing is not exactly timm's: {lost}")
  channels = 1 if spec.channels == "gray" else 3
  rng = np.random.default_rng(0)
  example = rng.normal(size=(3, channels, spec.height, spec.width)).astype(np.float32)
  module = pooled(network)
  with quiet(), torch.inference_mode():
    shapes = [tuple(y.shape) for y in module(torch.from_numpy(example[:1]))]
  if any(len(shape) != 2 for shape in shapes):
    raise InputError(f"{called}: gives {shapes} for one image, not rows [1, D]")

  versions = f"{EXPORT_VERSION} {__version__} {timm.__version__} {torch.__version__}"
  key = hashlib.sha256(
    f"{versions} {name} {spec.height} {content_hash(network)}".encode()
  ).hexdigest()
  common: dict[str, Any] = {"num_params": sum(p.numel() for p in network.parameters())}
  if weights is None and pretrained:  # of a file nothing is known
    common["pretraining"] = published.get("tag", "")
    common["licence"] = published.get("license", "")
  folder = cache / f"{name}-{key[:16]}"

  def from_onnx(path: pathlib.Path) -> Backbone:
    from lead_jax.backbones._onnx import load_onnx

    return load_onnx(
      path,
      name=called,
      input_spec=spec,
      logits="logits" if len(shapes) > 1 else None,
      architecture=f"{name.partition('.')[0]} in JAX",
      source=source,
      **common,
    )

  record = export.exported(folder, module, example, from_onnx)
  if record["exporter"] is not None:
    backbone = from_onnx(folder / export.FILE)
    agreement = f"its ONNX export is {record['relative_error']:.1e} from torch"
    return dataclasses.replace(
      backbone, weights_hash=key, source=f"{source}; {agreement}"
    )
  warn(
    f"{called} runs in torch on the host, slower, in float32 and with a fixed network, "
    f"since its ONNX export cannot be used: {record['reason']}"
  )
  apply, params = torch_apply(module, [shape[1] for shape in shapes], called)
  return Backbone(
    name=called,
    apply=apply,
    params=params,
    input=spec,
    weights_hash=key,
    feature_point="features,logits",
    architecture=f"{name.partition('.')[0]} in torch",
    source=f"{source}; no ONNX export",
    **common,
  )
