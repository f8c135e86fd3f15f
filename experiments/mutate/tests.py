"""Which tests run what: one run of a room's tests, with every line of the rooms traced.

Tests are run by pytest inside the calling process, which is a fork that ends with them.
"""

import json
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.mutate.operators import Lines

ROOMS = {
  "ntk": ("tests/ntk",),
  "dynamics": ("tests/dynamics",),
  "logits": ("tests/logits",),
  "statistics": ("tests/statistics",),
  "metrics": ("tests/metrics",),
}


class Test(NamedTuple):
  """A test as the traced run saw it.

  Attributes:
    name: Its pytest node id.
    seconds: CPU time.
    lines: By module, the lines that it ran.
  """

  name: str
  seconds: float
  lines: Mapping[str, Sequence[int]]

  @property
  def file(self) -> str:
    """Its file, from the root of the checkout."""
    return self.name.split("::")[0]

  def runs(self, module: str, lines: Lines) -> bool:
    """Whether it ran any of a module's lines from a first to a last."""
    ran = self.lines.get(module, ())
    return any(first <= line <= last for first, last in lines for line in ran)


class Recorder:
  """A pytest plug-in: chooses tests and their order, and says what became of them.

  Attributes:
    failed: Name of the first test that failed; a file that could not be imported.
    ran: Number of tests that passed.
  """

  def __init__(
    self,
    names: Sequence[str] | None = None,
    when_failed: Callable[[str], None] | None = None,
    limits: Mapping[str, float] | None = None,
  ):
    """Takes the tests to run, and how they end.

    Args:
      names: Of the tests, in order; all where None.
      when_failed: What to do at the first failure.
      limits: By test, seconds of CPU time after which SIGPROF ends the process.
    """
    self._names = names
    self._when_failed = when_failed
    self._limits = limits or {}
    self.failed: str | None = None
    self.ran = 0

  def pytest_collection_modifyitems(self, items: list[Any]) -> None:
    if self._names is not None:
      by_name = {item.nodeid: item for item in items}
      items[:] = [by_name[name] for name in self._names if name in by_name]

  def pytest_runtest_logstart(self, nodeid: str) -> None:
    signal.setitimer(signal.ITIMER_PROF, self._limits.get(nodeid, 0))

  def _failed(self, name: str) -> None:
    self.failed = self.failed or name
    if self._when_failed:
      self._when_failed(name)

  def pytest_collectreport(self, report: Any) -> None:
    if report.failed:
      self._failed(report.nodeid)

  def pytest_exception_interact(self, node: Any) -> None:
    self._failed(node.nodeid)

  def pytest_runtest_logreport(self, report: Any) -> None:
    self.ran += report.when == "call" and report.passed


class _Tracer(Recorder):
  """Notes, test by test, the lines of some modules that are run."""

  def __init__(self, root: pathlib.Path, modules: Iterable[str]):
    super().__init__()
    self._modules = {str(root / module): module for module in modules}
    self.tests: list[Test] = []
    self._lines: dict[str, set[int]] = {}

  def _trace(self, frame: Any, event: str, argument: Any) -> Any:
    module = self._modules.get(frame.f_code.co_filename)
    if module is None:
      return None
    self._lines.setdefault(module, set()).add(frame.f_lineno)
    return self._trace

  def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
    """A process of its own may run any line."""
    if event == "subprocess.Popen":
      for path, module in self._modules.items():
        count = len(pathlib.Path(path).read_text(encoding="utf-8").splitlines())
        self._lines.setdefault(module, set()).update(range(1, count + 1))

  def pytest_sessionstart(self) -> None:
    sys.addaudithook(self._audit)

  def pytest_runtest_protocol(self, item: Any) -> None:
    import jax

    jax.clear_caches()  # what is compiled is not run again, and would not be seen
    self._lines = {}
    self._begun = time.process_time()
    threading.settrace(self._trace)
    sys.settrace(self._trace)

  def pytest_runtest_logfinish(self, nodeid: str) -> None:
    sys.settrace(None)
    threading.settrace(None)
    lines = {module: sorted(found) for module, found in self._lines.items()}
    self.tests.append(Test(nodeid, time.process_time() - self._begun, lines))


def run_tests(
  root: pathlib.Path,
  paths: Sequence[str],
  recorder: Recorder,
  programs: pathlib.Path,
  *,
  bytecode: bool = False,
) -> None:
  """Runs tests in this process, up to the first failure.

  Args:
    root: Checkout that they are of.
    paths: Files or folders in it.
    recorder: Chooses among them and learns how they end.
    programs: Folder of compiled programs.
    bytecode: Whether to keep what Python compiles.
  """
  os.chdir(root)
  sys.path.insert(0, str(root))
  sys.dont_write_bytecode = not bytecode
  os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
  os.environ["PYTHONPATH"] = str(root)
  import jax
  import pytest

  jax.config.update("jax_compilation_cache_dir", str(programs))
  jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
  options = ["-x", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
  options += ["-o", "addopts=--import-mode=importlib"]
  # Libraries are imported already, those that are plug-ins of pytest too.
  options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
  code = pytest.main([*options, *paths], [recorder])
  if (
    code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    and not recorder.failed
  ):
    recorder.failed = f"pytest: {pytest.ExitCode(code).name}"


def trace(
  root: pathlib.Path,
  paths: Sequence[str],
  modules: Sequence[str],
  programs: pathlib.Path,
  out: pathlib.Path,
) -> None:
  """Runs tests traced, keeps their compiled programs, and writes what they ran as JSON."""
  tracer = _Tracer(root, modules)
  import jax

  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
  run_tests(root, paths, tracer, programs)
  here = sorted(name for name in sys.modules if name != "__main__")
  if tracer.failed:
    raise SystemExit(f"{tracer.failed} fails before anything is changed")
  found = {"tests": [test._asdict() for test in tracer.tests], "imported": here}
  out.write_text(json.dumps(found), encoding="utf-8")
