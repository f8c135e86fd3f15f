"""Keys made of content: the same things asked for have the same key, everywhere."""

import hashlib
import json
from typing import Any

# To be raised when keys are made in another way; all that is stored is then made anew.
_FORMAT = 1


def canonical_json(value: Any) -> bytes:
  """Returns the one way to write a JSON value: sorted names, no spaces."""
  return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def content_key(**parts: Any) -> str:
  """Returns the SHA-256 (hex) of named JSON values, independent of their order."""
  return hashlib.sha256(canonical_json({"format": _FORMAT, **parts})).hexdigest()
