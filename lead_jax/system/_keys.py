"""Hashes: of files, and of everything that a result depends on, which name it."""

import hashlib
import json
import os
from typing import Any

from lead_jax.system._regular_file import open_regular

# Part of every key: to be raised if the same parts shall have another one.
_FORMAT = 1


def content_key(**parts: Any) -> str:
  """Returns the SHA-256 (hex) of named JSON values, independent of their order."""
  return hashlib.sha256(canonical_json({"format": _FORMAT, **parts})).hexdigest()


def file_digest(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
  """Returns a file's digest in hex.

  Raises:
    OSError: If it cannot be read, or is no file but a pipe or a device.
  """
  with open_regular(path) as file:
    return hashlib.file_digest(file, algorithm).hexdigest()


def canonical_json(value: Any) -> bytes:
  """Returns the one way to write a JSON value: sorted names, no spaces."""
  return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
