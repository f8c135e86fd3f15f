"""Reading, changing and writing a file: one process at a time."""

import pathlib
import subprocess
import sys
import threading

import pytest

from lead_jax.checks import InputError
from lead_jax.system import alone_with

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNT = """
import pathlib, sys
from lead_jax.system import alone_with
path = pathlib.Path(sys.argv[1])
for _ in range(200):
  with alone_with(path):
    path.write_text(str(int(path.read_text()) + 1))
"""


def test_processes_count_together(tmp_path):
  path = tmp_path / "count"
  path.write_text("0")
  command = [sys.executable, "-c", COUNT, str(path)]
  counting = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
  assert [process.wait(120) for process in counting] == [0, 0, 0]
  assert path.read_text() == "600"
  assert list(tmp_path.iterdir()) == [path]


def test_threads_take_turns_and_an_error_lets_go(tmp_path):
  path, inside = tmp_path / "made" / "file", []

  def enter():
    with alone_with(path):
      inside.append(1)

  other = threading.Thread(target=enter)

  def fail():
    with alone_with(path):
      other.start()
      other.join(0.2)
      assert not inside
      raise KeyError

  with pytest.raises(KeyError):
    fail()
  other.join(10)
  assert inside == [1]
  assert list(path.parent.iterdir()) == []


def test_what_a_killed_process_left_holds_nobody_up(tmp_path):
  (tmp_path / ".file.lock").touch()
  with alone_with(tmp_path / "file"):
    pass
  assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
  (tmp_path / "file").touch()
  with (
    pytest.raises(InputError, match=r"cannot write .*: give another out="),
    alone_with(tmp_path / "file" / "inner"),
  ):
    pass
