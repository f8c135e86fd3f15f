"""What the startup benchmark measures; not how fast that is."""

import subprocess

import pytest

from experiments.benchmark import startup


def test_a_row_for_each_process(monkeypatch):
  seconds = iter([9.0, 1.0, 3.0, 2.0] * len(startup.PROCESSES))
  monkeypatch.setattr(startup, "cpu_seconds", lambda arguments: next(seconds))
  rows = list(startup.run(repeats=3))
  assert [row.name for row in rows] == list(startup.PROCESSES)
  assert {row.value for row in rows} == {2.0}  # the first run is not counted
  assert {row.unit for row in rows} == {"s"}


def test_work_is_counted_and_waiting_is_not():
  busy = "import time\nwhile time.process_time() < 0.6: pass"
  idle = "import time; time.sleep(0.6)"
  assert startup.cpu_seconds(["-c", busy]) > 0.59  # the system counts in ticks
  assert startup.cpu_seconds(["-c", idle]) < startup.cpu_seconds(["-c", busy])


def test_a_process_that_fails_is_not_measured():
  with pytest.raises(subprocess.CalledProcessError):
    startup.cpu_seconds(["-c", "raise SystemExit(2)"])
