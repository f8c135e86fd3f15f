"""Keys of content: every part counts, their order does not, and old keys stay."""

import hashlib

import pytest

from lead_jax.system import canonical_json, content_key, file_digest


def test_keys_depend_on_every_part_and_not_on_order():
  parts = {"a": 1, "b": [1.5, "x"], "c": {"d": None}}
  key = content_key(**parts)
  assert content_key(**dict(reversed(parts.items()))) == key
  for name, value in (("a", 2), ("b", [1.5, "y"]), ("c", {"d": 0}), ("e", 0)):
    assert content_key(**{**parts, name: value}) != key


def test_keys_are_those_of_earlier_versions():
  """Or else nothing that was stored would be found again."""
  text = b'{"a":1,"b":[null,"x"],"format":1}'
  assert content_key(b=[None, "x"], a=1) == hashlib.sha256(text).hexdigest()
  assert canonical_json({"b": float("inf"), "a": ()}) == b'{"a":[],"b":Infinity}'


def test_a_key_is_of_json_values():
  with pytest.raises(TypeError):
    content_key(a=object())


def test_a_file_s_digest(tmp_path):
  (tmp_path / "a").write_bytes(b"x" * 100_000)
  assert file_digest(tmp_path / "a") == hashlib.sha256(b"x" * 100_000).hexdigest()
  found = file_digest(tmp_path / "a", "md5")
  assert found == hashlib.md5(b"x" * 100_000).hexdigest()
  with pytest.raises(OSError, match="No such file"):
    file_digest(tmp_path / "b")
