"""Trying faults: one forked process each, in a copy of the checkout that holds the fault.

A process that has imported the libraries (and nothing of this project, and has computed
nothing) forks for every fault: starting costs milliseconds instead of seconds. The copy's
tests that run the changed lines are run until one fails, those first that found most so
far. Compiled programs are read from a cache that the traced run filled.
"""

import ast
import collections
import gc
import hashlib
import importlib
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from experiments.mutate.operators import Mutant
from experiments.mutate.tests import Recorder, Test, run_tests, trace

_COPIED = ("experiments", "lead_jax", "pyproject.toml", "tests")
_MEMORY = 8 << 30  # bytes a test of small arrays may ask for
_OURS = {"experiments", "lead_jax", "tests"}  # not to be imported ahead
# Nor these: what our tests prepare before they import it, and its needs.
_LATER = {"neural_tangents", "tensorflow", "torch"}
_QUICK = 1.0  # seconds of CPU time
_HANGS = 900  # seconds of wall time after which a process waits for nothing


class Outcome(NamedTuple):
  """What became of a fault.

  Attributes:
    status: `killed`, `survived`, or `never run` where no test runs its lines.
    by: Name of the test that failed, or what ended the process.
    seconds: CPU time.
  """

  status: str
  by: str
  seconds: float


class Trial(NamedTuple):
  """A fault to be tried.

  Attributes:
    fault: The fault.
    files: The files whose tests may decide it.
    before: Its status if none of them does.
  """

  fault: Mutant
  files: frozenset[str]
  before: str


