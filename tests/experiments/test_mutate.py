"""Faults are put where they belong, tried by real tests, and counted."""

import ast
import json

import pytest

from experiments.mutate import operators, records, work

SOURCE = '''\
"""A module."""
from typing import Literal

Way = Literal["up", "down"]
_LIMIT = 3


def mean(x, *, axis: int = 0, way: Way = "up") -> "float[1]":
  """Text with 1 + 1."""
  if axis < 0 and x is not None:
    raise ValueError(f"axis must be {1 + 1}")
  total = jnp.sum(x, axis=0, keepdims=True)
  total += 1e-6
  total = -jnp.expm1(total) / max(len(x), 2)
  return jnp.where(way == "up", total.T, jnp.matmul(total, x, precision=HIGHEST))
'''


def faults():
  return operators.mutants_of("m.py", SOURCE, operators.literals([SOURCE]))


def test_every_fault_is_another_program_with_one_difference():
  found = faults()
  assert len({fault.name for fault in found}) == len(found)
  before = ast.unparse(ast.parse(SOURCE))
  for fault in found:
    after = ast.unparse(ast.parse(fault.apply(SOURCE)))
    assert after != before, fault.name
    assert (
      sum(a != b for a, b in zip(after.splitlines(), before.splitlines(), strict=False))
      <= 2
    )


@pytest.mark.parametrize(
  ("before", "after"),
  [
    ("3", "4"),
    ("0", "1"),
    ("'up'", "'down'"),
    ("axis < 0 and x is not None", "not (axis < 0 and x is not None)"),
    ("axis < 0 and x is not None", "axis < 0 or x is not None"),
    ("axis < 0", "axis <= 0"),
    ("axis < 0", "axis >= 0"),
    ("x is not None", "x is None"),
    ("raise ValueError(f'axis must be {1 + 1}')", "pass"),
    ("jnp.sum(x, axis=0, keepdims=True)", "jnp.mean(x, axis=0, keepdims=True)"),
    ("jnp.sum(x, axis=0, keepdims=True)", "jnp.sum(x, axis=1, keepdims=True)"),
    ("jnp.sum(x, axis=0, keepdims=True)", "jnp.sum(x, axis=0)"),
    ("total += 1e-06", "total -= 1e-06"),
    ("total += 1e-06", "pass"),
    ("1e-06", "0.001"),
    ("-jnp.expm1(total)", "jnp.expm1(total)"),
    ("jnp.expm1(total)", "jnp.exp(total)"),
    ("max(len(x), 2)", "min(len(x), 2)"),
    ("total.T", "total"),
  ],
)
def test_faults_of_every_kind(before, after):
  assert (before, after) in {(fault.before, fault.after) for fault in faults()}


def test_what_is_no_code_is_left_alone():
  for fault in faults():
    assert "Literal" not in fault.before
    assert "precision" in fault.after or "precision" not in fault.before
    assert fault.before not in ("1", "'float[1]'", "1 + 1", "'A module.'")


def test_a_share_is_the_same_in_every_run():
  found = faults()
  drawn = [fault.draw(0) for fault in found]
  assert drawn == [fault.draw(0) for fault in faults()]
  assert drawn != [fault.draw(1) for fault in found]
  assert all(0 <= number < 1 for number in drawn)


def test_a_record_outlives_what_is_no_code():
  same = SOURCE.replace("A module.", "Another.").replace("\ndef", "\n@jit\ndef")
  same = same.replace("Text with", "Words, and")
  assert same != SOURCE
  assert work.code_digest(same + "\nimport this\n") == work.code_digest(SOURCE)
  other = SOURCE.replace("_LIMIT = 3", "_LIMIT = 4")
  assert work.code_digest(other) != work.code_digest(SOURCE)
  assert work.code_digest(other, "mean") == work.code_digest(SOURCE, "mean")
  changed = SOURCE.replace("1e-6", "1e-5")
  assert work.code_digest(changed, "mean") != work.code_digest(SOURCE, "mean")


