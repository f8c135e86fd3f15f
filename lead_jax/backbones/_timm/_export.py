"""A timm network's ONNX file, made once and held against torch when it is made.

A folder of the cache holds one network: `model.onnx` (weights of more than 2 GB beside
it) and `export.json`, which says how the file was made and how far it is from torch, or
why there is none. It appears at once under its name or not at all.
"""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lead_jax.backbones._backbone import Backbone
from lead_jax.backbones._timm._library import Module, silenced
from lead_jax.checks import InputError
from lead_jax.readers import read_json
from lead_jax.system import (
  file_digest,
  remove_stale,
  replacing_folder,
  sealed,
  unsealed,
)

FILE, RECORD = "model.onnx", "export.json"
TOLERANCE = 1e-3  # of the largest value; beyond it the file is not used

_PROTOBUF_LIMIT = 1_900_000_000  # bytes; a file of 2 GB cannot be written


def exported(
  folder: pathlib.Path,
  network: Module,
  example: np.ndarray,
  load: Callable[[pathlib.Path], Backbone],
) -> dict[str, Any]:
  """Returns the record of an export, and makes the export where there is none.

  Args:
    folder: Where it is or is to be.
    network: As `pooled` makes it, in evaluation mode.
    example: Random images float32[3, C, H, W].
    load: Reads an ONNX file as a backbone.

  Returns:
    `exporter` (None: no file, use torch), `relative_error`, `reason` (of what failed).

  Raises:
    InputError: If the cache cannot be written.
  """
  record = _record(folder)
  if record is not None:
    return record
  try:
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(folder.parent)
    # That of a process that was faster stays.
    is_whole = lambda there: _record(there) is not None
    with replacing_folder(folder, keep=is_whole) as made:
      record = _export(made, network, example, load)
      text = json.dumps(sealed({**record, "files": _digests(made)}), indent=2)
      (made / RECORD).write_text(text, encoding="utf-8")
  except OSError as error:
    raise InputError(
      f"the ONNX export cannot be kept in {folder.parent} ({error.strerror}): name "
      "another cache folder"
    ) from error
  return _record(folder) or record


def _record(folder: pathlib.Path) -> dict[str, Any] | None:
  """What a folder says of its export; None if there is none or a file is damaged."""
  try:
    record = unsealed(read_json(folder / RECORD))
    return record if record["files"] == _digests(folder) else None
  except (OSError, ValueError, KeyError):
    return None


def _digests(folder: pathlib.Path) -> dict[str, str]:
  """SHA-256 of every file of an export but its record."""
  return {
    path.relative_to(folder).as_posix(): file_digest(path)
    for path in sorted(folder.rglob("*"))
    if path.is_file() and path.name != RECORD
  }


def _export(made, network, example, load) -> dict[str, Any]:
  import torch

  with torch.inference_mode():
    expected = [y.numpy() for y in network(torch.from_numpy(example))]
  # Two images, while three are compared: a batch size that was frozen shows.
  images = torch.from_numpy(example[:2])
  failures: list[str] = []
  for exporter, write in (("dynamo", _dynamo), ("torchscript", _torchscript)):
    try:
      with silenced():
        write(network, images, len(expected), made / FILE)
      backbone = load(made / FILE)
      with jax.default_matmul_precision("highest"):
        outputs = jax.jit(backbone.apply)(backbone.params, example)
      error = max(
        float(np.max(np.abs(np.asarray(ours) - theirs)) / np.max(np.abs(theirs)))
        for ours, theirs in zip(
          (outputs[k] for k in ("features", "logits") if k in outputs),
          expected,
          strict=True,
        )
      )
      if error <= TOLERANCE:
        reason = "; ".join(failures)
        return {"exporter": exporter, "relative_error": error, "reason": reason}
      failures.append(f"{exporter}: differs from torch by {error:.1e}")
    except (OSError, MemoryError, jax.errors.JaxRuntimeError):
      raise  # of this machine now, not of the network
    except Exception as error:  # exporters fail in any way
      failures.append(f"{exporter}: {_reason(error, made / FILE)}")
    for path in made.iterdir():
      path.unlink()
  return {"exporter": None, "relative_error": None, "reason": "; ".join(failures)}


def _reason(error: BaseException, path: pathlib.Path) -> str:
  """The first line of what failed first: exporters wrap it in advice."""
  while error.__cause__ is not None and not isinstance(error, InputError):
    error = error.__cause__
  line = (str(error).strip().splitlines() or [""])[0].removeprefix(f"{path}: ")
  kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
  return f"{kind}{line[:200]}"


def _names(count: int) -> list[str]:
  return ["features", "logits"][:count]


def _dynamo(network, images, count, path):
  import torch

  batch = torch.export.Dim("batch")
  program: Any = torch.onnx.export(
    network,
    (images,),
    dynamo=True,
    input_names=["images"],
    output_names=_names(count),
    dynamic_shapes=({0: batch},),
    verbose=False,
  )
  size = sum(tensor.nbytes for tensor in network.state_dict().values())
  program.save(str(path), external_data=size > _PROTOBUF_LIMIT)


def _torchscript(network, images, count, path):
  import torch

  names = _names(count)
  torch.onnx.export(
    network,
    (images,),
    str(path),
    dynamo=False,
    input_names=["images"],
    output_names=names,
    dynamic_axes={name: {0: "batch"} for name in ("images", *names)},
  )
