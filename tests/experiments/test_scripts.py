"""What all scripts share."""

import pathlib
import subprocess
import sys

import experiments

FOLDER = pathlib.Path(experiments.__file__).parent


def test_all_scripts_can_be_imported_in_one_process():
  """Two that define one flag of the whole process could not; tests import several."""
  names = [f"experiments.{path.stem}" for path in sorted(FOLDER.glob("*.py"))]
  names.append("experiments.benchmark.__main__")
  code = "; ".join(f"import {name}" for name in names)
  result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
  assert result.returncode == 0, result.stderr