class Room:
  """A room's tests, ready to be run on faults.

  Attributes:
    tests: As the traced run saw them.
  """

  def __init__(
    self,
    name: str,
    checkout: pathlib.Path,
    out: pathlib.Path,
    *,
    files: Sequence[str],
    modules: Sequence[str],
    workers: int,
  ):
    """Copies the checkout and traces those tests that are new or run changed code."""
    self._sources = {m: (checkout / m).read_text(encoding="utf-8") for m in modules}
    self._copies = [out / name / f"copy_{i}" for i in range(workers)]
    self._whole = out / name / "whole"
    self._programs = out / name / "programs"
    self._out = out / name
    copy_checkout(checkout, self._whole)
    for copy in self._copies:
      shutil.rmtree(copy, ignore_errors=True)
      shutil.copytree(self._whole, copy)
    found = self._traced(files, modules)
    self.tests = [Test(**test) for file in files for test in found[file]["tests"]]
    self._found_by: collections.Counter[str] = collections.Counter()
    _import(sorted({name for file in files for name in found[file]["imported"]}))
    if "lead_jax" in sys.modules:
      raise RuntimeError("lead_jax is imported already: its faults would not be seen")
    gc.collect()
    gc.freeze()  # no collector needs to look through what was imported
    for slot, copy in enumerate(self._copies):
      self._warm(slot, copy)

  def _traced(
    self, files: Sequence[str], modules: Sequence[str]
  ) -> dict[str, dict[str, Any]]:
    """Returns what is known of each file's tests, after tracing what is not."""
    path, new = self._out / "traced.json", self._out / "traced_now.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    digests = {
      file: digest_of(self._whole, (file, "tests/conftest.py", *modules))
      for file in files
    }
    todo = [f for f in files if kept.get(f, {}).get("digest") != digests[f]]
    if todo:
      new.unlink(missing_ok=True)
      job = lambda: trace(self._copies[0], todo, modules, self._programs, new)
      if wait(fork(job, self._out / "trace.log")).code or not new.exists():
        log = (self._out / "trace.log").read_text(encoding="utf-8")
        raise RuntimeError(f"the tests fail before anything is changed:\n{log}")
      found = json.loads(new.read_text(encoding="utf-8"))
      for file in todo:
        tests = [t for t in found["tests"] if t["name"].split("::")[0] == file]
        kept[file] = {
          "digest": digests[file],
          "tests": tests,
          "imported": found["imported"],
        }
      new.write_text(json.dumps(kept), encoding="utf-8")
      new.replace(path)
    return {file: kept[file] for file in files}

  def _warm(self, slot: int, copy: pathlib.Path) -> None:
    """Runs the quickest test of every file without a fault, and keeps the bytecode."""
    by_file: dict[str, Test] = {}
    for test in sorted(self.tests, key=lambda test: -test.seconds):
      by_file[test.file] = test
    recorder = Recorder([test.name for test in by_file.values()])
    result, log = self._out / f"result_{slot}.json", self._out / f"log_{slot}.txt"

    def job() -> None:
      run_tests(copy, list(by_file), recorder, self._programs, bytecode=True)
      _end(result, recorder.failed)

    outcome = self._outcome(slot, wait(fork(job, log)))
    if outcome.status != "survived":
      raise RuntimeError(f"without a fault: {outcome}; see {log}")

  def try_all(self, trials: Sequence[Trial]) -> Iterator[tuple[Mutant, Outcome]]:
    """Tries faults, some at a time; yields each as it is decided."""
    waiting = collections.deque(trials)
    free, running = list(range(len(self._copies))), dict[int, tuple[int, Mutant]]()
    begun: dict[int, float] = {}
    while waiting or running:
      while waiting and free:
        mutant, files, before = waiting.popleft()
        tests = self._order(mutant, files)
        if not tests:
          yield mutant, Outcome(before, "", 0.0)
          continue
        slot = free.pop()
        job = self._job(slot, mutant, tests)
        child = fork(job, self._out / f"log_{slot}.txt", limited=True)
        running[child] = slot, mutant
        begun[child] = time.monotonic()
      if not running:
        continue
      ended = wait(0)
      if ended.child == 0:
        for child, since in begun.items():
          if child in running and time.monotonic() - since > _HANGS:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
        continue
      slot, mutant = running.pop(ended.child)
      self._restore(slot, mutant.module)
      free.append(slot)
      outcome = self._outcome(slot, ended)
      self._found_by[outcome.by] += 1
      self._found_by[f"{mutant.module}:{mutant.function}:{outcome.by}"] += 1
      yield mutant, outcome

  def _order(self, mutant: Mutant, files: Collection[str]) -> list[Test]:
    """The tests that run a fault's lines: those that found most first, then the quick.

    What is run at import any test may read: all quick ones are tried too.
    """
    tests = [
      test
      for test in self.tests
      if test.file in files
      and (
        test.runs(mutant.module, mutant.lines)
        or (mutant.at_import and test.seconds < _QUICK)
      )
    ]
    here = f"{mutant.module}:{mutant.function}:"
    return sorted(
      tests,
      key=lambda t: (-self._found_by[here + t.name] / (0.2 + t.seconds), t.seconds),
    )

  def _job(
    self, slot: int, mutant: Mutant, tests: Sequence[Test]
  ) -> Callable[[], None]:
    result = self._out / f"result_{slot}.json"
    result.unlink(missing_ok=True)
    target = self._copies[slot] / mutant.module
    target.write_text(mutant.apply(self._sources[mutant.module]), encoding="utf-8")

    def job() -> None:
      recorder = Recorder(
        [test.name for test in tests],
        lambda name: _end(result, name),
        {test.name: _limit(test) for test in tests},
      )
      files = list(dict.fromkeys(test.file for test in tests))
      run_tests(self._copies[slot], files, recorder, self._programs)
      if not recorder.failed and recorder.ran < len(tests) // 2:
        recorder.failed = "most tests did not run"
      _end(result, recorder.failed)

    return job

  def _restore(self, slot: int, module: str) -> None:
    """Takes a fault out of a copy: its time is what Python knows its bytecode by."""
    shutil.copy2(self._whole / module, self._copies[slot] / module)

  def _outcome(self, slot: int, ended: "Ended") -> Outcome:
    result = self._out / f"result_{slot}.json"
    if not result.exists():
      if ended.code >= 0:
        raise RuntimeError(f"a process ended early: see {self._out}/log_{slot}.txt")
      too_long = ended.code in (-signal.SIGPROF, -signal.SIGKILL)
      by = "took too long" if too_long else f"ended by signal {-ended.code}"
      return Outcome("killed", by, ended.seconds)
    failed = json.loads(result.read_text(encoding="utf-8"))
    return Outcome("killed" if failed else "survived", failed or "", ended.seconds)


