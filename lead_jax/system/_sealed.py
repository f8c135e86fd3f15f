"""JSON objects that carry a checksum of themselves, for what is kept and read again."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lead_jax.system._keys import canonical_json

# Where it stands.
CHECKSUM = "checksum"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the content with its checksum."""
  return {**content, CHECKSUM: _checksum(content)}


def unsealed(content: Any) -> dict[str, Any]:
  """Returns what `sealed` was given, as JSON brought it back.

  Raises:
    ValueError: If it is not what was sealed.
  """
  if not isinstance(content, dict) or CHECKSUM not in content:
    raise ValueError("it has no checksum")
  rest = {name: value for name, value in content.items() if name != CHECKSUM}
  if content[CHECKSUM] != _checksum(rest):
    raise ValueError("its checksum does not match")
  return rest


def _checksum(content: Mapping[str, Any]) -> str:
  # As it comes back: names of numbers are texts then, and sorted as such.
  plain = json.loads(json.dumps(content))
  return hashlib.blake2b(canonical_json(plain), digest_size=16).hexdigest()
