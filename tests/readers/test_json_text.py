"""JSON from outside: what Python takes and nobody means is one line."""

import sys

import pytest

from lead_jax.checks import InputError
from lead_jax.readers import parse_json, read_json


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "not a JSON file .*line 1, column 1"),
    ("{", "not a JSON file"),
    ("[" * 100_000, "nested more than 50 levels"),
    ('{"a":' * 100_000, "nested more than 50 levels"),
    ("[" * 60 + "]" * 60, "nested more than 50 levels"),
    ("[" + "1" * 400 + "]", "an integer that does not fit 64 bits"),
    ("-" + "9" * 5000, "an integer that does not fit 64 bits"),
    (str(2**64), "an integer that does not fit 64 bits"),
    ("1e999", "beyond float64"),
    ("[-1E+4000]", "beyond float64"),
    ("NaN", "has NaN where a finite number"),
    ('{"a": -Infinity}', "has -Infinity where a finite number"),
    ('{"a": 1, "b": {"c": 1, "c": 2}}', "has 'c' twice"),
    (r'"\ud800"', "no Unicode"),
    (r'{"\udfff": 1}', "no Unicode"),
    (r'[[{"a": ["\ud83d"]}]]', "no Unicode"),
    (b"\xff\xfe[\x00]\x00", "UTF-16: save it in UTF-8"),
    ("[1]".encode("utf-32-be"), "zero byte"),
    (b'"\xe9"', "not text in UTF-8 .byte 1"),
  ],
)
def test_refuses(text, message):
  with pytest.raises(InputError, match=message) as raised:
    parse_json(text, "a.json")
  assert str(raised.value).startswith("a.json")
  assert len(str(raised.value).splitlines()) == 1
  assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
  ("text", "value"),
  [
    (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    (r'"\ud83d\ude00"', "😀"),
    (str(2**64 - 1), 2**64 - 1),
    (str(-(2**63)), -(2**63)),
    ("[" * 40 + "]" * 40, None),
    ("1e-999", 0.0),
    ('{"a": [], "b": [1.5, true, null]}', {"a": [], "b": [1.5, True, None]}),
  ],
)
def test_reads(text, value):
  found = parse_json(text, "a.json")
  assert value is None or found == value


def test_what_is_not_finite_is_read_where_that_is_asked_for():
  assert parse_json("[1e999, -Infinity]", "a", finite=False) == [
    float("inf"),
    -float("inf"),
  ]


def test_depth_does_not_hang_on_how_deep_the_caller_is():
  limit = sys.getrecursionlimit()

  def deep(left):
    return parse_json("[" * 45 + "]" * 45, "a") if not left else deep(left - 1)

  assert deep(100) is not None
  assert sys.getrecursionlimit() == limit


def test_files(tmp_path):
  path = tmp_path / "a.json"
  with pytest.raises(InputError, match=r"a\.json: there is no such file"):
    read_json(path)
  path.mkdir()
  with pytest.raises(InputError, match=r"a\.json cannot be read \(Is a directory\)"):
    read_json(path)
  large = tmp_path / "large.json"
  large.write_text("[" + "1," * (1 << 20) + "1]")
  with pytest.raises(InputError, match="more than 1 MiB"):
    read_json(large, most=1 << 20)
  with pytest.raises(InputError, match="more than 1 MiB"):
    read_json("/dev/zero", most=1 << 20)
