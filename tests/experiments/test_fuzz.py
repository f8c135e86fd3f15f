"""Two thousand damaged inputs, through the doors that users put theirs through."""

import collections
import json

import pytest

from experiments.fuzz.__main__ import run
from experiments.fuzz.doors import KINDS
from experiments.fuzz.judge import FAILED, READ, REFUSED, Verdict, input_of, judge
from lead_jax.checks import InputError

NAMES = tuple(KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_input_goes_through_its_door(name, tmp_path):
  """A command line that names no truth is refused."""
  found = judge(0, KINDS[name], KINDS[name].sample(), tmp_path)
  wanted = REFUSED if name == "command" else READ
  assert found.outcome == wanted, found.reason


@pytest.mark.parametrize("part", range(4))
def test_damaged_inputs_are_read_or_refused_in_a_line(part, tmp_path):
  outcomes = collections.Counter()
  failed = []
  for index in range(part, 2000, 4):
    kind, content = input_of(index, 14, NAMES)
    verdict = judge(index, kind, content, tmp_path)
    outcomes[verdict.outcome] += 1
    failed += [verdict] if verdict.outcome == FAILED else []
  assert not failed
  # Damage that is never noticed, or always, would try nothing.
  assert outcomes[REFUSED] > 100
  assert outcomes[READ] > 50


def test_an_input_is_the_same_for_the_same_numbers():
  assert input_of(7, 1, NAMES) == input_of(7, 1, NAMES)
  assert input_of(7, 1, NAMES) != input_of(7, 2, NAMES)


def _kind(door):
  return KINDS["zoo"].__class__("own", bytes, lambda a, b: a, door, ".x", 1)


def _raise(error):
  raise error


@pytest.mark.parametrize(
  ("door", "reason"),
  [
    (lambda path: _raise(KeyError(99)), "KeyError at test_fuzz.py"),
    (lambda path: _raise(ValueError("not ours")), "ValueError at"),
    (lambda path: _raise(InputError("two\nlines")), "no line"),
    (lambda path: _raise(InputError("")), "no line"),
    (lambda path: _raise(SystemExit(1)), "SystemExit at"),
    (lambda path: [0 for _ in iter(int, 1)], "took more than 0.1 s"),
  ],
)
def test_what_is_not_ours_fails(door, reason, tmp_path):
  found = judge(3, _kind(door), b"", tmp_path, limit=0.1)
  assert isinstance(found, Verdict)
  assert found.outcome == FAILED
  assert reason in found.reason


def test_the_command_goes_on_where_it_was_and_replays(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr("experiments.fuzz.__main__._bound_memory", lambda: None)
  out = tmp_path / "out"
  argv = ["fuzz", f"--out={out}", "--kinds=zoo,report", "--seed=1", "--worker=0"]
  assert run([*argv, "--inputs=20"]) == 0
  assert run([*argv, "--inputs=30"]) == 0
  rows = [json.loads(x) for x in (out / "verdicts-0.jsonl").read_text().splitlines()]
  assert [row["number"] for row in rows] == list(range(0, 30, 2))
  sound = tmp_path / "zoo-5.json"
  sound.write_bytes(KINDS["zoo"].sample())
  assert run(["fuzz", f"--replay={sound}"]) == 0
  assert "read in" in capsys.readouterr().out
  assert run(["fuzz", f"--replay={tmp_path / 'none-1.json'}"]) == 2
  assert run(["fuzz", "--kinds=spoons"]) == 2
