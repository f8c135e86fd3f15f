"""`python -m experiments.check_package`: what an installation brings, from end to end.

Builds the sdist and the wheel, installs the wheel into an empty environment, ranks the
bundled zoo there, and runs a part of the tests from the unpacked sdist. Needs the package
`build`, a package index and a few minutes; ends with 1 if a check fails.
"""

import pathlib
import sys
import tempfile
from collections.abc import Sequence

from absl import flags

from experiments.packaging import checks
from lead_jax.commands import end_well, print_text, read_flags

FLAGS = flags.FlagValues()


def run() -> int:
  """Makes every check; returns how many fail."""
  failed = 0
  with tempfile.TemporaryDirectory() as name:
    parts = [pathlib.Path(name, part) for part in ("built", "installed", "unpacked")]
    for folder in parts:
      folder.mkdir()
    built, installed, unpacked = parts
    sdist, wheel = checks.build_both(built)
    for found in (
      checks.check_wheel(wheel),
      checks.check_installation(wheel, installed),
      checks.check_sdist(sdist, unpacked),
    ):
      for check in found:
        failed += not check.holds
        mark = "ok  " if check.holds else "FAIL"
        print_text(f"{mark} {check.name:40} {check.figure}".rstrip())
  return failed


def main(argv: Sequence[str]) -> int:
  """Makes the checks; returns the exit code."""

  def work() -> int:
    return 0 if read_flags(FLAGS, __doc__, argv) is None else int(run() > 0)

  return end_well("experiments.check_package", work)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
