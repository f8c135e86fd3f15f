"""JSON objects that carry a checksum of themselves, for what is kept and read again.

Names in them are texts, also further down: others come back as texts, in another order.
"""

import hashlib
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
  return hashlib.blake2b(canonical_json(content), digest_size=16).hexdigest()
