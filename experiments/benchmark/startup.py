"""CPU seconds until the package and the command answer, each in a process of its own."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence

from experiments.benchmark.timing import Row

_COMMAND = "from lead_jax.commands.rank import run; run()"
# By name of the row: what it is, and the arguments of Python.
PROCESSES = {
  "startup.python": ("an empty program, part of all others", ["-c", ""]),
  "startup.import": ("import lead_jax", ["-c", "import lead_jax"]),
  "startup.help": ("lead-rank --help", ["-c", _COMMAND, "--help"]),
  "startup.models": ("lead-rank models", ["-c", _COMMAND, "models"]),
}


def run(repeats: int = 5) -> Iterator[Row]:
  """Measures, and yields one row a process.

  Args:
    repeats: Runs of each; the median counts, after one that is not counted.
  """
  for name, (what, arguments) in PROCESSES.items():
    cpu_seconds(arguments)  # writes bytecode, fills the file cache
    median = statistics.median(cpu_seconds(arguments) for _ in range(repeats))
    yield Row(name, f"{what}; user and system, median of {repeats}", median, "s")


def cpu_seconds(arguments: Sequence[str]) -> float:
  """Returns the CPU time of a Python process, from its start to its end.

  Raises:
    subprocess.CalledProcessError: If it ends with another code than 0.
  """
  before = _spent_by_children()
  subprocess.run(
    [sys.executable, *arguments],
    stdout=subprocess.DEVNULL,
    stdin=subprocess.DEVNULL,
    check=True,
  )
  return _spent_by_children() - before


def _spent_by_children() -> float:
  spent = os.times()
  return spent.children_user + spent.children_system
