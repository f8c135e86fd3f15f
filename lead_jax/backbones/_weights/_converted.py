"""Weights read and renamed once, then kept as safetensors.

A checkpoint holds optimizers and copies of the network; what is kept is the network. The
cached file is named by the source's SHA-256, the layout and this code's version, so it is
never out of date; it carries a digest of its tensors, so that a damaged one is noticed and
made again.
"""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Callable

import numpy as np

from lead_jax.backbones._weights._digests import files_digest
from lead_jax.backbones._weights._layouts import to_torchvision
from lead_jax.backbones._weights._read import read_weights
from lead_jax.backbones._weights._tensorflow_checkpoint import checkpoint_files
from lead_jax.checks import InputError
from lead_jax.system import remove_stale, replacing_path, user_path

# Counted up when a layout's mapping changes.
VERSION = 1


def read_converted(
  path: str | os.PathLike,
  layout: str,
  cache_dir: str | os.PathLike,
  *,
  check: Callable[[dict[str, np.ndarray]], object] | None = None,
) -> tuple[dict[str, np.ndarray], str]:
  """Reads weights under torchvision's names, from the cache where they are there.

  Args:
    path: As for `read_weights`.
    layout: A key of `LAYOUTS`.
    cache_dir: Converted weights are kept in `weights/converted` below it; where that
      cannot be written they are not kept.
    check: Called with the renamed tensors before they are kept; raises `InputError` if
      they are not the network's. Not called with what was kept before.

  Returns:
    As `to_torchvision`; and the SHA-256 of the source (of a TensorFlow checkpoint, of the
    digests of its files).

  Raises:
    InputError: As `read_weights`, `to_torchvision` and `check`.
  """
  path = user_path(path)
  try:
    digest = files_digest(checkpoint_files(path))
  except FileNotFoundError:
    raise InputError(f"{path}: there is no such file") from None
  except OSError as error:
    raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
  folder = user_path(cache_dir) / "weights" / "converted"
  kept = folder / f"{digest}-{layout}-{VERSION}.safetensors"
  tensors = _kept(kept)
  if tensors is None:
    tensors = to_torchvision(read_weights(path), layout, source=str(path))
    if check is not None:
      check(tensors)
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    _keep(kept, tensors)
  return tensors, digest


def _kept(path: pathlib.Path) -> dict[str, np.ndarray] | None:
  """The tensors of a cached file; None if there is none or it is damaged."""
  import safetensors

  try:
    tensors = read_weights(path)
    with safetensors.safe_open(path, framework="numpy") as file:
      digest = (file.metadata() or {}).get("content")
  except Exception:  # a damaged file may make its readers raise anything
    return None
  return tensors if digest == _content(tensors) else None


def _keep(path: pathlib.Path, tensors: dict[str, np.ndarray]) -> None:
  import safetensors
  from safetensors.numpy import save_file

  # A cache that cannot be written (read-only, full) costs time and nothing else.
  with contextlib.suppress(OSError, safetensors.SafetensorError):
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_path(path) as temporary:
      save_file(tensors, temporary, metadata={"content": _content(tensors)})
    remove_stale(path.parent)


def _content(tensors: dict[str, np.ndarray]) -> str:
  """A digest of names, types, shapes and values, whatever their order."""
  digest = hashlib.sha256()
  for name in sorted(tensors):
    value = tensors[name]
    digest.update(f"{name}\n{value.dtype.str}{value.shape}\n".encode())
    digest.update(np.ascontiguousarray(value).data)
  return digest.hexdigest()
