"""Files that are there completely or not at all, and the keys that name them."""

import contextlib
import io
import json
import pathlib
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
from jaxtyping import Shaped

from lead_jax import readers
from lead_jax.checks import parameter
from lead_jax.system import (
  CHECKSUM,
  content_key,
  explain_write_errors,
  sealed,
  unsealed,
  write_bytes,
)

# To be raised whenever the same settings give other numbers.
VERSION = 1

_REMEDY = f"give another {parameter('out')} or {parameter('checkpoint_dir')}"


def settings_key(**parts: Any) -> str:
  """Returns the SHA-256 (hex) of settings and of how this version fine-tunes."""
  return content_key(finetuning=VERSION, **parts)


def write_json(path: pathlib.Path, content: Mapping[str, Any]) -> None:
  """Writes JSON atomically, with its checksum."""
  _write(path, (json.dumps(sealed(content), indent=1) + "\n").encode())


def read_json(path: pathlib.Path) -> dict[str, Any] | None:
  """Reads what `write_json` wrote; None where there is nothing that can be used.

  What was written without a checksum, by an earlier version or as a record for readers, is
  believed.
  """
  try:
    content = readers.read_json(path, finite=False)
    if not isinstance(content, dict):
      return None
    return unsealed(content) if CHECKSUM in content else content
  except ValueError:
    return None


def write_arrays(path: pathlib.Path, **arrays: Shaped[np.ndarray, "..."]) -> None:
  """Writes an npz file atomically; nothing in it is pickled."""
  buffer = io.BytesIO()
  np.savez_compressed(buffer, **cast(dict[str, Any], arrays))
  _write(path, buffer.getvalue())


def has_arrays(path: pathlib.Path) -> bool:
  """Returns whether what `write_arrays` wrote is there and sound, by its checksums."""
  try:
    readers.read_npz(path, str(path))
  except Exception:  # a damaged file may make its readers raise anything
    return False
  return True


def remove(path: pathlib.Path) -> None:
  """Removes a file, or a folder and what is in it, if it is there."""
  with contextlib.suppress(FileNotFoundError):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
  """Lets Ctrl-C, SIGTERM and SIGHUP wait until what is inside is done.

  For what takes a moment and leaves background work in pieces if it is torn apart. Other
  threads than the main one are never interrupted, and need nothing.
  """
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  came: list[int] = []
  before = {
    number: signal.signal(number, lambda number, _: came.append(number))
    for name in ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    if (number := getattr(signal, name, None)) is not None
    and signal.getsignal(number) is not None
  }
  try:
    yield
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
    if came:
      signal.raise_signal(came[0])


def reported(path: pathlib.Path) -> contextlib.AbstractContextManager[None]:
  """Turns errors of writing inside into one line that names `path`."""
  return explain_write_errors(path, remedy=_REMEDY)


def _write(path: pathlib.Path, content: bytes) -> None:
  write_bytes(path, content, remedy=_REMEDY)
