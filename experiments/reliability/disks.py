"""A disk that is full at different moments of a run: results are told, space heals.

Where a small file system can be mounted (root on Linux), the run is given one of a few
blocks. Elsewhere no file may grow beyond a limit (RLIMIT_FSIZE): other files fail at the
same calls with another error.
"""

import contextlib
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

from experiments.reliability import job
from experiments.reliability.cases import Found

# KiB of the disk that are free, or of the largest file, where it cannot be mounted.
LEVELS = (0, 4, 12, 28, 60, 100, 160, 240, 360, 520)
_LIMIT = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, resource.RLIM_INFINITY))
"""
_GROWN = "64m"


@contextlib.contextmanager
def small_disk(place: pathlib.Path, kib: int) -> Iterator[bool]:
  """Mounts a disk with so much room; yields False where that is not allowed."""
  place.mkdir(parents=True, exist_ok=True)
  # The root folder and the two below it take a block of 4 KiB each.
  size = f"size={kib + 4}k"
  command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)]
  try:
    mounted = not subprocess.run(command, capture_output=True, check=False).returncode
  except OSError:
    mounted = False
  try:
    yield mounted
  finally:
    if mounted:
      subprocess.run(["umount", str(place)], check=True)


def fill(case: int, folder: pathlib.Path) -> Found:
  """Runs on a full disk, makes room, and runs again."""
  kib = LEVELS[case % len(LEVELS)]
  expected, _ = job.reference(folder / "reference")
  place = folder / f"disk-{case}"
  shutil.rmtree(place, ignore_errors=True)
  cache, out = place / "cache", place / "out"
  with small_disk(place, kib) as mounted:
    limit = "" if mounted else _LIMIT.format(1024 * kib)
    ended = job.end(job.start(cache, out, before=limit))
    lost, wrong = _told(ended, expected)
    left = job.temporaries(cache, out)
    if mounted:
      command = ["mount", "-o", f"remount,size={_GROWN}", str(place)]
      subprocess.run(command, check=True)
    _, differs, later = job.finished(cache, out, expected, set())
  shutil.rmtree(place, ignore_errors=True)
  how = "tmpfs" if mounted else "RLIMIT_FSIZE"
  kind = f"{kib} KiB ({how}), exit code {ended.code}"
  return Found("full disks", case, kind, lost, [*wrong, *differs], [*left, *later])


def _told(ended: job.Ended, expected: job.Scores) -> tuple[list[str], list[str]]:
  """What a run on a full disk did not print, and what it should not have said."""
  wrong = []
  if "Traceback" in ended.err:
    wrong.append(f"traceback: {ended.err[-200:]}")
  if ended.code not in (0, 2):
    wrong.append(f"exit code {ended.code}")
  if ended.code == 2 and not re.search("cannot be|cannot write", ended.err):
    wrong.append(f"no reason: {ended.err[-200:]}")
  if "cannot be opened" in ended.err or "Models:" not in ended.err:
    return [], wrong  # refused before any work
  scored = {name.split()[0] for name in expected}
  lost = [f"not printed: {name}" for name in scored if name not in ended.out]
  return lost, wrong
