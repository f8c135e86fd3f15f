"""Names of results by content: hashes of everything that a result depends on."""

import hashlib
import json
from typing import Any

# Part of every key: to be raised if the same parts shall have another one.
_FORMAT = 1


def content_key(**parts: Any) -> str:
  """Returns the SHA-256 (hex) of named JSON values, independent of their order."""
  return hashlib.sha256(canonical_json({"format": _FORMAT, **parts})).hexdigest()


def canonical_json(value: Any) -> bytes:
  """Returns the one way to write a JSON value: sorted names, no spaces."""
  return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
