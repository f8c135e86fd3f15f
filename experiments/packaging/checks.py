"""What is checked of the sdist, the wheel and an installation, with what was measured."""

import email
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_MB = 1300
ABSENT = ("matplotlib", "neural_tangents", "sklearn", "tensorflow", "torch")
TESTS = (
  "tests/packaging",
  "tests/test_architecture.py",
  "tests/data/test_digits.py",
  "tests/data/test_folder.py",
  "tests/literature",
  "tests/statistics",
)


class Check(NamedTuple):
  """One check, whether it holds, and what was measured."""

  name: str
  holds: bool
  figure: str


class Built(NamedTuple):
  """What `python -m build` made."""

  sdist: pathlib.Path
  wheel: pathlib.Path


def build_both(out: pathlib.Path) -> Built:
  """Builds the repository that this file is of."""
  done = _run([sys.executable, "-m", "build", "--outdir", str(out)], ROOT)
  if done.code:
    raise ChildProcessError(f"python -m build failed: {done.err}")
  (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
  return Built(sdist, wheel)


def check_wheel(wheel: pathlib.Path) -> Iterator[Check]:
  """Holds the wheel against the package's folder: all of it, and nothing else."""
  with zipfile.ZipFile(wheel) as archive:
    names = {name for name in archive.namelist() if ".dist-info/" not in name}
    (metadata,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    described = email.message_from_bytes(archive.read(metadata)).get_payload()
  package = {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "lead_jax").rglob("*")
    if path.is_file() and path.suffix != ".pyc"
  }
  size = f"{len(names)} files, {wheel.stat().st_size / 1e6:.1f} MB"
  yield Check("the wheel is the package", names == package, size)
  relative = re.findall(r"\]\((?!https?:|#)[^)]*\)", str(described))
  yield Check("its description has no relative link", not relative, " ".join(relative))


def check_installation(wheel: pathlib.Path, folder: pathlib.Path) -> Iterator[Check]:
  """Installs the wheel into an empty environment, and ranks there."""
  environment = folder / "environment"
  venv.create(environment, with_pip=True)
  python = environment / "bin" / "python"
  done = _run([str(python), "-m", "pip", "install", "--quiet", str(wheel)], folder)
  yield Check("pip install", done.code == 0, done.said)
  size = int(_run(["du", "-sm", str(environment)], folder).out.split()[0])
  limit = f"at most {MOST_MB / 1000} GB installed"
  yield Check(limit, size <= MOST_MB, f"{size} MB")
  for module in ABSENT:
    done = _run([str(python), "-c", f"import {module}"], folder)
    missing = done.code == 1 and "ModuleNotFoundError" in done.err
    yield Check(f"{module} is not installed", missing, "")
  command = [str(environment / "bin" / "lead-rank"), "--overwrite"]
  cache = {"LEAD_JAX_CACHE": str(folder / "cache")}
  for name in ("lead-rank ends with the table", "and again, from the store"):
    done = _run(command, folder, cache)
    table = done.code == 0 and "resnet_supervised" in done.out
    yield Check(name, table, done.said)


def check_sdist(sdist: pathlib.Path, folder: pathlib.Path) -> Iterator[Check]:
  """Runs a part of the tests where the sdist is unpacked."""
  with tarfile.open(sdist) as archive:
    archive.extractall(folder, filter="data")
  (unpacked,) = folder.iterdir()
  own = {"PYTHONPATH": str(unpacked)}
  where = [sys.executable, "-c", "import lead_jax; print(lead_jax.__file__)"]
  file = pathlib.Path(_run(where, unpacked, own).out.strip())
  size = f"{sdist.stat().st_size / 1e6:.1f} MB"
  yield Check("the sdist is imported", file.is_relative_to(unpacked), size)
  tests = [sys.executable, "-m", "pytest", "-n", "0", *TESTS]
  done = _run(tests, unpacked, own)
  yield Check("its tests pass", done.code == 0, f"{done.said}; {_last(done.out)}")


class _Done(NamedTuple):
  """A command that has ended, and how long it took."""

  code: int
  out: str
  err: str
  seconds: float
  cpu_seconds: float

  @property
  def said(self) -> str:
    """Its seconds and, where it failed, the last line of its errors."""
    seconds = f"{self.seconds:.0f} s ({self.cpu_seconds:.0f} s of CPU)"
    return f"{seconds} {_last(self.err)}" if self.code else seconds


def _run(
  command: list[str],
  cwd: pathlib.Path,
  environment: dict[str, str] | None = None,
) -> _Done:
  started, before = time.perf_counter(), _cpu_seconds()
  inherited = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
  done = subprocess.run(
    command,
    cwd=cwd,
    capture_output=True,
    text=True,
    env=inherited | (environment or {}),
  )
  seconds, cpu_seconds = time.perf_counter() - started, _cpu_seconds() - before
  return _Done(done.returncode, done.stdout, done.stderr, seconds, cpu_seconds)


def _cpu_seconds() -> float:
  spent = os.times()
  return spent.children_user + spent.children_system


def _last(text: str) -> str:
  return (text.strip().splitlines() or [""])[-1]
