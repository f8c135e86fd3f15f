"""`python -m experiments.check_package`: what an installation brings, from end to end.

Builds the sdist and the wheel, installs the wheel into an empty environment, ranks the
bundled zoo there, and runs a part of the tests from the unpacked sdist. Needs the package
`build`, a package index and a few minutes; ends with 1 if a check fails.
"""

import email
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

from absl import app

ROOT = pathlib.Path(__file__).resolve().parents[1]
MOST_MB = 1300
ABSENT = ("matplotlib", "neural_tangents", "sklearn", "tensorflow", "torch")
TESTS = (
  "tests/packaging",
  "tests/test_architecture.py",
  "tests/data/test_digits.py",
  "tests/data/test_folder.py",
  "tests/evaluation/test_published.py",
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


def build(out: pathlib.Path) -> Built:
  """Builds the repository that this file is of."""
  _run([sys.executable, "-m", "build", "--outdir", str(out)], ROOT, check=True)
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
  yield Check("its description has no relative link", not relative, str(relative))


def check_installation(wheel: pathlib.Path, folder: pathlib.Path) -> Iterator[Check]:
  """Installs the wheel into an empty environment, and ranks there."""
  environment = folder / "environment"
  venv.create(environment, with_pip=True)
  python = environment / "bin" / "python"
  install = [str(python), "-m", "pip", "install", "--quiet", str(wheel)]
  seconds, done = _run(install, folder)
  yield Check("pip install", done.returncode == 0, f"{seconds:.0f} s")
  size = _run(["du", "-sm", str(environment)], folder, check=True)[1].stdout.split()[0]
  limit = f"at most {MOST_MB / 1000} GB installed"
  yield Check(limit, int(size) <= MOST_MB, f"{size} MB")
  for module in ABSENT:
    _, done = _run([str(python), "-c", f"import {module}"], folder)
    missing = done.returncode == 1 and "ModuleNotFoundError" in done.stderr
    yield Check(f"{module} is not installed", missing, "")
  command = [str(environment / "bin" / "lead-rank")]
  cache = {"LEAD_JAX_CACHE": str(folder / "cache")}
  for name in ("lead-rank ends with the table", "and again"):
    seconds, done = _run([*command, "--overwrite"], folder, **cache)
    table = done.returncode == 0 and "resnet_supervised" in done.stdout
    yield Check(
      name, table, f"{seconds:.0f} s {done.stderr[-300:] if not table else ''}"
    )


def check_sdist(sdist: pathlib.Path, folder: pathlib.Path) -> Iterator[Check]:
  """Runs a part of the tests where the sdist is unpacked."""
  with tarfile.open(sdist) as archive:
    archive.extractall(folder, filter="data")
  (unpacked,) = folder.iterdir()
  own = {"PYTHONPATH": str(unpacked)}
  where = [sys.executable, "-c", "import lead_jax; print(lead_jax.__file__)"]
  file = _run(where, unpacked, check=True, **own)[1].stdout.strip()
  size = f"{sdist.stat().st_size / 1e6:.1f} MB"
  yield Check(
    "the sdist is imported", pathlib.Path(file).is_relative_to(unpacked), size
  )
  tests = [sys.executable, "-m", "pytest", "-n", "0", *TESTS]
  seconds, done = _run(tests, unpacked, **own)
  last = done.stdout.strip().splitlines()[-1:]
  yield Check("its tests pass", done.returncode == 0, f"{seconds:.0f} s: {last}")


def _run(
  command: list[str], cwd: pathlib.Path, *, check: bool = False, **environment: str
) -> tuple[float, subprocess.CompletedProcess[str]]:
  started = time.perf_counter()
  inherited = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
  done = subprocess.run(
    command, cwd=cwd, capture_output=True, text=True, env=inherited | environment
  )
  if check and done.returncode:
    raise app.UsageError(f"{command} ended with {done.returncode}:\n{done.stderr}")
  return time.perf_counter() - started, done


def run() -> int:
  """Makes every check; returns how many fail."""
  failed = 0
  with tempfile.TemporaryDirectory() as name:
    out, installed, unpacked = (pathlib.Path(name, part) for part in "biu")
    for folder in (out, installed, unpacked):
      folder.mkdir()
    built = build(out)
    for checks in (
      check_wheel(built.wheel),
      check_installation(built.wheel, installed),
      check_sdist(built.sdist, unpacked),
    ):
      for check in checks:
        failed += not check.holds
        mark = "ok  " if check.holds else "FAIL"
        print(f"{mark} {check.name:40} {check.figure}", flush=True)
  return failed


def main(argv):
  if argv[1:]:
    raise app.UsageError(f"no arguments are known, got {argv[1:]}")
  sys.exit(1 if run() else 0)


if __name__ == "__main__":
  app.run(main)