def test_records_and_reasons(tmp_path):
  path = tmp_path / "records.jsonl"
  tests = {"one.py": "1", "two.py": "2"}
  row = {"module": "lead_jax/ntk/_mlp.py", "line": 3, "code": "a", "tests": tests}
  killed = {**row, "name": "one", "status": "killed"}
  lives = {**row, "name": "two", "status": "survived"}
  path.write_text(f"{json.dumps(killed)}\n{json.dumps(lives)}\n{{torn")
  found = records.read_records(path)
  assert found == {"one": killed, "two": lives}
  changed = {**tests, "two.py": "3", "three.py": "4"}
  assert records.untried(None, tests) == set(tests)
  assert records.untried(killed, changed) == set()
  assert records.untried(lives, tests) == set()
  assert records.untried(lives, changed) == {"two.py", "three.py"}
  assert records.unexplained(found.values(), {}) == [lives]
  assert records.unexplained(found.values(), {"two": "equal"}) == []
  made = {"ntk": 9}
  assert records.table(found.values(), made, {}).endswith("| 9 | 2 | 1 | 0 | 1 |")
  text = records.table(found.values(), made, {"two": "equal"})
  assert text.endswith("| 9 | 2 | 1 | 1 | 0 |")


def test_every_survivor_has_a_reason():
  reasons = records.read_reasons()
  assert reasons
  assert all(len(reason) > 10 for reason in reasons.values())


def test_faults_are_tried_by_the_tests_that_run_them(tmp_path):
  """A package of three functions, of which one has a test that cannot fail."""
  checkout, out = tmp_path / "checkout", tmp_path / "out"
  files = {
    "lead_jax/__init__.py": "",
    "lead_jax/sums.py": (
      "class Most:\n  most = 7\n\n\n"
      "def add(a, b):\n  return a + b\n\n\n"
      "def double(a):\n  return a * 2\n\n\n"
      "def unused(a):\n  return a + 5\n"
    ),
    "experiments/__init__.py": "",
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    "tests/__init__.py": "",
    "tests/conftest.py": "",
    "tests/test_sums.py": (
      "from lead_jax import sums\n\n\n"
      "def test_add():\n  assert sums.add(1, 2) == 3\n\n\n"
      "def test_double():\n  assert sums.double(1) > 0\n\n\n"
      "def test_most():\n  assert sums.Most.most == 7\n"
    ),
  }
  for name, text in files.items():
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text(text)
  code = f"""
import pathlib
from experiments.mutate import operators, work
checkout, out = pathlib.Path({str(checkout)!r}), pathlib.Path({str(out)!r})
out.mkdir()
module = "lead_jax/sums.py"
source = (checkout / module).read_text()
files = work.test_files(checkout, ["tests"])
room = work.Room("toy", checkout, out, files=files, modules=[module], workers=2)
trials = [
  work.Trial(fault, frozenset(files), "never run")
  for fault in operators.mutants_of(module, source)
]
for fault, outcome in room.try_all(trials):
  print("|".join([fault.function, fault.after, outcome.status, outcome.by]))
"""
  import subprocess
  import sys

  from tests.house import ROOT

  ran = subprocess.run(
    [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
  )
  assert ran.returncode == 0, ran.stderr
  assert sorted(ran.stdout.splitlines()) == [
    "Most|6|killed|tests/test_sums.py::test_most",
    "Most|8|killed|tests/test_sums.py::test_most",
    "add|a - b|killed|tests/test_sums.py::test_add",
    "add|a|killed|tests/test_sums.py::test_add",
    "double|1|survived|",
    "double|3|survived|",
    "double|a / 2|survived|",
    "unused|4|never run|",
    "unused|6|never run|",
    "unused|a - 5|never run|",
    "unused|a|never run|",
  ]
  assert (checkout / "lead_jax/sums.py").read_text() == files["lead_jax/sums.py"]


def test_signals_are_told_from_failures(tmp_path):
  import os
  import signal

  end = lambda number: lambda: os.kill(os.getpid(), number)
  child = work.fork(end(signal.SIGKILL), tmp_path / "log")
  assert work.wait(child).code == -signal.SIGKILL