class Ended(NamedTuple):
  """A process that ended: its id (0 for none), exit code, and seconds of CPU time."""

  child: int
  code: int
  seconds: float


def fork(job: Callable[[], None], log: pathlib.Path, *, limited: bool = False) -> int:
  """Runs something in a forked process and returns the process's id.

  Args:
    job: What to run.
    log: File for all that it prints.
    limited: Whether its memory has a bound.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of forking with threads; none of ours runs yet
    child = os.fork()
  if child:
    return child
  code = 1
  try:
    with log.open("w", encoding="utf-8") as file:
      os.dup2(file.fileno(), 1)
      os.dup2(file.fileno(), 2)
    if limited:
      try:
        import resource
      except ImportError:  # never where there is a fork
        raise RuntimeError("this system cannot limit a process") from None
      resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    job()
    code = 0
  except BaseException:
    traceback.print_exc()
  finally:
    os._exit(code)


def wait(child: int) -> Ended:
  """Waits for one process to end; with 0, looks whether any has."""
  try:
    found, status, usage = os.wait4(child or -1, 0 if child else os.WNOHANG)
  except ChildProcessError:
    return Ended(0, 0, 0.0)
  code = os.waitstatus_to_exitcode(status) if found else 0
  return Ended(found, code, usage.ru_utime + usage.ru_stime)


def copy_checkout(checkout: pathlib.Path, copy: pathlib.Path) -> None:
  """Makes a folder that holds what tests need of a checkout, as it is now."""
  shutil.rmtree(copy, ignore_errors=True)
  copy.mkdir(parents=True)
  for name in _COPIED:
    source = checkout / name
    if source.is_dir():
      shutil.copytree(source, copy / name)
    else:
      shutil.copy2(source, copy / name)


def test_files(checkout: pathlib.Path, paths: Sequence[str]) -> list[str]:
  """Returns the files of tests that paths name, from the root of the checkout."""
  return [
    str(file.relative_to(checkout))
    for path in (checkout / name for name in paths)
    for file in (sorted(path.rglob("test_*.py")) if path.is_dir() else [path])
  ]


def digest_of(checkout: pathlib.Path, paths: Sequence[str]) -> str:
  """Returns a digest of the text of Python files and of those in folders."""
  digest = hashlib.sha256()
  for name in paths:
    path = checkout / name
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
      digest.update(f"{file.relative_to(checkout)}\0".encode() + file.read_bytes())
  return digest.hexdigest()[:16]


def code_digest(source: str, function: str = "-") -> str:
  """Returns a digest of a function's code, or of a module's, in which faults are put.

  Without comments, docstrings, decorators and imports, which are left alone.

  Args:
    source: Of the module.
    function: Qualified name; `-` for all of the module.
  """
  tree = ast.parse(source)
  for node in ast.walk(tree):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      node.decorator_list = []
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
      node.body = [
        child
        for child in node.body
        if not isinstance(child, ast.Import | ast.ImportFrom)
        and not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant))
      ] or [ast.Pass()]
  outermost = function.split(".")[0]
  chosen = [n for n in tree.body if getattr(n, "name", "") == outermost]
  text = "\n".join(map(ast.unparse, chosen or tree.body))
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _end(result: pathlib.Path, failed: str | None) -> NoReturn:
  """Ends a forked process, and says first which test failed."""
  result.write_text(json.dumps(failed), encoding="utf-8")
  os._exit(0)


def _limit(test: Test) -> float:
  """Seconds of CPU time that a test may take: far more than it needs unchanged."""
  return 15 + 5 * test.seconds


def _import(names: Sequence[str]) -> None:
  """Imports the libraries that a room's tests import, as far as they can be alone."""
  for name in names:
    if name.split(".")[0] in _LATER | _OURS:
      continue
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      try:
        importlib.import_module(name)
      except Exception:  # needs what a test prepares; imported there
        continue


def record_of(
  mutant: Mutant, outcome: Outcome, code: str, tests: Mapping[str, str]
) -> dict[str, Any]:
  """Returns what is kept of a decided fault, as JSON has it."""
  return {
    "name": mutant.name,
    "module": mutant.module,
    "operator": mutant.operator,
    "line": mutant.lines[0][0],
    **outcome._asdict(),
    "code": code,
    "tests": tests,
  }
