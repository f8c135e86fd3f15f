"""What all scripts share."""

import importlib
import pathlib
import re
import subprocess
import sys

import pytest

import experiments

FOLDER = pathlib.Path(experiments.__file__).parent


def test_all_scripts_can_be_imported_in_one_process():
  """Two that define one flag of the whole process could not; tests import several."""
  names = [f"experiments.{path.stem}" for path in sorted(FOLDER.glob("*.py"))]
  names.append("experiments.benchmark.__main__")
  code = "; ".join(f"import {name}" for name in names)
  result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
  assert result.returncode == 0, result.stderr


SCRIPTS = [
  ("experiments.describe_metrics", "page"),
  ("experiments.benchmark.__main__", "json"),
]


@pytest.mark.parametrize(("script", "flag"), SCRIPTS)
def test_a_file_that_cannot_be_written_is_one_line(script, flag, tmp_path, capsys):
  (tmp_path / "file").touch()
  main = importlib.import_module(script).main
  argv = ["x", f"--{flag}={tmp_path / 'file' / 'below'}"]
  argv += ["--only="] if flag == "json" else []
  assert main(argv) == 2
  (line,) = capsys.readouterr().err.splitlines()
  name = script.removesuffix(".__main__")
  assert line.startswith(f"{name}: cannot write ")
  assert line.endswith(f"give another --{flag}")


def test_every_script_ends_as_the_commands_do():
  """One line for what is wrong, no traceback when stopped: by `end_well`."""
  for path in [*FOLDER.glob("*.py"), *FOLDER.glob("*/__main__.py")]:
    text = path.read_text(encoding="utf-8")
    if "sys.argv" not in text and "app.run" not in text:
      continue
    if path.parent.name == "mutate":  # must fork before it imports anything of ours
      assert "sys.exit(2)" in text
      continue
    ends = r"run_script\(|end_well\(|import run\b|command\.run\("
    assert re.search(ends, text), path
