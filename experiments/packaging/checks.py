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


def build_both(out: pathlib.Path) -> Built:
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
    seconds, done = _run([*command, "--overwrite"], folder, cache)
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
  file = _run(where, unpacked, own, check=True)[1].stdout.strip()
  size = f"{sdist.stat().st_size / 1e6:.1f} MB"
  yield Check(
    "the sdist is imported", pathlib.Path(file).is_relative_to(unpacked), size
  )
  tests = [sys.executable, "-m", "pytest", "-n", "0", *TESTS]
  seconds, done = _run(tests, unpacked, own)
  last = done.stdout.strip().splitlines()[-1:]
  yield Check("its tests pass", done.returncode == 0, f"{seconds:.0f} s: {last}")


def _run(
  command: list[str],
  cwd: pathlib.Path,
  environment: dict[str, str] | None = None,
  *,
  check: bool = False,
) -> tuple[float, subprocess.CompletedProcess[str]]:
  started = time.perf_counter()
  inherited = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
  done = subprocess.run(
    command,
    cwd=cwd,
    capture_output=True,
    text=True,
    env=inherited | (environment or {}),
  )
  if check and done.returncode:
    raise ChildProcessError(f"{command} ended with {done.returncode}:\n{done.stderr}")
  return time.perf_counter() - started, done
