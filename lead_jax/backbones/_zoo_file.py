"""`zoo.json`: a list of ONNX models with what is needed to use and to cite them.

The file itself is checked as a whole when it is read; a model's weights are read only
when it is loaded, so that one broken weights file does not keep the others from running.
"""

import dataclasses
import functools
import os
import pathlib
from typing import Any

from lead_jax.backbones._backbone import Backbone, ModelSpec, Stated
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones._pooling import check_pooling
from lead_jax.checks import InputError, shown
from lead_jax.readers import read_json
from lead_jax.system import user_path


def load_zoo(
  path: str | os.PathLike[str], *, network_budget: int = 1
) -> list[ModelSpec]:
  """Reads a zoo file.

  Args:
    path: A JSON file `{"models": [...]}`, each model with `name`, `file` (relative to
      the zoo file), `sha256`, `input` (`height`, `width`, `channels`, `mean`, `std`,
      `layout`) and, where known, `features`, `pooling` (cls, mean or gap), `logits`,
      `params`, `stated_top1` (accuracy on the source data, in percent), `architecture`,
      `pretraining`, `source`, `licence`.
      `input` may also have `interpolation` (nearest, bilinear, bicubic, lanczos, box or
      hamming; bilinear if absent) and `resize` (the shorter side in pixels before the
      middle is cut out; if absent, images are resized to height x width at once).
    network_budget: As `load_onnx`.

  Returns:
    One specification per model, in the order of the file; `load` reads its weights.

  Raises:
    InputError: If the file cannot be read or an entry is wrong.
  """
  path = user_path(path)
  content = read_json(path)
  models = content.get("models") if isinstance(content, dict) else None
  if not isinstance(models, list) or not models:
    raise InputError(f"{path}: lists no models; it needs a non-empty list 'models'")
  specs: dict[str, ModelSpec] = {}
  for position, entry in enumerate(models):
    spec = _spec(path, position, entry, network_budget)
    if spec.name in specs:
      raise InputError(f"{path}: two models are called '{spec.name}'; rename one")
    specs[spec.name] = spec
  return list(specs.values())


def _spec(
  path: pathlib.Path, position: int, entry: Any, network_budget: int
) -> ModelSpec:
  if not isinstance(entry, dict):
    raise InputError(f"{path}: model number {position + 1} is no JSON object")
  where = f"{path}: model number {position + 1}"
  name = _field(where, entry, "name", str)
  if not name.strip():
    raise InputError(f"{where}: its 'name' is empty; give it one")
  where = f"{path}: model '{name}'"
  file = _field(where, entry, "file", str)
  if not file.strip() or "\0" in file:
    raise InputError(f"{where}: 'file' is {shown(file)!r}, which names no file")
  sha256 = _field(where, entry, "sha256", str)
  spec = _input_spec(where, _field(where, entry, "input", dict))

  def load() -> Backbone:
    from lead_jax.backbones._onnx import load_onnx

    loaded = load_onnx(
      path.parent / file,
      name=name,
      input_spec=spec,
      features=features,
      logits=logits,
      pooling=pooling,
      sha256=sha256,
      num_params=num_params,
      network_budget=network_budget,
      **texts,
    )
    return dataclasses.replace(loaded, source_accuracy=source_accuracy)

  optional = functools.partial(_optional, where, entry)
  features = optional("features", str) or "features"
  logits = optional("logits", str)
  pooling = optional("pooling", str)
  check_pooling(pooling, where)
  num_params = optional("params", int)
  if num_params is not None and num_params < 0:
    raise InputError(f"{where}: 'params' is {num_params}, not a count")
  source_accuracy = _percent(where, entry, "stated_top1")
  texts = {
    key: optional(key, str) or ""
    for key in ("architecture", "pretraining", "source", "licence")
  }
  stated = Stated(
    num_params=num_params,
    size=_size(path.parent / file),
    pixels=spec.height * spec.width,
  )
  return ModelSpec(name=name, load=load, stated=stated)


def _size(path: pathlib.Path) -> int | None:
  """Bytes of a file; None where there is none, which loading will say."""
  try:
    return path.stat().st_size
  except (OSError, ValueError):
    return None


def _input_spec(where: str, entry: dict) -> InputSpec:
  where = f"{where}, input"
  field = functools.partial(_field, where, entry)
  optional = functools.partial(_optional, where, entry)
  given = {
    **{key: field(key, int) for key in ("height", "width")},
    **{key: field(key, str) for key in ("channels", "layout")},
    **{key: tuple(field(key, list)) for key in ("mean", "std")},
  }
  if (interpolation := optional("interpolation", str)) is not None:
    given["interpolation"] = interpolation
  try:
    spec = InputSpec(**given, resize=optional("resize", int))
  except InputError as error:
    raise InputError(f"{where}: {error.marked}") from None
  return dataclasses.replace(
    spec, mean=tuple(map(float, spec.mean)), std=tuple(map(float, spec.std))
  )


def _percent(where: str, entry: dict, key: str) -> float | None:
  value = entry.get(key)
  if value is None:
    return None
  if type(value) not in (int, float) or not 0 <= value <= 100:
    raise InputError(
      f"{where}: '{key}' is {shown(repr(value), most=60)}, not a number in [0, 100]"
    )
  if 0 < value < 1:
    raise InputError(
      f"{where}: '{key}' is {value:g}, which is in percent: write {100 * value:g}"
    )
  return float(value)


def _field(where: str, entry: dict, key: str, kind: type) -> Any:
  if key not in entry:
    raise InputError(f"{where}: has no '{key}'")
  return _typed(where, entry, key, kind)


def _optional(where: str, entry: dict, key: str, kind: type) -> Any:
  return None if entry.get(key) is None else _typed(where, entry, key, kind)


def _typed(where: str, entry: dict, key: str, kind: type) -> Any:
  if type(entry[key]) is not kind:
    raise InputError(
      f"{where}: '{key}' is {shown(repr(entry[key]), most=60)}, not of type {kind.__name__}"
    )
  return entry[key]
